"""The operator's pages: registrations, guides, and looking at a portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from connectors.registry import load_registry
from connectors.sandbox import PortalSpec, RunningPortal, serve
from phr.accounts.models import User
from phr.core import network
from phr.core.environment import DatabaseAddress
from phr.sources.models import Portal, Registration
from phr.sources.registrations import callback_url

PROFILES = load_registry()
SECRET = "a secret nobody may see again"
VENDOR = next(p.id for p in PROFILES.values() if {"public", "client_secret_basic"} <= set(p.auth.clients))


@pytest.fixture
def operator(committed: DatabaseAddress, make_user: Callable[..., User]) -> Client:
    user = make_user("operator@example.org")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[RunningPortal]:
    """A portal that this process may reach."""
    with serve(
        [PortalSpec(slug="mercy", name="Mercy", profile=PROFILES["generic"])], state_dir=tmp_path
    ) as found:
        running = found.portal("mercy")
        network.egress.cache_clear()
        with override_settings(PHR_EGRESS_ALLOW=frozenset({("127.0.0.1", running.port)})):
            yield running
            network.egress().close()
        network.egress.cache_clear()


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
    ):
        assert client.post(reverse(name, args=args)).status_code in {404, 405}, name
        assert client.get(reverse(name, args=args)).status_code in {404, 405}, name
    assert "operate" not in client.get(reverse("people")).content.decode()
