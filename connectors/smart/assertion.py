"""`private_key_jwt`: a client that proves itself with a signature (SMART App Launch 2.2, "Client
Authentication: Asymmetric"; RFC 7523).
"""

import secrets
from datetime import datetime
from typing import Final

from joserfc import jwt

from connectors.secret import Secret
from connectors.smart.keys import SigningAlgorithm, load_private_key

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME_SECONDS: Final = 240  # the specification allows 300; a minute is left for clocks that differ


def client_assertion(
    *,
    client_id: str,
    token_endpoint: str,
    private_key: Secret,
    key_id: str,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> str:
    """Return a signed assertion for one request to `token_endpoint`, good for four minutes.

    `private_key`: PEM text, RSA for RS384 and EC P-384 for ES384. Raises ValueError, without a word of the
    key, when it is not such a key.
    """
    key = load_private_key(private_key=private_key, algorithm=algorithm)
    issued = int(now.timestamp())
    header = {"alg": algorithm, "typ": "JWT", "kid": key_id}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint,
        "iat": issued,
        "exp": issued + _LIFETIME_SECONDS,
        "jti": secrets.token_urlsafe(32),
    }
    return jwt.encode(header, claims, key, algorithms=[algorithm])
