import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.egress import Egress
from connectors.profile import Profile
from connectors.smart import probe
from connectors.smart.probe import DryRun, dry_run, read_openid
from connectors.smart.server import Server
from tests.connectors.smart.portal import Asked, Portal, Said

CALLBACK = "https://phr.example/callback/acme/"
SIGN_IN = """<html><script>var error = "invalid redirect_uri client_id";</script>
<form><input name=u><input type="password"></form> Forgot? An error? Unknown client? Ask us.</html>"""


class AnyQuery(dict[str, Said]):
    """Answers by path, whatever the query says."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.partition("?")[0], default)


@pytest.fixture
def server(portal: Portal) -> Server:
    portal.answers = AnyQuery()
    return Server(
        issuer=portal.base_url,
        authorization_endpoint=f"{portal.base_url}/authorize",
        token_endpoint=f"{portal.base_url}/token",
    )


@pytest.fixture
def tried(egress: Egress, generic: Profile, server: Server) -> Any:
    def run(**changes: Any) -> DryRun:
        return dry_run(
            egress=egress,
            **{
                "server": server,
                "profile": generic,
                "client_id": "our-id",
                "redirect_uri": CALLBACK,
                "base_url": "https://portal.example/r4",
                **changes,
            },
        )

    return run


def query(asked: Asked) -> dict[str, list[str]]:
    return parse_qs(urlsplit(asked.path).query)


def test_it_asks_what_a_persons_browser_would_ask_and_nothing_else(portal: Portal, tried: Any) -> None:
    portal.says("/authorize", SIGN_IN)

    assert tried().outcome == "sign_in"

    (asked,) = portal.asked
    sent = query(asked)
    assert (sent["response_type"], sent["client_id"], sent["redirect_uri"]) == (
        ["code"],
        ["our-id"],
        [CALLBACK],
    )
    assert sent["aud"] == ["https://portal.example/r4"]
    assert "text/html" in asked.headers["accept"]
    assert "authorization" not in asked.headers


def test_each_try_has_a_state_of_its_own(portal: Portal, tried: Any) -> None:
    portal.says("/authorize", SIGN_IN)

    tried()
    tried()

    states = [query(asked)["state"][0] for asked in portal.asked]
    assert len(set(states)) == 2


def test_a_long_request_is_posted_as_the_browser_would(
    portal: Portal, tried: Any, server: Server, generic: Profile
) -> None:
    portal.says("/authorize", SIGN_IN)
    types = tuple(f"Type{'x' * number}" for number in range(60))
    long = replace(generic, scopes=replace(generic.scopes, resources=types))

    found = tried(profile=long, server=replace(server, capabilities=("authorize-post",)))

    assert found.outcome == "sign_in"
    (asked,) = portal.asked
    assert (asked.method, asked.path) == ("POST", "/authorize")
    assert asked.form["redirect_uri"] == CALLBACK


@pytest.mark.parametrize(
    "where", ["/login?x=1", "https://sign-in.example/start", "//sso.example/?returnUrl=1"]
)
def test_who_is_sent_on_to_sign_in_is_fine_and_we_do_not_follow(
    portal: Portal, tried: Any, where: str
) -> None:
    portal.says("/authorize", status=302, headers={"Location": where})

    assert tried().outcome == "sign_in"
    assert len(portal.asked) == 1


@pytest.mark.parametrize(
    ("where", "error", "suspects"),
    [
        (f"{CALLBACK}?error=invalid_scope&state=x", "invalid_scope", ("scope",)),
        (f"{CALLBACK}#error=unauthorized_client", "unauthorized_client", ("client",)),
        (f"{CALLBACK}?error=made_up%3Cscript%3E", "", ()),
        ("/oops?error=invalid_request", "invalid_request", ()),
        ("https://sso.example/error?error=redirect_uri_mismatch", "redirect_uri_mismatch", ("redirect_uri",)),
    ],
)
def test_an_error_on_the_way_back_is_explained(
    portal: Portal, tried: Any, where: str, error: str, suspects: tuple[str, ...]
) -> None:
    portal.says("/authorize", status=302, headers={"Location": where})

    found = tried()

    assert (found.outcome, found.error, found.suspects) == ("refused", error, suspects)
    assert "script" not in " ".join(found.sentences)


@pytest.mark.parametrize(
    ("status", "body", "suspects"),
    [
        (400, "<p>The redirect URI is invalid</p>", ("redirect_uri",)),
        (400, "<p>redirect_uri does not match</p>", ("redirect_uri",)),
        (200, "<h1>Error</h1> Invalid callback URL", ("redirect_uri",)),
        (400, "Unknown client", ("client",)),
        (401, "<p>Application 4711 was not found</p>", ("client",)),
        (200, "<p>Something went wrong: invalid client_id</p>", ("client",)),
        (400, '{"error": "invalid_scope", "error_description": "patient/Goal.rs"}', ("scope",)),
        (400, '{"error": "invalid_client"}', ("client",)),
        (403, "The audience is not accepted (aud)", ("aud",)),
        (400, "code_challenge is required", ("pkce",)),
        (400, "launch parameter missing", ("launch",)),
        (400, "", ()),
        (403, "<html>Jane Roe may not</html>", ()),
    ],
)
def test_an_error_page_is_read_for_what_it_speaks_of(
    portal: Portal, tried: Any, status: int, body: str, suspects: tuple[str, ...]
) -> None:
    portal.says("/authorize", body, status=status)

    found = tried()

    assert (found.outcome, found.status) == ("refused", status)
    assert set(suspects) <= set(found.suspects)
    assert bool(found.suspects) == bool(suspects)
    assert "Jane" not in repr(found)
    assert "patient/Goal" not in repr(found)


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "refused"), (405, "refused"), (500, "unclear"), (429, "unclear")]
)
def test_a_status_says_something_too(portal: Portal, tried: Any, status: int, outcome: str) -> None:
    portal.says("/authorize", "<html>", status=status)

    assert tried().outcome == outcome


def test_a_portal_that_cannot_be_asked_is_said_so(tried: Any, server: Server) -> None:
    found = tried(server=replace(server, authorization_endpoint="http://127.0.0.1:9/authorize"))

    assert found.outcome == "unreachable"
    assert "http_refused" in found.sentences[0]


def test_what_the_vendor_never_takes_is_said_beside_it(portal: Portal, tried: Any, generic: Profile) -> None:
    portal.says("/authorize", SIGN_IN)
    strict = replace(generic, guide=replace(generic.guide, redirect_needs_https=True))

    found = tried(profile=strict, redirect_uri="http://phr.example/callback/acme/")

    assert any("https addresses alone" in sentence for sentence in found.sentences)


@given(body=st.binary(max_size=300), status=st.sampled_from([200, 302, 400, 503]), where=st.text(max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_never_fails_whatever_is_answered(
    portal: Portal, tried: Any, body: bytes, status: int, where: str
) -> None:
    location = "".join(letter for letter in where if letter.isascii() and letter.isprintable())
    portal.says("/authorize", body, status=status, headers={"Location": location})

    assert tried().sentences


def test_a_page_made_to_be_slow_is_not(portal: Portal, tried: Any) -> None:
    started = time.process_time()
    for piece in ("<script", "<input ", "<style>", "client "):
        portal.says("/authorize", piece * 200_000)
        tried()

    assert time.process_time() - started < 8


def test_it_reads_no_page_without_end(portal: Portal, tried: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MAX_PAGE_BYTES", 1000)
    portal.says("/authorize", b"x" * 2000)

    assert tried().outcome == "unreachable"


# ---- the issuer's document, for an examination


def test_an_issuer_that_names_another_is_seen(portal: Portal, egress: Egress, server: Server) -> None:
    portal.says(
        "/.well-known/openid-configuration",
        {"issuer": "https://openid.example", "jwks_uri": "https://k.example"},
    )

    found = read_openid(egress=egress, base_url="http://127.0.0.1:9/r4", server=server)

    assert found is not None
    assert (found.issuer, found.jwks_uri) == ("https://openid.example", "https://k.example")


def test_the_base_is_asked_where_the_issuer_says_nothing(
    portal: Portal, egress: Egress, server: Server
) -> None:
    portal.says("/r4/.well-known/openid-configuration", {"issuer": "https://openid.example"})

    found = read_openid(egress=egress, base_url=f"{portal.base_url}/r4/", server=server)

    assert found is not None
    assert found.issuer == "https://openid.example"


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"issuer": 7}'])
def test_there_may_be_none(portal: Portal, egress: Egress, server: Server, body: str) -> None:
    portal.says("/.well-known/openid-configuration", body)

    assert read_openid(egress=egress, base_url=portal.base_url, server=server) is None
