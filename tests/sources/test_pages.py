"""The pages of the journeys, asked as a browser asks them, with a portal that is really there."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from connectors.sandbox import SandboxClient
from connectors.smart import authorize
from phr.accounts import access
from phr.accounts.models import User
from phr.sources.models import ConnectAttempt, Registration, Source
from phr.web import journeys
from phr.web.views import connect
from tests.connectors.sandbox.browser import send
from tests.sources.conftest import ANNA, DOCTOR, House, OpenHouse
from tests.sources.test_bad_answers import MOVED, Liar
from tests.sources.test_launch import EHR, sources

PASSWORD = "a long enough password"


@pytest.fixture
def user(committed: object, make_user: Callable[..., User]) -> User:
    return make_user("anna@example.org", PASSWORD)


@pytest.fixture
def browser(user: User) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


@pytest.fixture
def open_there(house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> Callable[..., House]:
    """Open a house, and let the pages out to it."""

    def open_there(*args: object, **changes: object) -> House:
        there = house(*args, **changes)  # type: ignore[arg-type]
        for module in (journeys, connect):
            monkeypatch.setattr(module, "egress", lambda: there.egress)
        return there

    return open_there


def page(there: House, name: str, *args: object) -> str:
    return reverse(name, args=[there.sight.person_id, *args])


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def launch_address(there: House, **how: object) -> str:
    address = there.start_from_portal(**how).headers["location"]  # type: ignore[arg-type]
    return address.removeprefix("http://127.0.0.1:8000")


def test_a_launch_leads_through_the_sign_in_and_loses_nothing(
    open_there: Callable[..., House], user: User
) -> None:
    there = open_there(EHR)
    address = launch_address(there)
    client = Client(SERVER_NAME="127.0.0.1")
    answer = client.get(address)
    assert answer.status_code == 302
    signing_in = urlsplit(answer.headers["Location"])
    assert parse_qs(signing_in.query)["next"] == [address]
    done = client.post(answer.headers["Location"], {"login": user.email, "password": PASSWORD})
    assert done.headers["Location"] == address
    assert "Whose record is it?" in text(client.get(address))


def test_whoever_signed_in_a_while_ago_proves_it_again_and_comes_back(
    open_there: Callable[..., House], user: User
) -> None:
    there = open_there(EHR)
    address = launch_address(there)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    user.date_joined = user.date_joined.replace(year=2020)
    user.save()
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/reauthenticate/")
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["next"] == [address]


def test_an_unknown_issuer_reaches_no_network_at_all(
    open_there: Callable[..., House], browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = open_there(EHR)

    def nobody() -> object:
        raise AssertionError("something asked for a way out")

    for module in (journeys, connect):
        monkeypatch.setattr(module, "egress", nobody)
    before = len(there.running.requests())
    for iss in ("https://elsewhere.example/fhir", f"{there.running.base_url}/more"):
        given = {"iss": iss, "launch": "x", "person": str(there.sight.person_id)}
        for answer in (
            browser.get(f"/launch/{there.registration.slug}/?{urlencode(given)}"),
            browser.post(f"/launch/{there.registration.slug}/", given),
        ):
            assert answer.status_code == 403
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert iss not in text(answer)
    assert len(there.running.requests()) == before
    assert not ConnectAttempt.objects.exists()


def test_a_launch_begins_a_record_for_somebody_new(
    open_there: Callable[..., House], browser: Client, user: User
) -> None:
    there = open_there(EHR)
    address = launch_address(there, account=DOCTOR)
    given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    form = {**given, "person": "new", "name": "", "birth_date": "2999-01-01"}
    answer = browser.post(urlsplit(address).path, form)
    assert answer.status_code == 400
    assert "A birth date lies in the past." in text(answer)
    assert browser.post(urlsplit(address).path, given).status_code == 400
    answer = browser.post(urlsplit(address).path, {**form, "name": "Nina New", "birth_date": ""})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(there.origin)
    assert "Nina New" in [sight.name for sight in access.people_of(user=user, now=there.clock())]


def test_a_launch_goes_into_no_record_of_others(
    open_there: Callable[..., House], browser: Client, other_user: User
) -> None:
    there = open_there(EHR)
    theirs = access.create_person(user=other_user, name="Nils Nachbar")
    address = launch_address(there)
    given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    for person in (str(theirs.person_id), "nobody", "\x00"):
        assert browser.post(urlsplit(address).path, {**given, "person": person}).status_code == 404
    assert "Nils" not in text(browser.get(address))


def test_a_request_by_post_is_a_form_that_leads_to_the_portal_alone(
    open_there: Callable[..., House], browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorize, "LONGEST_ADDRESS", 10)
    there = open_there(EHR)
    answer = browser.post(page(there, "connect_begin", there.portal.pk))
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert f"form-action 'self' {there.origin};" in policy
    (form,) = re.findall(r"<form[^>]+data-go>.*?</form>", text(answer), re.DOTALL)
    (action,) = re.findall(r'action="([^"]+)"', form)
    assert action.startswith(f"{there.origin}/")
    assert "?" not in action
    assert "<button" in form  # for browsers without scripts
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert fields["response_type"] == "code"
    back = there.consent_to(send(action, form=fields)).headers["location"]
    done = browser.get(back.removeprefix("http://127.0.0.1:8000"))
    assert done.headers["Location"] == page(there, "sources")
    assert sources(there) == 1


def test_what_was_not_allowed_is_said_when_one_comes_back(
    open_there: Callable[..., House], browser: Client
) -> None:
    there = open_there(
        client=SandboxClient(
            scope="launch/patient openid fhirUser offline_access patient/Patient.rs patient/Condition.rs"
        ),
        scopes_granted="registration",
    )
    url = browser.post(page(there, "connect_begin", there.portal.pk)).headers["Location"]
    back = there.consent_to(send(url)).headers["location"].removeprefix("http://127.0.0.1:8000")
    assert browser.get(back).status_code == 302
    said = text(browser.get(page(there, "sources")))
    assert "The portal is connected" in said
    assert "It did not allow everything that was asked for" in said


def test_a_callback_with_two_codes_is_no_answer(open_there: Callable[..., House], browser: Client) -> None:
    there = open_there()
    url = browser.post(page(there, "connect_begin", there.portal.pk)).headers["Location"]
    back = there.consent_to(send(url)).headers["location"].removeprefix("http://127.0.0.1:8000")
    answer = browser.get(f"{back}&code=another")
    assert answer.status_code == 400
    assert "That is not an answer of the portal" in text(answer)
    assert there.asked("/token") == 0
    assert browser.get(back).status_code == 302


@pytest.mark.parametrize("twice", ["iss", "launch"])
def test_a_launch_that_says_something_twice_is_not_followed(
    open_there: Callable[..., House], browser: Client, twice: str
) -> None:
    there = open_there(EHR)
    given = {"iss": there.running.base_url, "launch": "x"}
    address = f"/launch/{there.registration.slug}/"
    assert browser.get(f"{address}?{urlencode(given)}").status_code == 200
    for other in (given[twice], "https://elsewhere.example/fhir", ""):
        several = given | {twice: [other, given[twice]]}
        answer = browser.get(f"{address}?{urlencode(several, doseq=True)}")
        assert answer.status_code == 400
        assert browser.post(address, several).status_code == 400


def test_nobody_is_sent_to_where_a_portal_moved_without_being_asked(
    open_there: Callable[..., House], browser: Client
) -> None:
    there = open_there()
    liar = Liar(there)
    source = there.connect().source_id
    liar.says("/smart-configuration", lambda good: good | MOVED)
    address = page(there, "source_reconnect", source)
    answer = browser.post(address)
    assert answer.status_code == 409
    assert "has moved its sign-in" in text(answer)
    assert "https://elsewhere.example/token" in text(answer)
    (shown,) = re.findall(r'name="accept_changes" value="([^"]+)"', text(answer))
    assert browser.post(address, {"accept_changes": "1"}).status_code == 409
    since = {"authorization_endpoint": "https://elsewhere.example/since"}
    liar.says("/smart-configuration", lambda good: good | MOVED | since)
    answer = browser.post(address, {"accept_changes": shown})
    assert answer.status_code == 409
    assert "https://elsewhere.example/since" in text(answer)
    liar.says("/smart-configuration", lambda good: good | MOVED)
    answer = browser.post(address, {"accept_changes": shown})
    assert answer.headers["Location"].startswith("https://elsewhere.example/authorize?")
    assert liar.between.hosts == {"127.0.0.1"}


def test_the_page_says_what_to_ask_the_operator_for(
    open_there: Callable[..., House], browser: Client
) -> None:
    there = open_there()
    there.registration.delete()
    answer = browser.get(page(there, "connect_portal", there.portal.pk))
    said = text(answer)
    for words in (
        "What to ask for",
        there.portal.name,
        there.running.base_url,
        "Redirect URI",
        "/registrations/",
    ):
        assert words in said
    (message,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", said, re.DOTALL)
    # It goes to somebody else: nothing of the patient is in it.
    assert "Anna" not in message
    assert browser.post(page(there, "connect_begin", there.portal.pk)).status_code == 409
    assert there.running.requests() == []


def test_the_waiting_page_shows_where_the_browser_ends(
    open_there: Callable[..., House], browser: Client
) -> None:
    there = open_there()
    Registration.objects.update(redirect_uri="https://phr.invalid/x/")
    there.running.allow_redirect("https://phr.invalid/x/")
    there.registration.refresh_from_db()
    answer = browser.post(page(there, "connect_begin", there.portal.pk))
    waiting = answer.headers["Location"]
    assert "/sources/connect/waiting/" in waiting
    said = text(browser.get(waiting))
    assert "https://phr.invalid/x/?" in said
    (portal,) = re.findall(r'href="(http://127[^"]+)" target="_blank"', said)
    back = there.consent_to(send(portal)).headers["location"]
    wrong = browser.post(waiting, {"address": "hello"})
    assert wrong.status_code == 400
    assert "That is not the address" in text(wrong)
    done = browser.post(waiting, {"address": back})
    assert done.headers["Location"] == page(there, "sources")
    with there.sight.open():
        assert Source.objects.get().patient_fhir_id == ANNA.patient_id
    assert browser.get(waiting).status_code == 410
