"""private_key_jwt: a client that proves itself with a signed assertion (RFC 7523; SMART App Launch 2.2)."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from connectors.sandbox.clients import Clients, Registered
from connectors.sandbox.grants import Grants, digest

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# SMART: the assertion lives five minutes at most.
MAX_SECONDS: Final = 300


def authenticate_assertion(
    *,
    form: Mapping[str, str],
    clients: Clients,
    grants: Grants,
    audiences: Sequence[str],
    algorithms: Sequence[str],
) -> Registered | None:
    """Return the client whose assertion the form carries, or None when there is none or it does not hold."""
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        return None
    client = holder(
        assertion=form.get("client_assertion", ""),
        clients=clients,
        grants=grants,
        audiences=audiences,
        algorithms=algorithms,
    )
    return client if client is None or form.get("client_id", client.id) == client.id else None


def holder(  # noqa: PLR0911 - one line a reason to refuse
    *,
    assertion: str,
    clients: Clients,
    grants: Grants,
    audiences: Sequence[str],
    algorithms: Sequence[str],
) -> Registered | None:
    """Return the client that signed an assertion, or None when it does not hold.

    Checked: algorithm, signature by a registered key, iss = sub = client, audience, life of five minutes at
    most, and that its `jti` was not seen before.
    """
    client = clients.find(_claimed_issuer(assertion))
    if client is None or client.method != "private_key_jwt" or client.jwks is None:
        return None
    try:
        keys = KeySet.import_key_set(cast("KeySetSerialization", client.jwks))
        claims = jwt.decode(assertion, keys, algorithms=list(algorithms)).claims
    except (JoseError, ValueError):
        return None
    expires, now = claims.get("exp"), grants.now()
    if claims.get("sub") != client.id:
        return None
    if not isinstance(expires, int) or not now < expires <= now + MAX_SECONDS + 5:
        return None
    audience = claims.get("aud")
    if not set(audience if isinstance(audience, list) else [audience]) & set(audiences):
        return None
    seen = f"jti:{digest(str(claims.get('jti')))}"
    if not claims.get("jti") or grants.database.setting(seen):
        return None
    grants.database.set_setting(seen, str(expires))
    return client


def _claimed_issuer(assertion: str) -> str:
    """Read who it says it is from: that chooses the keys, and is worth nothing before they verify."""
    try:
        payload = assertion.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
