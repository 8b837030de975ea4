import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from connectors.egress import Egress
from connectors.errors import BadReply, RetryLater
from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.secret import Secret
from connectors.smart.discovery import Server
from connectors.smart.documents import DocumentCache
from connectors.smart.identity import access_claims, fetch_keys, read_id_token, verify_id_token
from tests.connectors.smart.portal import Portal

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SIGNING: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, auto_kid=False),
    "ES256": ECKey.generate_key("P-256", auto_kid=False),
    "ES384": ECKey.generate_key("P-384", auto_kid=False),
}
SIGNING["RS384"] = SIGNING["RS256"]
STRANGER: Any = RSAKey.generate_key(2048, auto_kid=False)
CLAIMS = {
    "iss": "https://as.example",
    "aud": "our-id",
    "sub": "s-1",
    "exp": int(NOW.timestamp()) + 300,
    "iat": int(NOW.timestamp()),
    "nonce": "the-nonce",
    "fhirUser": "https://portal.example/r4/Patient/p-1",
}
SERVER = Server(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize",
    token_endpoint="https://as.example/token",
)
KEYS = (("rsa", SIGNING["RS256"]), ("p256", SIGNING["ES256"]), ("p384", SIGNING["ES384"]))


def signed(
    *, algorithm: str = "RS256", key: Any = None, header: Mapping[str, Any] | None = None, **claims: Any
) -> Secret:
    chosen = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...}
    head = {"alg": algorithm, **(header or {})}
    return Secret(jwt.encode(head, chosen, key or SIGNING[algorithm], algorithms=[algorithm]))


def unsigned(header: Mapping[str, Any], signature: str = "") -> Secret:
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, CLAIMS)
    )
    return Secret(".".join((*parts, signature)))


def verified(token: Secret, profile: Profile, **changes: Any) -> Mapping[str, Any]:
    return verify_id_token(
        id_token=token,
        **{
            "keys": KEYS,
            "server": SERVER,
            "profile": profile,
            "client_id": "our-id",
            "nonce": "the-nonce",
            "now": NOW,
            **changes,
        },
    )


def refused(token: Secret, profile: Profile, **changes: Any) -> bool:
    with pytest.raises(BadReply) as caught:
        verified(token, profile, **changes)
    return caught.value.code == "bad_id_token"


# ---- the signature


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256", "ES384"])
@pytest.mark.parametrize("header", [{}, {"kid": ""}])
def test_it_takes_a_token_that_the_server_signed(
    generic: Profile, algorithm: str, header: dict[str, Any]
) -> None:
    keys = tuple(("", key) for _, key in KEYS)

    assert verified(signed(algorithm=algorithm, header=header), generic, keys=keys)["sub"] == "s-1"


def test_it_finds_the_key_by_its_id(generic: Profile) -> None:
    assert verified(signed(header={"kid": "rsa"}), generic)["sub"] == "s-1"
    assert refused(signed(header={"kid": "other"}), generic)


def test_it_refuses_a_token_without_signature(generic: Profile) -> None:
    assert refused(unsigned({"alg": "none"}), generic)
    assert refused(unsigned({"alg": "None"}), generic)
    assert refused(unsigned({"alg": "RS256"}), generic)
    assert refused(unsigned({}), generic)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS512", SIGNING["RS256"]),
        ("PS256", SIGNING["RS256"]),
        ("ES512", ECKey.generate_key("P-521", auto_kid=False)),
        ("HS256", OctKey.generate_key(256, auto_kid=False)),
        ("HS512", OctKey.generate_key(512, auto_kid=False)),
    ],
)
def test_it_takes_no_algorithm_but_ours_however_well_it_is_signed(
    generic: Profile, algorithm: str, key: Any
) -> None:
    assert refused(signed(algorithm=algorithm, key=key), generic, keys=(("", key),))


@pytest.mark.parametrize("algorithm", [["RS256"], {"alg": "RS256"}, 256, None, "rs256", "RS256 "])
def test_an_algorithm_is_a_word_to_the_letter(generic: Profile, algorithm: Any) -> None:
    assert refused(unsigned({"alg": algorithm}), generic)


def test_a_token_that_is_encrypted_is_none_of_ours(generic: Profile) -> None:
    head, body, _ = unsigned({"alg": "RS256", "enc": "A256GCM"}).reveal().split(".")

    assert refused(Secret(f"{head}.{body}.{body}.{body}.{body}"), generic)


def test_it_refuses_the_public_key_used_as_a_shared_secret(generic: Profile) -> None:
    # Given what an attacker can know: the public key in each form it is published in
    public = SIGNING["RS256"]
    for secret in (public.as_pem(private=False), json.dumps(public.as_dict(private=False)).encode()):
        head, body, _ = unsigned({"alg": "HS256"}).reveal().split(".")
        mac = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
        assert refused(Secret(f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"), generic)


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": STRANGER.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5c": ["MIIB"]},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["exp"]},
    ],
)
def test_it_refuses_a_token_that_brings_its_own_key(generic: Profile, header: dict[str, Any]) -> None:
    # Given one token signed with the key that it carries, and one by the server that points elsewhere
    for key in (STRANGER, SIGNING["RS256"]):
        head, body, _ = unsigned({"alg": "RS256", **header}).reveal().split(".")
        signature = key.private_key.sign(f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        forged = f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        assert refused(Secret(forged), generic)


def test_it_refuses_the_signature_of_a_stranger(generic: Profile) -> None:
    assert refused(signed(key=STRANGER), generic)
    assert refused(signed(), generic, keys=())


def test_it_refuses_changed_claims(generic: Profile) -> None:
    head, _, signature = signed().reveal().split(".")
    body = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "other"}).encode()).decode().rstrip("=")

    assert refused(Secret(f"{head}.{body}.{signature}"), generic)


@given(st.text(min_size=1))
def test_it_refuses_any_other_text(text: str) -> None:
    profile = load_registry()["generic"]

    assert refused(Secret(text), profile)
    assert refused(Secret(f"{text}.{text}.{text}"), profile)


# ---- the claims


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": "https://as.example/"},
        {"iss": ...},
        {"aud": "another-client"},
        {"aud": ["our-id", "another-client"]},
        {"aud": []},
        {"aud": ...},
        {"exp": int(NOW.timestamp()) - 121},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": int(NOW.timestamp()) + 3600},
        {"nbf": int(NOW.timestamp()) + 3600},
        {"nonce": "of-another-attempt"},
        {"nonce": ...},
        {"nonce": 7},
    ],
    ids=str,
)
def test_it_refuses_a_token_that_is_not_for_this_attempt(generic: Profile, claims: dict[str, Any]) -> None:
    assert refused(signed(**claims), generic)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["our-id"]},
        {"aud": ["our-id", "another"], "azp": "our-id"},
        {"exp": int(NOW.timestamp()) - 60},
        {"iat": ...},
    ],
    ids=str,
)
def test_it_takes_what_the_specification_and_slow_clocks_allow(
    generic: Profile, claims: dict[str, Any]
) -> None:
    assert verified(signed(**claims), generic)["sub"] == "s-1"


def test_it_asks_for_no_nonce_where_none_was_sent(generic: Profile) -> None:
    assert verified(signed(nonce=...), generic, nonce=None)["sub"] == "s-1"


def test_the_issuers_of_the_profile_replace_the_discovered_one(generic: Profile) -> None:
    profile = replace(generic, auth=replace(generic.auth, issuers=("https://openid.example",)))

    assert verified(signed(iss="https://openid.example"), profile)
    assert refused(signed(), profile)


def test_a_server_without_issuer_proves_nothing(generic: Profile) -> None:
    assert refused(signed(iss=""), generic, server=replace(SERVER, issuer=""))


def test_a_token_expires(generic: Profile) -> None:
    assert refused(signed(), generic, now=NOW + timedelta(minutes=8))


# ---- the keys


def jwks(*keys: Mapping[str, Any]) -> dict[str, Any]:
    return {"keys": list(keys)}


def test_it_takes_the_public_keys_for_signatures_and_leaves_the_rest(portal: Portal, egress: Egress) -> None:
    rsa = SIGNING["RS256"].as_dict(private=False)
    portal.says(
        "/keys",
        jwks(
            {**rsa, "kid": "good", "use": "sig"},
            {**rsa, "kid": "for-encryption", "use": "enc"},
            {**SIGNING["RS256"].as_dict(private=True), "kid": "private"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "tiny"},
            {"kty": "EC", "crv": "P-256", "kid": "broken"},
            {"kty": "unheard", "kid": "new"},
            "no key",  # type: ignore[arg-type]
            {**SIGNING["ES384"].as_dict(private=False)},
        ),
    )

    found = fetch_keys(egress=egress, server=replace(SERVER, jwks_uri=f"{portal.base_url}/keys"))

    assert [kid for kid, _ in found] == ["good", ""]


def test_it_finds_the_keys_through_the_issuer_where_discovery_names_none(
    portal: Portal, egress: Egress
) -> None:
    server = replace(SERVER, issuer=f"{portal.base_url}/tenant/")
    portal.says(
        "/tenant/.well-known/openid-configuration",
        {"issuer": server.issuer, "jwks_uri": f"{portal.base_url}/keys"},
    )
    portal.says("/keys", jwks(SIGNING["RS256"].as_dict(private=False)))

    assert len(fetch_keys(egress=egress, server=server)) == 1


def test_it_takes_no_keys_from_a_document_of_another_issuer(portal: Portal, egress: Egress) -> None:
    server = replace(SERVER, issuer=portal.base_url)
    portal.says(
        "/.well-known/openid-configuration",
        {"issuer": "https://evil.example", "jwks_uri": f"{portal.base_url}/keys"},
    )

    with pytest.raises(BadReply):
        fetch_keys(egress=egress, server=server)
    assert "/keys" not in portal.paths


@pytest.mark.parametrize(("status", "body"), [(404, ""), (200, "<html>"), (200, {"keys": 7}), (200, [])])
def test_a_server_without_keys_is_not_believed(
    portal: Portal, egress: Egress, status: int, body: Any
) -> None:
    portal.says("/keys", body, status=status)

    with pytest.raises(BadReply):
        fetch_keys(egress=egress, server=replace(SERVER, jwks_uri=f"{portal.base_url}/keys"))


def test_keys_that_cannot_be_had_now_are_asked_for_later(portal: Portal, egress: Egress) -> None:
    portal.says("/keys", status=503)

    with pytest.raises(RetryLater):
        fetch_keys(egress=egress, server=replace(SERVER, jwks_uri=f"{portal.base_url}/keys"))


# ---- key rotation, and issuers of their own


def published(portal: Portal, path: str, *keys: tuple[str, Any]) -> None:
    """Publish public keys at `path`, to be kept for an hour."""
    portal.says(
        path,
        jwks(*({**key.as_dict(private=False), "kid": kid} for kid, key in keys)),
        headers={"Cache-Control": "max-age=3600"},
    )


def read(egress: Egress, token: Secret, profile: Profile, **changes: Any) -> Mapping[str, Any]:
    return read_id_token(
        egress=egress,
        id_token=token,
        **{
            "server": SERVER,
            "profile": profile,
            "client_id": "our-id",
            "nonce": "the-nonce",
            "now": NOW,
            **changes,
        },
    )


def test_keys_are_fetched_once_while_they_are_fresh(portal: Portal, egress: Egress, generic: Profile) -> None:
    published(portal, "/keys", ("old", SIGNING["RS256"]))
    server, cache = replace(SERVER, jwks_uri=f"{portal.base_url}/keys"), DocumentCache()

    for _ in range(3):
        assert read(egress, signed(header={"kid": "old"}), generic, server=server, cache=cache)

    assert portal.paths == ["/keys"]


def test_an_unknown_key_id_means_that_the_keys_changed(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    # Given keys that we keep, and a server that has changed them since
    published(portal, "/keys", ("old", STRANGER))
    server, cache = replace(SERVER, jwks_uri=f"{portal.base_url}/keys"), DocumentCache()
    fetch_keys(egress=egress, server=server, cache=cache)
    published(portal, "/keys", ("new", SIGNING["RS256"]))

    # When a token comes that is signed with the new one
    claims = read(egress, signed(header={"kid": "new"}), generic, server=server, cache=cache)

    # Then the keys were asked for once more, and no third time by the next token
    assert claims["sub"] == "s-1"
    assert read(egress, signed(header={"kid": "new"}), generic, server=server, cache=cache)
    assert portal.paths == ["/keys", "/keys"]


def test_a_key_id_that_nobody_has_is_asked_for_once_more_and_refused(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    published(portal, "/keys", ("old", SIGNING["RS256"]))
    server = replace(SERVER, jwks_uri=f"{portal.base_url}/keys")

    with pytest.raises(BadReply) as caught:
        read(egress, signed(header={"kid": "made-up"}), generic, server=server, cache=DocumentCache())

    assert caught.value.code == "bad_id_token"
    assert portal.paths == ["/keys", "/keys"]


def test_a_key_that_was_withdrawn_is_no_longer_believed(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    published(portal, "/keys", ("new", STRANGER))
    server = replace(SERVER, jwks_uri=f"{portal.base_url}/keys")

    with pytest.raises(BadReply):
        read(egress, signed(header={"kid": "old"}), generic, server=server)


def test_an_issuer_of_the_profile_vouches_with_its_own_keys(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    # Given a server whose SMART configuration names keys that sign nothing, and another issuer
    issuer = f"{portal.base_url}/openid"
    published(portal, "/keys", ("other", STRANGER))
    published(portal, "/openid-keys", ("real", SIGNING["RS256"]))
    portal.says(
        "/openid/.well-known/openid-configuration",
        {"issuer": issuer, "jwks_uri": f"{portal.base_url}/openid-keys"},
    )
    server = replace(SERVER, jwks_uri=f"{portal.base_url}/keys")
    token = signed(header={"kid": "real"}, iss=issuer)
    knowing = replace(generic, auth=replace(generic.auth, issuers=(issuer,)))

    assert read(egress, token, knowing, server=server)["iss"] == issuer
    with pytest.raises(BadReply):
        read(egress, token, generic, server=server)


def test_the_keys_of_a_pinned_issuer_are_found_where_discovery_names_none(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    issuer = f"{portal.base_url}/openid"
    published(portal, "/openid-keys", ("real", SIGNING["RS256"]))
    portal.says(
        "/openid/.well-known/openid-configuration",
        {"issuer": issuer, "jwks_uri": f"{portal.base_url}/openid-keys"},
    )
    knowing = replace(generic, auth=replace(generic.auth, issuers=(issuer,)))

    assert read(egress, signed(iss=issuer), knowing, server=SERVER)


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "e30.e30.", "é.é.é"])
def test_what_is_no_token_asks_nobody_to_vouch_for_it(
    portal: Portal, egress: Egress, generic: Profile, token: str
) -> None:
    server = replace(SERVER, jwks_uri=f"{portal.base_url}/keys")
    published(portal, "/keys", ("old", SIGNING["RS256"]))

    with pytest.raises(BadReply) as caught:
        read(egress, Secret(token), generic, server=server)

    assert caught.value.code == "bad_id_token"


def test_a_token_that_brings_its_own_key_is_refused_however_it_is_read(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    published(portal, "/keys", ("old", SIGNING["RS256"]))
    server = replace(SERVER, jwks_uri=f"{portal.base_url}/keys")
    head, body, _ = (
        unsigned({"alg": "RS256", "jku": f"{portal.base_url}/evil", "kid": "old"}).reveal().split(".")
    )
    signature = STRANGER.private_key.sign(f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    with pytest.raises(BadReply):
        read(egress, Secret(forged), generic, server=server)
    assert "/evil" not in portal.paths


# ---- the access token


def test_the_claims_of_an_access_token_are_read_and_an_opaque_one_has_none() -> None:
    assert access_claims(access_token=signed(patient="p-1"))["patient"] == "p-1"
    assert access_claims(access_token=Secret("opaque")) == {}
    assert access_claims(access_token=Secret("a.b.c")) == {}
