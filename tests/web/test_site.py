from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from phr.accounts.access import Sight, create_person
from phr.accounts.models import User
from phr.web.policy import STRICT
from tests.web.conftest import Addresses

pytestmark = pytest.mark.django_db(databases=["default"])


@pytest.fixture
def anybody() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/account/login/", 200),
        ("/account/password/reset/", 200),
        ("/people/", 302),
        ("/nowhere/", 404),
        ("/appearance/", 405),
        ("/callback/anything/", 302),
    ],
)
def test_every_response_carries_the_headers(anybody: Client, path: str, status: int) -> None:
    answer = anybody.get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == STRICT
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "camera=()" in answer.headers["Permissions-Policy"]


def test_only_pages_that_lead_to_a_portal_let_a_form_leave(browser: Client, addresses: Addresses) -> None:
    assert (
        "form-action 'self' https:" in browser.get(addresses.of("sources")).headers["Content-Security-Policy"]
    )
    for name in ("timeline", "connect"):
        assert browser.get(addresses.of(name)).headers["Content-Security-Policy"] == STRICT


def test_a_newcomer_is_asked_whose_record_it_is(owner: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(owner)
    assert b"Whose record is this?" in client.get("/").content
    answer = client.post(reverse("people"), {"name": "Leo Marin", "birth_date": "2019-04-02"})
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/sources/connect/")
    page = client.get(answer.headers["Location"])
    assert b"Leo Marin" in page.content
    assert b"born 2 April 2019" in page.content


def test_a_birth_date_in_the_future_is_refused_in_words(
    owner: User, signed_in: Callable[[User], Client]
) -> None:
    answer = signed_in(owner).post(reverse("people"), {"name": "Leo", "birth_date": "2999-01-01"})
    assert answer.status_code == 422
    assert b"A birth date lies in the past." in answer.content


def test_the_start_page_opens_the_person_last_looked_at(
    owner: User, sight: Sight, addresses: Addresses, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(owner)
    other = create_person(user=owner, name="Leo Marin")
    assert client.get("/").headers["Location"] == reverse("people")
    client.get(reverse("timeline", args=[other.person_id]))
    assert client.get("/").headers["Location"] == reverse("timeline", args=[other.person_id])
    client.get(addresses.of("timeline"))
    assert client.get("/").headers["Location"] == addresses.of("timeline")


@pytest.mark.parametrize(("theme", "shown"), [("dark", "dark"), ("light", "light"), ("system", "system")])
def test_the_colours_are_remembered(anybody: Client, theme: str, shown: str) -> None:
    answer = anybody.post(reverse("appearance"), {"theme": theme, "next": "/account/login/"})
    assert answer.headers["Location"] == "/account/login/"
    assert f'data-theme="{shown}"'.encode() in anybody.get("/").content


def test_colours_nobody_offers_are_refused(anybody: Client) -> None:
    assert anybody.post(reverse("appearance"), {"theme": "plaid", "next": "/"}).status_code == 400
    anybody.cookies["theme"] = '"><script>'
    assert b'data-theme="system"' in anybody.get("/").content


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "\\\\evil", "foo"]
)
def test_the_colours_lead_nowhere_else(anybody: Client, target: str) -> None:
    answer = anybody.post(reverse("appearance"), {"theme": "dark", "next": target})
    assert answer.headers["Location"] == "/"


def test_an_empty_record_says_what_to_do_next(browser: Client, addresses: Addresses) -> None:
    page = browser.get(addresses.of("timeline"))
    assert b"This record is still empty" in page.content
    assert addresses.of("connect").encode() in page.content


def test_the_person_heads_every_page_of_the_record(browser: Client, addresses: Addresses) -> None:
    for name in ("timeline", "sources", "connect"):
        assert b"<strong>Rosa Marin</strong>" in browser.get(addresses.of(name)).content


def test_a_callback_that_was_not_begun_here_sends_nothing_and_says_so(browser: Client) -> None:
    answer = browser.get("/callback/anything/", {"state": "made-up", "code": "x"})
    assert answer.status_code == 403
    assert b"This journey was not begun here" in answer.content


@pytest.mark.parametrize(
    "name",
    ["account_email", "account_change_password", "account_logout", "mfa_index", "account_reauthenticate"],
)
def test_the_account_pages_wear_our_clothes(browser: Client, name: str) -> None:
    answer = browser.get(reverse(name))
    assert answer.status_code == 200
    assert b"phr/css/tokens.css" in answer.content
    assert b"style=" not in answer.content


def test_a_server_without_encryption_says_so_on_every_page(anybody: Client) -> None:
    for path in ("/", "/account/login/"):
        with override_settings(PHR_INSECURE_HTTP=False):
            assert b"reached without encryption" not in anybody.get(path).content
        with override_settings(PHR_INSECURE_HTTP=True):
            assert b"reached without encryption" in anybody.get(path).content
