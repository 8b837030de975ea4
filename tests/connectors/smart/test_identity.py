import base64
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey

from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.secret import Secret
from tests.connectors.smart.idtokens import (
    CLAIMS,
    KEYS,
    NOW,
    SERVER,
    SIGNING,
    STRANGER,
    refused,
    signed,
    unsigned,
    verified,
)


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
