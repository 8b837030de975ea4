import re

import pytest

from connectors.sandbox import Account, pages
from tests.connectors.sandbox.browser import App, send, ticket_of
from tests.connectors.sandbox.conftest import OpenPortal

NOTICE = b"nobody's real record"


def test_every_page_says_what_this_is(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    origin = app.configuration["issuer"].removesuffix("/oauth2")
    _, consent = app.consent_page()
    for page in (send(f"{origin}/"), app.authorize(), consent, send(f"{origin}/nothing")):
        assert b"This is a sandbox portal" in page.body
        assert NOTICE in page.body
        assert page.headers["cache-control"] == "no-store"


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(portal: OpenPortal) -> None:
    app = App(portal())
    _, consent = app.consent_page()
    for page in (app.authorize(), consent):
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert re.findall(rb'(?:href|src)="([^"]+)"', page.body.split(b"<body>")[0]) == [b"/portal.css"]
        assert b"<script" not in page.body
        assert b"style=" not in page.body


def test_the_style_sheet_has_both_themes_and_a_phone(portal: OpenPortal) -> None:
    origin = App(portal()).configuration["issuer"].removesuffix("/oauth2")
    sheet = send(f"{origin}/portal.css")
    assert sheet.headers["content-type"].startswith("text/css")
    assert b"prefers-color-scheme: dark" in sheet.body
    assert b"max-width: 32rem" in sheet.body
    assert b"url(" not in sheet.body


def test_the_demo_account_is_filled_in(portal: OpenPortal) -> None:
    page = App(portal()).authorize()
    assert b'name=username autocomplete=username required value="anna"' in page.body
    assert b'value="a word"' in page.body


def test_consent_is_asked_in_words(portal: OpenPortal) -> None:
    _, page = App(portal()).consent_page()
    assert b"Anna Berg" in page.body
    assert b"Results, vital signs and other observations" in page.body
    assert b"Keep reading while you are away" in page.body
    assert page.body.index(b">Allow<") < page.body.index(b">Deny<")


def test_another_account_can_be_chosen() -> None:
    accounts = [
        Account(username=name, password="p", patient_id=name, name=name.title()) for name in ("anna", "bert")
    ]
    first = pages.sign_in(
        portal="Mercy",
        purpose=", so that App can ask",
        action="/oauth2/sign-in",
        ticket="t",
        accounts=accounts,
    )
    assert 'href="/oauth2/sign-in?ticket=t&amp;account=1"' in first
    second = pages.sign_in(
        portal="Mercy",
        purpose=", so that App can ask",
        action="/oauth2/sign-in",
        ticket="t",
        accounts=accounts,
        chosen=1,
    )
    assert 'value="bert"' in second


def test_choosing_an_account_needs_a_request_under_way(portal: OpenPortal) -> None:
    app = App(portal())
    issuer = app.configuration["issuer"]
    assert send(f"{issuer}/sign-in?ticket=made-up&account=0").status == 400
    ticket = ticket_of(app.authorize())
    assert send(f"{issuer}/sign-in?ticket={ticket}&account=7").status == 200


@pytest.mark.parametrize("text", ["<b>", '"><script>alert(1)</script>', "' onmouseover='x"])
def test_names_cannot_break_out_of_the_page(text: str) -> None:
    account = Account(username=text, password=text, patient_id="x", name=text)
    written = [
        pages.sign_in(
            portal=text, purpose=text, action=text, ticket=text, accounts=[account, account], wrong=True
        ),
        pages.consent(portal=text, app=text, ticket=text, whose=text, scope=f"patient/Patient.r {text}"),
        pages.choose(portal=text, app=text, ticket=text, patients=[account]),
        pages.apps(portal=text, person=text, apps=[(text, text)], patients=[account]),
        pages.front(portal=text, base_url=text, accounts=[account]),
        pages.problem(portal=text, text=text),
    ]
    for page in written:
        assert text not in page
