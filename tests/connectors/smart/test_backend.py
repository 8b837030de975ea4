"""Backend Services: a signed assertion each time, an answer that is read with care, and nothing sent elsewhere."""

import base64
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, EgressRefused, PortalError, RetryLater
from connectors.secret import Secret
from connectors.smart.backend import SHORT_SECONDS, AccessToken, TokenServer, access_token, find
from connectors.smart.tokens import Client
from tests.connectors.smart.portal import NOW, PUBLIC, Portal

RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-384")
KEYS: dict[str, RSAKey | ECKey] = {"RS384": RSA, "ES384": EC}
GRANTED = {"access_token": "abc", "token_type": "bearer", "expires_in": 240, "scope": "system/*.rs"}


def signing(algorithm: Any) -> Client:
    pem = KEYS[algorithm].as_pem(private=True).decode()
    return Client(
        id="our-client", method="private_key_jwt", secret=Secret(pem), key_id="key-1", algorithm=algorithm
    )


def ask(portal: Portal, egress: Egress, *, client: Client | None = None) -> AccessToken:
    return access_token(
        egress=egress,
        token_endpoint=f"{portal.base_url}/token",
        client=client or signing("RS384"),
        scope="system/*.rs",
        now=NOW,
    )


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_every_request_carries_an_assertion_of_its_own(
    portal: Portal, egress: Egress, algorithm: str
) -> None:
    portal.says("/token", GRANTED)
    seen = set()
    for _ in range(2):
        found = ask(portal, egress, client=signing(algorithm))
        assert (found.token.reveal(), found.expires_in, found.scope) == ("abc", 240, "system/*.rs")
        form = portal.asked[-1].form
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == "system/*.rs"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert set(form) == {"grant_type", "scope", "client_assertion_type", "client_assertion"}
        token = jwt.decode(form["client_assertion"], KEYS[algorithm], algorithms=[algorithm])
        assert token.header == {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
        claims = token.claims
        assert claims["iss"] == claims["sub"] == "our-client"
        assert claims["aud"] == f"{portal.base_url}/token"
        assert 0 < claims["exp"] - int(NOW.timestamp()) <= 300
        seen.add(claims["jti"])
    assert len(seen) == 2


def test_a_server_that_gives_programs_a_secret_gets_that(portal: Portal, egress: Egress) -> None:
    portal.says("/token", GRANTED)
    secret = Secret("s+/??")
    ask(portal, egress, client=Client(id="a client", method="client_secret_basic", secret=secret))
    sent = portal.asked[-1].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"a%20client:s%2B%2F%3F%3F"
    assert "client_secret" not in portal.asked[-1].form
    ask(portal, egress, client=Client(id="a client", method="client_secret_post", secret=secret))
    assert portal.asked[-1].form["client_id"] == "a client"
    assert portal.asked[-1].form["client_secret"] == secret.reveal()


def test_a_public_client_has_nothing_to_show(portal: Portal, egress: Egress) -> None:
    with pytest.raises(ValueError, match="public client"):
        ask(portal, egress, client=PUBLIC)
    assert portal.asked == []


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"expires_in": "120"}, 120),
        ({"expires_in": None}, SHORT_SECONDS),
        ({"expires_in": -1}, SHORT_SECONDS),
        ({"expires_in": True}, SHORT_SECONDS),
        ({"expires_in": "soon"}, SHORT_SECONDS),
        ({"expires_in": "1e400"}, SHORT_SECONDS),
        ({"token_type": None, "error": None}, 240),
        ({"refresh_token": "must-not-be-kept"}, 240),
    ],
)
def test_what_is_granted_is_read_liberally(
    portal: Portal, egress: Egress, answer: dict[str, Any], seconds: int
) -> None:
    portal.says("/token", {**GRANTED, **answer})
    found = ask(portal, egress)
    assert found.expires_in == seconds
    assert "abc" not in repr(found)
    assert not hasattr(found, "refresh_token")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"error": "invalid_client"}, Denied, "client_refused"),
        (400, {"error": "invalid_grant"}, Denied, "client_refused"),
        (400, {"error": "invalid_scope"}, Denied, "bad_scope"),
        (400, {"error": "unsupported_grant_type"}, Denied, "not_supported"),
        (400, {"error": "made_up", "error_description": "Rosa Marin"}, Denied, "request_refused"),
        (403, {}, Denied, "request_refused"),
        (200, {"error": "invalid_scope"}, Denied, "bad_scope"),
        (400, {"error": "temporarily_unavailable"}, RetryLater, "server_error"),
        (429, {}, RetryLater, "rate_limited"),
        (503, "busy", RetryLater, "server_error"),
        (200, "<html>", BadReply, "html"),
        (200, {"access_token": "x\ny"}, BadReply, "bad_response"),
        (200, {"token_type": "bearer"}, BadReply, "bad_response"),
        (200, {**GRANTED, "token_type": "mac"}, BadReply, "wrong_token_type"),
        (200, [], BadReply, "bad_response"),
    ],
)
def test_every_other_answer_is_one_of_ours(  # noqa: PLR0917
    portal: Portal, egress: Egress, status: int, body: Any, kind: type[PortalError], code: str
) -> None:
    portal.says("/token", body, status=status)
    with pytest.raises(PortalError) as refusal:
        ask(portal, egress)
    assert type(refusal.value) is kind
    assert refusal.value.code == code
    assert "Rosa" not in repr(refusal.value)
    assert "PRIVATE" not in repr(refusal.value.__context__)


def test_a_redirect_takes_no_assertion_along(portal: Portal, egress: Egress) -> None:
    portal.says("/token", status=307, headers={"Location": f"{portal.base_url}/elsewhere"})
    with pytest.raises(EgressRefused):
        ask(portal, egress)
    assert portal.paths == ["/token"]


def test_a_server_for_programs_alone_is_discovered(portal: Portal, egress: Egress) -> None:
    said = {"token_endpoint": "auth/token", "scopes_supported": ["system/*.rs", 7]}
    portal.says("/fhir/.well-known/smart-configuration", said)
    assert find(egress=egress, base_url=f"{portal.base_url}/fhir/") == TokenServer(
        token_endpoint=f"{portal.base_url}/fhir/auth/token", scopes_supported=("system/*.rs",)
    )


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {}, BadReply),
        (200, {"token_endpoint": 7}, BadReply),
        (200, {"token_endpoint": "http://elsewhere.example/token"}, BadReply),
        (200, {"token_endpoint": "https://user@elsewhere.example/token"}, BadReply),
        (200, {"token_endpoint": "https://[broken"}, BadReply),
        (200, "<html>", BadReply),
        (404, {}, BadReply),
        (503, {}, RetryLater),
    ],
)
def test_a_place_that_cannot_be_used_is_none(
    portal: Portal, egress: Egress, status: int, body: Any, kind: type[PortalError]
) -> None:
    portal.says("/fhir/.well-known/smart-configuration", body, status=status)
    with pytest.raises(kind):
        find(egress=egress, base_url=f"{portal.base_url}/fhir")
