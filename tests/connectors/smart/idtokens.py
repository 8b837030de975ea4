"""id_tokens of a made-up issuer, good and bad, and our check of them."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from connectors.errors import BadReply
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.discovery import Server
from connectors.smart.identity import verify_id_token

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
