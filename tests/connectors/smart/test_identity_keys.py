import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.egress import Egress
from connectors.errors import BadReply, RetryLater
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.documents import DocumentCache
from connectors.smart.identity import access_claims, fetch_keys, read_id_token
from tests.connectors.smart.idtokens import (
    NOW,
    SERVER,
    SIGNING,
    STRANGER,
    signed,
    unsigned,
)
from tests.connectors.smart.portal import Portal

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
