import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, EgressRefused, PortalError, RetryLater
from connectors.secret import Secret
from connectors.smart.keys import generate_key_pair, jwks
from connectors.smart.registration import ClientMetadata, ClientRegistration, register, register_software
from connectors.smart.server import Server
from tests.connectors.smart.portal import Portal, server_of

METADATA = ClientMetadata(
    redirect_uris=("https://phr.example/callback/acme/",),
    method="client_secret_basic",
    client_name="Our record",
    client_uri="https://phr.example/",
    contacts=("operator@phr.example",),
    scope="openid patient/*.rs",
    software_id="phr",
    software_version="3",
)
ANSWER = {
    "client_id": "made-id",
    "client_secret": "made-s3cret",
    "client_id_issued_at": 1_790_000_000,
    "client_secret_expires_at": 1_800_000_000,
    "registration_access_token": "manage-me",
    "registration_client_uri": "https://as.example/register/made-id",
    "redirect_uris": ["https://phr.example/callback/acme/"],
    "token_endpoint_auth_method": "client_secret_basic",
    "scope": "patient/*.rs openid",
    "vendor_word": {"a": 1},
}
KEYS = jwks(pairs=[generate_key_pair(algorithm="ES384")])


def server(portal: Portal) -> Server:
    return replace(server_of(portal), registration_endpoint=f"{portal.base_url}/register")


def made(
    portal: Portal, egress: Egress, metadata: ClientMetadata = METADATA, token: Secret | None = None
) -> ClientRegistration:
    return register(egress=egress, server=server(portal), metadata=metadata, initial_access_token=token)


def sent(portal: Portal) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(portal.asked[-1].body)
    return found


def test_it_says_who_we_are_and_nothing_that_is_empty(portal: Portal, egress: Egress) -> None:
    portal.says("/register", ANSWER, status=201)

    made(portal, egress)

    assert portal.asked[0].method == "POST"
    assert portal.asked[0].headers["content-type"] == "application/json"
    assert "authorization" not in portal.asked[0].headers
    assert sent(portal) == {
        "redirect_uris": ["https://phr.example/callback/acme/"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_name": "Our record",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid patient/*.rs",
        "client_uri": "https://phr.example/",
        "contacts": ["operator@phr.example"],
        "software_id": "phr",
        "software_version": "3",
    }


def test_it_keeps_all_that_the_server_made_of_us(portal: Portal, egress: Egress) -> None:
    portal.says("/register", ANSWER, status=201)

    found = made(portal, egress)

    assert (found.client_id, found.method) == ("made-id", "client_secret_basic")
    assert found.secret == Secret("made-s3cret")
    assert found.registration_access_token == Secret("manage-me")
    assert found.registration_client_uri == "https://as.example/register/made-id"
    assert found.issued_at == datetime.fromtimestamp(1_790_000_000, tz=UTC)
    assert found.secret_expires_at == datetime.fromtimestamp(1_800_000_000, tz=UTC)
    assert found.answer["vendor_word"] == {"a": 1}
    assert found.changed == ()
    printed = repr(found) + repr(dict(found.answer))
    assert "s3cret" not in printed
    assert "manage-me" not in printed


def test_it_says_what_the_server_changed(portal: Portal, egress: Egress) -> None:
    portal.says(
        "/register",
        {
            **ANSWER,
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "openid",
            "redirect_uris": ["https://phr.example/callback/acme"],
            "grant_types": ["refresh_token", "authorization_code"],
        },
    )

    found = made(portal, egress)

    assert found.method == "client_secret_post"
    assert set(found.changed) == {"token_endpoint_auth_method", "scope", "redirect_uris"}


@pytest.mark.parametrize(("said", "never"), [(0, True), (None, True), ("1800000000", False), (1e99, True)])
def test_a_secret_without_an_end_has_none(portal: Portal, egress: Egress, said: Any, *, never: bool) -> None:
    portal.says("/register", {**ANSWER, "client_secret_expires_at": said}, status=201)

    assert (made(portal, egress).secret_expires_at is None) is never


def test_the_initial_access_token_goes_in_a_header(portal: Portal, egress: Egress) -> None:
    portal.says("/register", ANSWER, status=201)

    made(portal, egress, token=Secret("initial"))

    assert portal.asked[0].headers["authorization"] == "Bearer initial"
    assert "initial" not in portal.asked[0].path


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("public", "none"),
        ("private_key_jwt", "private_key_jwt"),
        ("client_secret_post", "client_secret_post"),
    ],
)
def test_every_kind_of_client_can_be_registered(
    portal: Portal, egress: Egress, method: Any, name: str
) -> None:
    keys = KEYS if method == "private_key_jwt" else {}
    metadata = replace(METADATA, method=method, jwks=keys)
    answer = {**ANSWER, "token_endpoint_auth_method": name}
    portal.says("/register", answer, status=201)

    found = made(portal, egress, metadata)

    assert sent(portal)["token_endpoint_auth_method"] == name
    assert sent(portal).get("jwks", {}) == keys
    assert found.method == method
    # A secret that a client without one is sent anyway is of no use, and is not kept
    assert (found.secret is None) == (method in {"public", "private_key_jwt"})


@pytest.mark.parametrize(
    "changes",
    [
        {"grant_types": ("implicit",)},
        {"response_types": ("token",)},
        {"response_types": ("code", "id_token")},
        {"jwks": KEYS, "jwks_uri": "https://phr.example/keys"},
        {"method": "private_key_jwt"},
    ],
)
def test_we_are_never_registered_as_what_we_are_not(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"code|key"):
        replace(METADATA, **changes)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": "invalid_redirect_uri"}, Denied, "redirect_uri_refused"),
        (400, {"error": "invalid_client_metadata", "error_description": "Jane"}, Denied, "metadata_refused"),
        (400, {"error": "invalid_software_statement"}, Denied, "statement_refused"),
        (400, {"error": "unapproved_software_statement"}, Denied, "statement_refused"),
        (200, {"error": "invalid_redirect_uri"}, Denied, "redirect_uri_refused"),
        (401, {"error": "invalid_token"}, Denied, "unauthorized"),
        (401, "", Denied, "unauthorized"),
        (403, "<html>", Denied, "refused"),
        (404, "<html>", Denied, "not_supported"),
        (405, "", Denied, "not_supported"),
        (501, "", Denied, "not_supported"),
        (400, {"error": ["x"]}, Denied, "request_refused"),
        (400, "", Denied, "request_refused"),
        (200, "<html>", BadReply, "html"),
        (201, {}, BadReply, "bad_response"),
        (201, {"client_id": 7}, BadReply, "bad_response"),
        (201, {"client_id": "a\nb", "token_endpoint_auth_method": "none"}, BadReply, "bad_response"),
        (201, {"client_id": "a"}, BadReply, "bad_response"),
        (201, {**ANSWER, "token_endpoint_auth_method": "client_secret_jwt"}, BadReply, "not_supported"),
        (201, b"x" * 300_000, BadReply, "too_large"),
        (400, {"error": "temporarily_unavailable"}, RetryLater, "server_error"),
        (503, "", RetryLater, "server_error"),
        (429, "", RetryLater, "rate_limited"),
        (307, "", EgressRefused, "redirect_refused"),
    ],
)
def test_a_registration_that_fails_says_why(  # noqa: PLR0917 - a table of cases
    portal: Portal, egress: Egress, status: int, body: Any, kind: type[PortalError], code: str
) -> None:
    portal.says("/register", body, status=status, headers={"Location": "/x"} if status == 307 else None)

    with pytest.raises(kind) as caught:
        made(portal, egress, token=Secret("initial"))

    assert caught.value.code == code
    assert "Jane" not in str(caught.value)
    assert "initial" not in str(caught.value)


def test_a_server_that_offers_none_is_not_asked(portal: Portal, egress: Egress) -> None:
    with pytest.raises(Denied) as caught:
        register(egress=egress, server=server_of(portal), metadata=METADATA)

    assert caught.value.code == "not_supported"
    assert portal.asked == []


@given(body=st.binary(max_size=100) | st.from_regex(rb'\{"client_[a-z]{1,9}": ?[^}]{0,30}\}', fullmatch=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_only_our_errors_come_out(portal: Portal, egress: Egress, body: bytes) -> None:
    portal.says("/register", body, status=201)

    with pytest.raises(PortalError):
        made(portal, egress)


# ---- one client for each consent


@pytest.mark.parametrize("said", [{}, {"token_endpoint_auth_method": "none"}], ids=["nothing", "none"])
def test_a_consent_makes_a_client_of_its_own(portal: Portal, egress: Egress, said: dict[str, str]) -> None:
    portal.says("/register", {"client_id": "made-id", "redirect_uris": [], "jwks": KEYS, **said}, status=201)

    found = register_software(
        egress=egress,
        server=server(portal),
        software_id="our-id",
        jwks=KEYS,
        access_token=Secret("of-the-consent"),
    )

    assert sent(portal) == {"software_id": "our-id", "jwks": KEYS}
    assert portal.asked[0].headers["authorization"] == "Bearer of-the-consent"
    assert (found.client_id, found.method, found.secret) == ("made-id", "private_key_jwt", None)
    assert "d" not in KEYS["keys"][0]
