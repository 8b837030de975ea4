"""The operator's pages: registrations, guides, and looking at a portal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.html import conditional_escape

from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.sandbox import PortalSpec, RunningPortal, serve
from phr.accounts.models import User
from phr.core import network
from phr.core.environment import DatabaseAddress
from phr.sources.models import Portal, Registration
from phr.sources.registrations import callback_url
from phr.web.templatetags.phr_web import with_code

PROFILES = load_registry()
SECRET = "a secret nobody may see again"
VENDOR = next(p.id for p in PROFILES.values() if {"public", "client_secret_basic"} <= set(p.auth.clients))

REGISTERING = next(p for p in PROFILES.values() if p.auth.dynamic_registration == "rfc7591")


@pytest.fixture
def operator(committed: DatabaseAddress, make_user: Callable[..., User]) -> Client:
    user = make_user("operator@example.org")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(pk=user.pk))
    return client


@contextmanager
def reachable(profile: Profile, folder: Path, *, initial_access_token: str = "") -> Iterator[RunningPortal]:
    """Run a portal that this process may reach."""
    spec = PortalSpec(slug="mercy", name="Mercy", profile=profile, initial_access_token=initial_access_token)
    with serve([spec], state_dir=folder) as found:
        running = found.portal("mercy")
        network.egress.cache_clear()
        with override_settings(PHR_EGRESS_ALLOW=frozenset({("127.0.0.1", running.port)})):
            yield running
            network.egress().close()
        network.egress.cache_clear()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[RunningPortal]:
    with reachable(PROFILES["generic"], tmp_path) as running:
        yield running


@pytest.fixture
def registering(tmp_path: Path) -> Iterator[RunningPortal]:
    """A portal that registers apps by itself, and stands in the directory."""
    with reachable(REGISTERING, tmp_path) as running:
        Portal.objects.create(profile_id=REGISTERING.id, name="Mercy", base_url=running.base_url)
        yield running


def by_itself(operator: Client, profile: Profile, url: str, **further: str) -> HttpResponse:
    address = reverse("registrations_by_itself", args=[profile.id])
    return cast("HttpResponse", operator.post(address, {"url": url, **further}))


def test_a_vendor_without_registration_is_offered_with_its_guide(operator: Client) -> None:
    listed = operator.get(reverse("registrations"))
    guide = operator.get(reverse("registrations_vendor", args=[VENDOR]))

    assert reverse("registrations_vendor", args=[VENDOR]) in listed.content.decode()
    assert f"/callback/{VENDOR}/" in guide.content.decode()
    assert guide.status_code == 200


@pytest.mark.parametrize("profile_id", sorted(PROFILES))
def test_every_vendor_has_a_guide(operator: Client, profile_id: str) -> None:
    assert operator.get(reverse("registrations_vendor", args=[profile_id])).status_code == 200


def test_a_registration_is_kept_and_its_secret_never_shown_again(operator: Client) -> None:
    form = {"client_id": "abc-123", "method": "client_secret_basic", "secret": SECRET}
    kept = operator.post(reverse("registrations_vendor", args=[VENDOR]), form)

    assert (kept.status_code, kept["Location"]) == (302, reverse("registrations_vendor", args=[VENDOR]))
    for name, args in (("registrations", []), ("registrations_vendor", [VENDOR])):
        page = operator.get(reverse(name, args=args)).content.decode()
        assert "abc-123" in page
        assert SECRET not in page
    row = Registration.objects.get(profile_id=VENDOR)
    assert SECRET.encode() not in bytes(row.secret or b"")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        pytest.param({"client_id": "", "method": "public"}, "client_id", id="no_client_id"),
        pytest.param({"client_id": "a", "method": "telepathy"}, "method", id="unknown_method"),
        pytest.param({"client_id": "a", "method": "client_secret_basic"}, "secret", id="no_secret"),
        pytest.param(
            {"client_id": "a", "method": "public", "secret": SECRET}, "secret", id="needless_secret"
        ),
        pytest.param(
            {"client_id": "a", "method": "public", "portal_url": "https://nobody.example.org"},
            "portal_url",
            id="no_portal",
        ),
        pytest.param(
            {"client_id": "a", "method": "public", "portal_url": "ftp://x"}, "portal_url", id="no_address"
        ),
        pytest.param(
            {"client_id": "a", "method": "public", "redirect_uri": "x#y"}, "__all__", id="no_redirect_uri"
        ),
        pytest.param(
            {"client_id": "a\u00e9", "method": "public"}, "__all__", id="client_id_of_other_letters"
        ),
    ],
)
def test_what_cannot_be_a_registration_is_said_beside_its_field(
    operator: Client, form: dict[str, str], field: str
) -> None:
    answer = operator.post(reverse("registrations_vendor", args=[VENDOR]), form)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert SECRET not in answer.content.decode()
    assert not Registration.objects.exists()


def test_a_form_with_a_fault_stands_first_and_begins_at_the_fault(operator: Client) -> None:
    address = reverse("registrations_vendor", args=[VENDOR])
    fine = operator.get(address).content.decode()
    wrong = operator.post(address, {"client_id": "", "method": "public"}).content.decode()

    assert fine.index('id="register"') < fine.index('id="keep"')
    assert "autofocus" not in fine
    assert wrong.index('id="keep"') < wrong.index('id="register"')
    [focused] = re.findall(r"<input[^>]* autofocus[^>]*>", wrong)
    assert 'name="client_id"' in focused


def test_what_is_wrong_is_never_folded_away(operator: Client) -> None:
    address = reverse("registrations_vendor", args=[VENDOR])
    form = {"client_id": "a", "method": "public", "portal_url": "ftp://x"}
    wrong = operator.post(address, form).content.decode()

    folded = re.search(r"<details[^>]*>(?:(?!</details>).)*name=\"portal_url\"", wrong, re.DOTALL)
    assert folded is not None
    assert " open" in folded.group().partition(">")[0]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_secret_is_asked_for_where_the_vendor_gives_one(operator: Client, profile: Profile) -> None:
    page = operator.get(reverse("registrations_vendor", args=[profile.id])).content.decode()

    sending = [way.startswith("client_secret") for way in profile.auth.clients]
    field = re.search(r"<input[^>]*name=\"secret\"[^>]*>", page)
    assert (field is not None) == any(sending)
    assert field is None or (" required" in field.group()) == all(sending)


def test_what_stands_between_backticks_is_drawn_as_code() -> None:
    assert with_code("say `a<b` & go") == "say <code>a&lt;b</code> &amp; go"
    assert conditional_escape(with_code("one ` <alone>")) == "one ` &lt;alone&gt;"


def test_a_test_reads_what_the_portal_says_and_signs_nobody_in(
    operator: Client, portal: RunningPortal
) -> None:
    Portal.objects.create(profile_id="generic", name="Mercy", base_url=portal.base_url)
    answer = operator.post(reverse("registrations_test", args=["generic"]), {"url": portal.base_url})

    assert answer.status_code == 200
    assert answer.context["check"].profile_id == "generic"
    assert answer.context["check"].missing  # we are not registered there
    assert {(each.method, each.status) for each in portal.requests()} <= {("GET", 200), ("GET", 404)}
    assert not any("authorize" in each.path for each in portal.requests())


def test_a_registration_that_the_portal_knows_gets_as_far_as_its_sign_in(
    operator: Client, portal: RunningPortal
) -> None:
    Portal.objects.create(profile_id="generic", name="Mercy", base_url=portal.base_url)
    form = {"client_id": portal.client_id, "method": "public"}
    operator.post(reverse("registrations_vendor", args=["generic"]), form)

    def answered() -> str:
        page = operator.post(reverse("check_portal"), {"url": portal.base_url, "vendor": ""})
        return str(page.context["check"].answered)

    assert answered() == "refused"  # the portal does not know our redirect URI yet
    portal.allow_redirect(callback_url(slug="generic"))
    assert answered() == "sign_in"


def test_a_portal_that_does_not_answer_is_a_sentence(operator: Client) -> None:
    answer = operator.post(reverse("check_portal"), {"url": "https://127.0.0.1:1/fhir", "vendor": ""})

    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors()


def test_a_portal_registers_this_server_by_itself(operator: Client, registering: RunningPortal) -> None:
    check = {"url": registering.base_url, "vendor": REGISTERING.id}
    before = operator.post(reverse("check_portal"), check)
    offered = reverse("registrations_by_itself", args=[REGISTERING.id])
    assert offered in before.content.decode()

    made = by_itself(operator, REGISTERING, registering.base_url)

    assert (made.status_code, made["Location"]) == (
        302,
        reverse("registrations_vendor", args=[REGISTERING.id]),
    )
    row = Registration.objects.get()
    assert (row.origin, row.portal) == (Registration.Origin.DYNAMIC, Portal.objects.get())
    assert row.client_id in operator.get(made["Location"]).content.decode()
    after = operator.post(reverse("check_portal"), check)
    assert after.context["check"].answered == "sign_in"
    assert offered not in after.content.decode()


def test_it_is_offered_where_discovery_or_the_profile_says_so(
    operator: Client, portal: RunningPortal
) -> None:
    Portal.objects.create(profile_id="generic", name="Mercy", base_url=portal.base_url)
    for profile in (PROFILES["generic"], REGISTERING):
        page = operator.get(reverse("registrations_vendor", args=[profile.id])).content.decode()
        offered = reverse("registrations_by_itself", args=[profile.id])
        assert (offered in page) == (profile is REGISTERING)
    checked = operator.post(reverse("check_portal"), {"url": portal.base_url, "vendor": "generic"})
    assert not checked.context["check"].registers_itself


def test_a_portal_that_offers_no_registration_says_so_in_words(
    operator: Client, portal: RunningPortal
) -> None:
    Portal.objects.create(profile_id="generic", name="Mercy", base_url=portal.base_url)
    answer = by_itself(operator, PROFILES["generic"], portal.base_url)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "does not offer to register anybody" in page
    assert page.index('id="itself"') < page.index('id="register"')
    assert not Registration.objects.exists()


@pytest.mark.parametrize(
    ("url", "profile_id", "said"),
    [
        ("https://nobody.example.org/r4", REGISTERING.id, "no portal with this address"),
        ("ftp://x", REGISTERING.id, "looks like https://"),
        ("", REGISTERING.id, "required"),
        ("https://other.example.org/r4", REGISTERING.id, "belongs to another vendor"),
        (
            "https://127.0.0.1:1/r4",
            REGISTERING.id,
            "did not register this server: the address is not one we may",
        ),
    ],
)
def test_an_address_that_cannot_be_registered_at_is_a_sentence(
    operator: Client, url: str, profile_id: str, said: str
) -> None:
    Portal.objects.create(profile_id="generic", name="Other", base_url="https://other.example.org/r4")
    Portal.objects.create(profile_id=REGISTERING.id, name="Mercy", base_url="https://127.0.0.1:1/r4")
    answer = by_itself(operator, PROFILES[profile_id], url)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Registration.objects.exists()


def test_an_initial_access_token_is_asked_for_and_never_shown(operator: Client, tmp_path: Path) -> None:
    with reachable(REGISTERING, tmp_path, initial_access_token="its own") as running:
        Portal.objects.create(profile_id=REGISTERING.id, name="Mercy", base_url=running.base_url)

        without = by_itself(operator, REGISTERING, running.base_url)
        assert without.status_code == 422
        assert "without an initial access token that it accepts" in without.content.decode()
        wrong = by_itself(operator, REGISTERING, running.base_url, token=SECRET)
        assert wrong.status_code == 422
        assert SECRET not in wrong.content.decode()
        assert not Registration.objects.exists()

        assert by_itself(operator, REGISTERING, running.base_url, token="its own").status_code == 302
        assert Registration.objects.get().origin == Registration.Origin.DYNAMIC


def test_a_portal_that_refuses_our_address_says_so_in_words(
    operator: Client, registering: RunningPortal
) -> None:
    with override_settings(PHR_BASE_URL="http://health.example.org"):
        answer = by_itself(operator, REGISTERING, registering.base_url)

    assert answer.status_code == 422
    assert "most take https addresses alone" in answer.content.decode()
    assert not Registration.objects.exists()


def test_a_vendor_without_a_profile_registers_nobody(operator: Client) -> None:
    address = reverse("registrations_by_itself", args=["nobody"])
    assert operator.post(address, {"url": "https://x.example"}).status_code == 404


def test_a_page_of_the_operator_is_there_for_operators_alone(
    committed: DatabaseAddress, make_user: Callable[..., User]
) -> None:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(make_user("somebody@example.org"))

    for name, args in (
        ("operate", []),
        ("check_portal", []),
        ("registrations", []),
        ("registrations_vendor", ["generic"]),
        ("registrations_test", ["generic"]),
        ("registrations_by_itself", ["generic"]),
    ):
        assert client.post(reverse(name, args=args)).status_code in {404, 405}, name
        assert client.get(reverse(name, args=args)).status_code in {404, 405}, name
    assert "operate" not in client.get(reverse("people")).content.decode()
