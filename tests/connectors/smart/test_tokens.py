import base64
from dataclasses import replace
from typing import Any

import pytest
from authlib.oauth2.client import DEFAULT_HEADERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from connectors.egress import Egress
from connectors.errors import RetryLater
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.keys import generate_key_pair
from connectors.smart.tokens import Client, revoke
from tests.connectors.smart.portal import BASIC, GRANTED, NOW, POST, PUBLIC, Ask, Portal, server_of

PAIR = generate_key_pair(algorithm="ES384")
SIGNING = Client(
    id="our-id", method="private_key_jwt", secret=PAIR.private_key, key_id=PAIR.key_id, algorithm="ES384"
)

# ---- what is sent


def test_it_exchanges_a_code_with_verifier_and_redirect_uri(portal: Portal, exchange: Ask) -> None:
    portal.says("/token", GRANTED)

    exchange()

    assert portal.asked[0].method == "POST"
    assert portal.asked[0].headers["accept"] == "application/json"
    assert portal.asked[0].headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert portal.asked[0].form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://phr.example/callback/acme/",
        "code_verifier": "the-verifier",
        "client_id": "our-id",
    }


def test_it_sends_no_verifier_where_no_challenge_was_sent(
    portal: Portal, exchange: Ask, generic: Profile
) -> None:
    portal.says("/token", GRANTED)

    exchange(client=BASIC, profile=replace(generic, auth=replace(generic.auth, pkce="off")))

    assert "code_verifier" not in portal.asked[0].form


def test_it_proves_itself_by_http_basic(portal: Portal, exchange: Ask) -> None:
    portal.says("/token", GRANTED)

    exchange(client=BASIC)

    expected = base64.b64encode(b"our-id:s3cr:t+/=").decode()
    assert portal.asked[0].headers["authorization"] == f"Basic {expected}"
    assert "client_secret" not in portal.asked[0].form


def test_it_proves_itself_in_the_form(portal: Portal, exchange: Ask) -> None:
    portal.says("/token", GRANTED)

    exchange(client=POST)

    assert portal.asked[0].form["client_secret"] == "s3cr:t+/="
    assert portal.asked[0].form["client_id"] == "our-id"
    assert "authorization" not in portal.asked[0].headers


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS384", RSAKey.generate_key(2048, auto_kid=False)),
        ("ES384", ECKey.generate_key("P-384", auto_kid=False)),
    ],
)
def test_it_proves_itself_with_a_signature(portal: Portal, exchange: Ask, algorithm: Any, key: Any) -> None:
    # Given a registration with a key pair
    portal.says("/token", GRANTED)
    client = Client(
        id="our-id",
        method="private_key_jwt",
        secret=Secret(key.as_pem(private=True).decode()),
        key_id="key-1",
        algorithm=algorithm,
    )

    # When it exchanges two codes
    exchange(client=client)
    exchange(client=client)

    # Then each request carries an assertion of its own that the public key verifies
    forms = [asked.form for asked in portal.asked]
    assert forms[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert forms[0]["code_verifier"] == "the-verifier"
    first, second = (jwt.decode(form["client_assertion"], key, algorithms=[algorithm]) for form in forms)
    assert first.header == {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    assert first.claims["iss"] == first.claims["sub"] == "our-id"
    assert first.claims["aud"] == f"{portal.base_url}/token"
    assert 0 < first.claims["exp"] - NOW.timestamp() <= 300
    assert first.claims["jti"] != second.claims["jti"]


@pytest.mark.parametrize(
    "pem",
    [
        "no key at all",
        ECKey.generate_key("P-384", auto_kid=False).as_pem(private=True).decode(),
        RSAKey.generate_key(2048, auto_kid=False).as_pem(private=False).decode(),
    ],
)
def test_a_registration_with_the_wrong_kind_of_key_says_so_without_showing_it(
    exchange: Ask, pem: str
) -> None:
    client = Client(id="our-id", method="private_key_jwt", secret=Secret(pem), key_id="key-1")

    with pytest.raises(ValueError, match="not a private key for RS384") as caught:
        exchange(client=client)

    assert pem not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "", "method": "public"},
        {"id": "a\nb", "method": "public"},
        {"id": "a", "method": "public", "secret": Secret("x")},
        {"id": "a", "method": "client_secret_basic"},
        {"id": "a", "method": "client_secret_basic", "secret": Secret("é")},
        {"id": "a", "method": "private_key_jwt", "secret": Secret("x")},
    ],
)
def test_a_client_that_cannot_prove_itself_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"client|key"):
        Client(**wrong)


def test_a_refresh_carries_the_scope_only_where_the_profile_asks_for_it(
    portal: Portal, renew: Ask, generic: Profile
) -> None:
    portal.says("/token", GRANTED)

    renew()
    renew(profile=replace(generic, auth=replace(generic.auth, send_scope_on_refresh=True)))

    plain = {"grant_type": "refresh_token", "refresh_token": "the-old-token", "client_id": "our-id"}
    assert [asked.form for asked in portal.asked] == [plain, {**plain, "scope": "patient/*.rs"}]


@pytest.mark.parametrize("client", [BASIC, SIGNING], ids=["basic", "key"])
def test_the_client_id_stands_beside_the_proof_only_where_the_profile_asks_for_it(
    portal: Portal, exchange: Ask, renew: Ask, generic: Profile, client: Client
) -> None:
    portal.says("/token", GRANTED)
    wants = replace(generic, auth=replace(generic.auth, client_id_in_form=True))

    for ask in (exchange, renew):
        ask(client=client)
        ask(client=client, profile=wants)

    assert [asked.form.get("client_id") for asked in portal.asked] == [None, "our-id", None, "our-id"]
    assert all("client_secret" not in asked.form for asked in portal.asked)


@pytest.mark.parametrize("client", [PUBLIC, POST], ids=["public", "post"])
def test_a_client_that_names_itself_anyway_does_so_once(
    portal: Portal, exchange: Ask, generic: Profile, client: Client
) -> None:
    portal.says("/token", GRANTED)

    exchange(client=client, profile=replace(generic, auth=replace(generic.auth, client_id_in_form=True)))

    assert portal.asked[0].body.count(b"client_id=our-id") == 1


@pytest.mark.parametrize("client", [PUBLIC, BASIC, POST, SIGNING], ids=lambda client: client.method)
def test_no_secret_stands_in_an_address(
    portal: Portal, egress: Egress, exchange: Ask, renew: Ask, client: Client
) -> None:
    portal.says("/token", GRANTED)
    portal.says("/revoke")

    exchange(client=client)
    renew(client=client)
    revoke(egress=egress, server=server_of(portal), client=client, token=Secret("the-token"), now=NOW)

    assert portal.paths == ["/token", "/token", "/revoke"]
    assert {asked.method for asked in portal.asked} == {"POST"}


@given(token=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_refresh_token_arrives_as_it_is(portal: Portal, renew: Ask, token: str) -> None:
    portal.says("/token", GRANTED)

    renew(token=token)

    assert portal.asked[-1].form["refresh_token"] == token


def test_the_secret_stays_in_no_dict_that_authlib_shares(portal: Portal, exchange: Ask) -> None:
    # Given Authlib's own default headers, one dict for the whole process
    portal.says("/token", GRANTED)

    # When a confidential client and then a public one ask
    exchange(client=BASIC)
    exchange(client=PUBLIC)

    # Then the public one carries nothing of the other
    assert "Authorization" not in DEFAULT_HEADERS
    assert "authorization" not in portal.asked[1].headers


# ---- what comes back


def test_it_reads_everything_that_was_granted(portal: Portal, exchange: Ask) -> None:
    portal.says("/token", {**GRANTED, "fhirUser": "Patient/p-1"})

    reply = exchange()

    assert reply.access_token == Secret("the-access-token")
    assert reply.refresh_token == Secret("the-new-refresh-token")
    assert reply.id_token == Secret("a.b.c")
    assert (reply.scope, reply.expires_in) == ("openid patient/*.rs", 3600)
    assert (reply.patient, reply.fhir_user) == ("p-1", "Patient/p-1")
    assert reply.context == {"encounter": "e-1", "need_patient_banner": True}


def test_it_prints_neither_tokens_nor_people(portal: Portal, exchange: Ask) -> None:
    portal.says("/token", {**GRANTED, "fhirUser": "Patient/jane-roe", "patient": "jane-roe", "note": "Jane"})

    printed = repr(exchange(client=BASIC)) + repr(BASIC)

    for secret in ("the-access-token", "the-new-refresh-token", "a.b.c", "jane", "Jane", "s3cr"):
        assert secret not in printed


@pytest.mark.parametrize(
    "answer", [{}, {"refresh_token": "the-old-token"}, {"refresh_token": ""}, {"refresh_token": None}]
)
def test_a_refresh_without_a_new_token_says_none(portal: Portal, renew: Ask, answer: dict[str, Any]) -> None:
    portal.says("/token", {"access_token": "a", "token_type": "Bearer", **answer})

    assert renew().refresh_token is None


def test_a_refresh_with_a_new_token_gives_it(portal: Portal, renew: Ask) -> None:
    portal.says("/token", GRANTED)

    assert renew().refresh_token == Secret("the-new-refresh-token")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3599.9, 3599),
        ("1e3", 1000),
        (0, None),
        (-5, None),
        ("soon", None),
        (True, None),
        (None, None),
        ([1], None),
        (10**12, None),
        ("1e999", None),
    ],
)
def test_it_reads_a_lifetime_in_any_form_and_takes_none_from_nonsense(
    portal: Portal, renew: Ask, sent: Any, read: int | None
) -> None:
    portal.says("/token", {**GRANTED, "expires_in": sent, "expires_at": "never"})

    assert renew().expires_in == read


@pytest.mark.parametrize(
    ("changes", "attribute", "read"),
    [
        ({"scope": ["openid", 7, "patient/*.rs"]}, "scope", "openid patient/*.rs"),
        ({"scope": None}, "scope", ""),
        ({"patient": 17}, "patient", "17"),
        ({"patient": True}, "patient", None),
        ({"patient": {"id": 1}}, "patient", None),
        ({"token_type": "BEARER"}, "patient", "p-1"),
        ({"token_type": None}, "patient", "p-1"),
        ({"error": None}, "patient", "p-1"),
        ({"error": ""}, "patient", "p-1"),
        ({"id_token": 5}, "id_token", None),
    ],
)
def test_it_reads_liberally(
    portal: Portal, exchange: Ask, changes: dict[str, Any], attribute: str, read: Any
) -> None:
    portal.says("/token", {**GRANTED, **changes})

    assert getattr(exchange(), attribute) == read


# ---- revocation


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
@pytest.mark.parametrize("client", [PUBLIC, BASIC, POST, SIGNING], ids=lambda client: client.method)
def test_it_tells_the_server_to_forget_a_token(
    portal: Portal, egress: Egress, client: Client, kind: Any
) -> None:
    portal.says("/revoke")

    assert revoke(
        egress=egress, server=server_of(portal), client=client, token=Secret("the-token"), kind=kind, now=NOW
    )

    form = portal.asked[0].form
    assert (form["token"], form["token_type_hint"]) == ("the-token", kind)
    assert ("authorization" in portal.asked[0].headers) == (client.method == "client_secret_basic")
    assert form.get("client_id") == (
        None if client.method in {"client_secret_basic", "private_key_jwt"} else "our-id"
    )
    assert form.get("client_secret") == ("s3cr:t+/=" if client.method == "client_secret_post" else None)
    if client.method == "private_key_jwt":
        # The proof is made for the address that it is sent to
        key = ECKey.import_key(PAIR.private_key.reveal())
        claims = jwt.decode(form["client_assertion"], key, algorithms=["ES384"]).claims
        assert claims["aud"] == f"{portal.base_url}/revoke"


def test_it_says_when_a_token_could_not_be_revoked(portal: Portal, egress: Egress) -> None:
    portal.says("/revoke", {"error": "unsupported_token_type"}, status=400)
    without = replace(server_of(portal), revocation_endpoint="")

    assert not revoke(egress=egress, server=server_of(portal), client=PUBLIC, token=Secret("t"))
    assert not revoke(egress=egress, server=without, client=PUBLIC, token=Secret("t"))
    assert portal.asked[0].form["client_id"] == "our-id"


def test_a_revocation_that_may_still_succeed_is_tried_later(portal: Portal, egress: Egress) -> None:
    portal.says("/revoke", status=503)

    with pytest.raises(RetryLater):
        revoke(egress=egress, server=server_of(portal), client=PUBLIC, token=Secret("t"))
