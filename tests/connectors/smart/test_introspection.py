from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, EgressRefused, PortalError, RetryLater
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.introspection import Introspection, introspect
from connectors.smart.keys import generate_key_pair
from connectors.smart.tokens import Client
from tests.connectors.smart.portal import BASIC, NOW, PUBLIC, Portal, server_of

ACTIVE = {
    "active": True,
    "scope": "openid patient/*.rs",
    "client_id": "our-id",
    "exp": 1_800_000_000,
    "iss": "https://as.example",
    "sub": "jane-sub",
    "fhirUser": "https://portal.example/Patient/jane",
    "patient": "jane",
}


@pytest.fixture
def asked(portal: Portal, egress: Egress, generic: Profile) -> Any:
    def ask(*, profile: Profile = generic, client: Client = BASIC, **changes: Any) -> Introspection | None:
        server = replace(server_of(portal), introspection_endpoint=f"{portal.base_url}/introspect")
        return introspect(
            egress=egress,
            **{
                "server": server,
                "client": client,
                "profile": profile,
                "token": Secret("the-token"),
                "now": NOW,
                **changes,
            },
        )

    return ask


def test_it_proves_the_client_and_reads_what_is_said(portal: Portal, asked: Any) -> None:
    portal.says("/introspect", ACTIVE)

    found = asked()

    assert portal.asked[0].form == {"token": "the-token", "token_type_hint": "access_token"}
    assert portal.asked[0].headers["authorization"].startswith("Basic ")
    assert found == Introspection(
        active=True,
        scope="openid patient/*.rs",
        client_id="our-id",
        expires_at=datetime.fromtimestamp(1_800_000_000, tz=UTC),
        issuer="https://as.example",
        subject="jane-sub",
        fhir_user="https://portal.example/Patient/jane",
        patient="jane",
    )
    assert "jane" not in repr(found)


def test_a_client_with_a_key_signs_for_this_address(portal: Portal, asked: Any) -> None:
    portal.says("/introspect", ACTIVE)
    pair = generate_key_pair(algorithm="ES384")
    client = Client(
        id="our-id", method="private_key_jwt", secret=pair.private_key, key_id=pair.key_id, algorithm="ES384"
    )

    asked(client=client)

    assert portal.asked[0].form["client_assertion_type"].endswith("jwt-bearer")


@pytest.mark.parametrize(
    ("bearer", "sent"), [(None, "Bearer the-token"), (Secret("another"), "Bearer another")]
)
def test_it_shows_an_access_token_where_the_profile_says_so(
    portal: Portal, asked: Any, generic: Profile, bearer: Secret | None, sent: str
) -> None:
    portal.says("/introspect", ACTIVE)
    profile = replace(generic, auth=replace(generic.auth, introspection="bearer"))

    assert asked(profile=profile, bearer=bearer).active

    assert portal.asked[0].headers["authorization"] == sent
    assert portal.asked[0].form == {"token": "the-token", "token_type_hint": "access_token"}


def test_a_dead_token_says_nothing_else(portal: Portal, asked: Any) -> None:
    portal.says("/introspect", {**ACTIVE, "active": False})

    assert asked() == Introspection(active=False)


def test_a_server_without_introspection_is_not_asked(portal: Portal, asked: Any) -> None:
    assert asked(server=server_of(portal), client=PUBLIC) is None
    assert portal.asked == []


@pytest.mark.parametrize(
    ("mode", "status", "body", "kind", "code"),
    [
        ("client", 401, {"error": "invalid_client"}, Denied, "client_refused"),
        ("bearer", 401, "", Denied, "unauthorized"),
        ("client", 403, "<html>", Denied, "client_refused"),
        ("client", 400, {"error": "invalid_request"}, BadReply, "bad_response"),
        ("client", 200, {}, BadReply, "bad_response"),
        ("client", 200, {"active": "yes"}, BadReply, "bad_response"),
        ("client", 200, "<html>", BadReply, "html"),
        ("client", 200, [True], BadReply, "bad_response"),
        ("client", 503, "", RetryLater, "server_error"),
        ("client", 307, "", EgressRefused, "redirect_refused"),
    ],
)
def test_whatever_is_answered_is_one_of_our_errors(  # noqa: PLR0917 - a table of cases
    portal: Portal,
    asked: Any,
    generic: Profile,
    mode: Any,
    status: int,
    body: Any,
    kind: type[PortalError],
    code: str,
) -> None:
    portal.says("/introspect", body, status=status, headers={"Location": "/x"} if status == 307 else None)
    profile = replace(generic, auth=replace(generic.auth, introspection=mode))

    with pytest.raises(kind) as caught:
        asked(profile=profile)

    assert caught.value.code == code
    assert "the-token" not in str(caught.value)


@pytest.mark.parametrize("expiry", ["tomorrow", True, -1, 1e300, None, [1]])
def test_an_expiry_that_is_none_is_left_out(portal: Portal, asked: Any, expiry: Any) -> None:
    portal.says("/introspect", {**ACTIVE, "exp": expiry})

    assert asked().expires_at is None
