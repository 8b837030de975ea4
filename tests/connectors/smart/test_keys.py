import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from connectors.secret import Secret
from connectors.smart.assertion import client_assertion
from connectors.smart.keys import (
    ALGORITHMS,
    KeyPair,
    SigningAlgorithm,
    generate_key_pair,
    jwks,
    load_private_key,
    public_jwk,
    signing_algorithm,
)
from connectors.smart.server import Server
from tests.connectors.smart.portal import NOW

PAIRS: dict[SigningAlgorithm, KeyPair] = {each: generate_key_pair(algorithm=each) for each in ALGORITHMS}
SERVER = Server(authorization_endpoint="https://as.example/a", token_endpoint="https://as.example/t")
SHORT = (
    rsa.generate_private_key(65537, 1024)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
# RFC 7518, sections 6.2.2 and 6.3.2: what only a private key has.
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_server_that_reads_our_list_verifies_our_signature(algorithm: SigningAlgorithm) -> None:
    # Given what we publish, as it travels
    published = json.loads(json.dumps(jwks(pairs=PAIRS.values())))
    pair = PAIRS[algorithm]

    assertion = client_assertion(
        client_id="our-id",
        token_endpoint="https://as.example/t",
        private_key=pair.private_key,
        key_id=pair.key_id,
        algorithm=algorithm,
        now=NOW,
    )

    # Then the key is found by the id in the header, and holds
    verified = jwt.decode(assertion, KeySet.import_key_set(published), algorithms=[algorithm])
    assert verified.header == {"alg": algorithm, "typ": "JWT", "kid": pair.key_id}
    assert verified.claims["aud"] == "https://as.example/t"
    assert verified.claims["exp"] - verified.claims["iat"] <= 300


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_published_has_the_parts_of_a_public_key_and_no_other(algorithm: SigningAlgorithm) -> None:
    found = public_jwk(pair=PAIRS[algorithm])

    parts = {"RS384": {"n", "e"}, "ES384": {"crv", "x", "y"}}[algorithm]
    assert set(found) == {"kty", "kid", "use", "alg"} | parts
    assert (found["use"], found["alg"]) == ("sig", algorithm)
    assert not PRIVATE & set(found)


def test_keys_are_as_long_as_they_should_be() -> None:
    long = load_private_key(private_key=PAIRS["RS384"].private_key, algorithm="RS384")
    curve = load_private_key(private_key=PAIRS["ES384"].private_key, algorithm="ES384")

    assert isinstance(long, RSAKey)
    assert long.raw_value.key_size == 3072
    assert isinstance(curve, ECKey)
    assert curve.curve_name == "P-384"


def test_a_key_is_known_by_its_thumbprint_and_each_is_new() -> None:
    made = generate_key_pair(algorithm="ES384")

    assert made.key_id == ECKey.import_key(public_jwk(pair=made)).thumbprint()
    assert made.key_id != PAIRS["ES384"].key_id
    assert len({pair.key_id for pair in PAIRS.values()}) == len(PAIRS)


def test_the_list_holds_old_and_new_key_and_each_once() -> None:
    pairs = (PAIRS["RS384"], PAIRS["ES384"], PAIRS["RS384"])

    assert [key["kid"] for key in jwks(pairs=pairs)["keys"]] == [
        PAIRS["RS384"].key_id,
        PAIRS["ES384"].key_id,
    ]


def test_a_pair_shows_no_key() -> None:
    assert "PRIVATE" not in repr(PAIRS["RS384"])
    assert "***" in repr(PAIRS["RS384"])


@pytest.mark.parametrize(
    "pem",
    [
        "no key",
        SHORT,
        RSAKey.generate_key(2048, auto_kid=False).as_pem(private=False).decode(),
        ECKey.generate_key("P-256", auto_kid=False).as_pem(private=True).decode(),
    ],
    ids=["text", "short", "public", "other_curve"],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_no_private_key_of_the_kind_is_neither_used_nor_published(
    pem: str, algorithm: SigningAlgorithm
) -> None:
    pair = replace(PAIRS[algorithm], private_key=Secret(pem))

    with pytest.raises(ValueError, match=f"not a private key for {algorithm}") as caught:
        public_jwk(pair=pair)
    assert pem not in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        ((), "RS384"),
        (("RS384", "ES384"), "RS384"),
        (("ES384", "RS384"), "RS384"),
        (("ES384",), "ES384"),
        (("ES256", "ES384", "HS256"), "ES384"),
        (("RS256", "RS384", "RS512"), "RS384"),
        (("RS256",), "RS384"),
    ],
)
def test_the_algorithm_is_what_the_server_lists(listed: tuple[str, ...], chosen: str) -> None:
    assert signing_algorithm(server=replace(SERVER, signing_algorithms=listed)) == chosen


def test_an_assertion_is_used_once() -> None:
    pair = PAIRS["ES384"]
    common: dict[str, Any] = {
        "client_id": "our-id",
        "token_endpoint": "https://as.example/t",
        "private_key": pair.private_key,
        "key_id": pair.key_id,
        "algorithm": "ES384",
        "now": NOW,
    }
    key = load_private_key(private_key=pair.private_key, algorithm="ES384")

    ids = {jwt.decode(client_assertion(**common), key, ["ES384"]).claims["jti"] for _ in range(50)}

    assert len(ids) == 50
    assert all(len(each) >= 22 for each in ids)  # 128 bits
