"""Telling a portal that we are done with tokens (RFC 7009), as far as it wants to know."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from connectors.egress import Egress
from connectors.errors import PortalError
from connectors.secret import Secret
from connectors.smart import tokens
from connectors.smart.discovery import Server
from connectors.smart.tokens import Client, TokenReply

Revoked = Literal["revoked", "not_offered", "failed"]


def give_back(*, egress: Egress, server: Server, client: Client, reply: TokenReply, now: datetime) -> Revoked:
    """Revoke what a reply granted, because nothing of it is kept. Never raises a PortalError."""
    return revoke(
        egress=egress,
        server=server,
        client=client,
        refresh_token=reply.refresh_token,
        access_token=reply.access_token,
        now=now,
    )


def revoke(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    refresh_token: Secret | None,
    access_token: Secret | None,
    now: datetime,
) -> Revoked:
    """Revoke both tokens, the refresh token first: with it the grant ends. Never raises a PortalError."""
    if not server.revocation_endpoint:
        return "not_offered"
    kinds: tuple[tuple[Secret | None, Literal["refresh_token", "access_token"]], ...] = (
        (refresh_token, "refresh_token"),
        (access_token, "access_token"),
    )
    done = True
    for token, kind in kinds:
        if token is None:
            continue
        try:
            done &= tokens.revoke(
                egress=egress, server=server, client=client, token=token, kind=kind, now=now
            )
        except PortalError:
            done = False
    return "revoked" if done else "failed"
