"""A client that a portal makes for one consent alone, with a key in place of a refresh token (`software_id`)."""

from __future__ import annotations

import json

from connectors.egress import Egress
from connectors.errors import PortalError
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.client import Client
from connectors.smart.discovery import Server
from connectors.smart.keys import generate_key_pair, jwks, signing_algorithm
from connectors.smart.registration import register_software
from connectors.smart.token_reply import TokenReply
from phr.core.crypto import seal, unseal_bytes
from phr.sources.models import Grant


def made(
    *, egress: Egress, server: Server, profile: Profile, client: Client, reply: TokenReply
) -> Client | None:
    """Ask for a client of this consent's own, where the portal makes such and gave nothing else to renew with.

    None where it does not, or declines: then the access lasts as long as its first token, and the page says so.
    """
    if (
        profile.auth.dynamic_registration != "software_id"
        or reply.refresh_token is not None
        or not server.registration_endpoint
    ):
        return None
    pair = generate_key_pair(algorithm=signing_algorithm(server=server))
    try:
        answer = register_software(
            egress=egress,
            server=server,
            software_id=client.id,
            jwks=jwks(pairs=[pair]),
            access_token=reply.access_token,
        )
    except PortalError:
        return None
    return Client(
        id=answer.client_id,
        method="private_key_jwt",
        secret=pair.private_key,
        key_id=pair.key_id,
        algorithm=pair.algorithm,
    )


def put(*, grant: Grant, client: Client | None) -> None:
    """Set a grant's own client, sealed to it; the caller saves."""
    if client is None or client.secret is None:
        grant.own_client = None
        return
    kept = {
        "id": client.id,
        "private_key": client.secret.reveal(),
        "key_id": client.key_id,
        "algorithm": client.algorithm,
    }
    grant.own_client = seal(grant, "own_client", json.dumps(kept).encode())


def of(grant: Grant) -> Client | None:
    """Return a grant's own client, or None. Raises KeyringError."""
    plain = unseal_bytes(grant, "own_client")
    if plain is None:
        return None
    kept = json.loads(plain)
    return Client(
        id=kept["id"],
        method="private_key_jwt",
        secret=Secret(kept["private_key"]),
        key_id=kept["key_id"],
        algorithm=kept["algorithm"],
    )
