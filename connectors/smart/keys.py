"""Our key pairs for `private_key_jwt`, and what we publish of them (PURE, but for the randomness of a key).

SMART App Launch 2.2, "Client Authentication: Asymmetric": a client can do RS384 and ES384, and publishes its
public keys as a JWK Set (RFC 7517), each known by its thumbprint (RFC 7638).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from connectors.secret import Secret
from connectors.smart.server import Server

SigningAlgorithm = Literal["RS384", "ES384"]

# Preferred first: some authorization servers take RSA keys alone, and none takes elliptic curves alone.
ALGORITHMS: Final[tuple[SigningAlgorithm, ...]] = ("RS384", "ES384")
# NIST SP 800-57: 128 bits of security, which is what P-384 more than matches.
RSA_BITS: Final = 3072
_MIN_RSA_BITS: Final = 2048
_PUBLIC: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A private key as PEM text (PKCS 8), what it signs with, and the id under which its public half is
    published.
    """

    private_key: Secret
    algorithm: SigningAlgorithm
    key_id: str


def generate_key_pair(*, algorithm: SigningAlgorithm) -> KeyPair:
    """Return a fresh pair: RSA of 3072 bits for RS384, P-384 for ES384; its id is its thumbprint."""
    key: RSAKey | ECKey
    if algorithm == "RS384":
        key = RSAKey.generate_key(RSA_BITS, auto_kid=False)
    else:
        key = ECKey.generate_key("P-384", auto_kid=False)
    pem = Secret(key.as_pem(private=True).decode("ascii"))
    return KeyPair(private_key=pem, algorithm=algorithm, key_id=key.thumbprint())


def load_private_key(*, private_key: Secret, algorithm: SigningAlgorithm) -> RSAKey | ECKey:
    """Read PEM text as the kind of key that `algorithm` signs with. Raises ValueError when it is not one."""
    try:
        key = (RSAKey if algorithm == "RS384" else ECKey).import_key(private_key.reveal())
        if isinstance(key, RSAKey):
            fit = key.is_private and key.raw_value.key_size >= _MIN_RSA_BITS
        else:
            fit = key.is_private and key.curve_name == "P-384"
    except (JoseError, SecurityWarning, ValueError, TypeError):
        fit = False
    if not fit:
        raise ValueError(f"the key of this registration is not a private key for {algorithm}")
    return key


def public_jwk(*, pair: KeyPair) -> dict[str, Any]:
    """Return the public half as a JWK. Raises ValueError when the pair's key is not one for its algorithm.

    Built from the members that a public key has, never by leaving out those of a private one.
    """
    key = load_private_key(private_key=pair.private_key, algorithm=pair.algorithm)
    data = cast("dict[str, Any]", key.as_dict(private=False))
    members = {name: data[name] for name in _PUBLIC[key.key_type]}
    return {"kty": key.key_type, **members, "kid": pair.key_id, "use": "sig", "alg": pair.algorithm}


def jwks(*, pairs: Iterable[KeyPair]) -> dict[str, Any]:
    """Return the document for our JWKS address: the public halves of several pairs, each id once.

    While keys are rotated it holds the old one beside the new one, until the portals have read it anew.
    """
    found = {pair.key_id: public_jwk(pair=pair) for pair in pairs}
    return {"keys": list(found.values())}


def signing_algorithm(*, server: Server) -> SigningAlgorithm:
    """Return what to sign assertions with here: the first of ours that discovery lists.

    RS384 where it lists none, or none of ours: SMART requires a server to support one of the two, and RSA is
    what every one that we know takes.
    """
    return next((each for each in ALGORITHMS if each in server.signing_algorithms), ALGORITHMS[0])
