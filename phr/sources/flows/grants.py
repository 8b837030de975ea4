"""Tokens into their rows: sealed, and every reply of a token endpoint in an append-only ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.secret import Secret
from connectors.smart.identity import search_parameters
from connectors.smart.tokens import TokenReply
from phr.core.crypto import seal, unseal_bytes
from phr.core.ids import uuid7
from phr.sources.flows.outcomes import Reason
from phr.sources.models import Grant, GrantReply, Source
from phr.sources.profiles import profile_of


def locked(*, source_id: UUID) -> tuple[Grant | None, Source | None]:
    """Lock a source's grant until the transaction ends; whoever changes tokens or the source's state does so
    first.

    Two queries on purpose: after a wait for the lock, a joined source would be of the time before the wait.
    """
    grant = Grant.objects.select_for_update().filter(source_id=source_id).first()
    return grant, Source.objects.filter(pk=source_id).first()


def record(*, grant: Grant, reply: TokenReply, now: datetime) -> None:
    """Append a reply to the ledger."""
    row = GrantReply(id=uuid7(), person_id=grant.person_id, grant=grant, at=now)
    row.reply = seal(row, "reply", json.dumps(as_data(reply)).encode())
    row.save(force_insert=True)


def put(*, grant: Grant, reply: TokenReply, scope: str, fresh: bool, now: datetime) -> None:
    """Write the tokens of a reply into the locked grant.

    ``scope``: what holds when the reply names none. ``fresh``: they come from a new consent, so that nothing
    of the grant before is kept; else a reply without a refresh token keeps the one there is.
    """
    # A letter that the column cannot hold must not cost us the tokens.
    grant.scope = (
        "".join(letter for letter in reply.scope if letter.isascii() and letter.isprintable()) or scope
    )
    grant.access_token = seal(grant, "access_token", reply.access_token)
    grant.access_expires_at = None if reply.expires_in is None else now + timedelta(seconds=reply.expires_in)
    if reply.refresh_token is not None:
        grant.refresh_token = seal(grant, "refresh_token", reply.refresh_token)
    elif fresh:
        grant.refresh_token = None
    grant.refresh_started_at = None
    grant.refreshed_at = None if fresh else now
    if fresh:
        grant.obtained_at = now
    grant.save()


def end(*, source: Source, reason: Reason) -> bool:
    """Let an active source wait for its person; False when it was not active. Its grant is locked."""
    moved = Source.objects.filter(pk=source.pk, state=Source.State.ACTIVE).update(
        state=Source.State.RECONNECT_NEEDED, state_reason=reason
    )
    return moved == 1


def standing_parameters(*, source_id: UUID) -> tuple[tuple[str, str], ...]:
    """Return what every search at this source carries because of what its token says; the Sight is open.

    The latest reply is asked first, then that of the consent: a refresh need not repeat the context.
    """
    source = Source.objects.get(pk=source_id)
    profile = profile_of(source.profile_id)
    if not profile.search.from_claims:
        return ()
    replies = GrantReply.objects.filter(grant__source_id=source_id)
    found: dict[str, str] = {}
    for row in (replies.order_by("pk").first(), replies.order_by("-pk").first()):
        if row is not None:
            plain = unseal_bytes(row, "reply")
            assert plain is not None
            found |= dict(search_parameters(reply=from_data(json.loads(plain)), profile=profile))
    return tuple(found.items())


def as_data(reply: TokenReply) -> dict[str, Any]:
    """Return JSON-able data of a reply, to be sealed: it holds the tokens in clear."""
    return {
        "access_token": reply.access_token.reveal(),
        "refresh_token": reply.refresh_token.reveal() if reply.refresh_token else None,
        "scope": reply.scope,
        "expires_in": reply.expires_in,
        "patient": reply.patient,
        "context": dict(reply.context),
    }


def from_data(kept: Mapping[str, Any]) -> TokenReply:
    """Rebuild a reply from `as_data`."""
    renewal = kept["refresh_token"]
    return TokenReply(
        access_token=Secret(kept["access_token"]),
        refresh_token=Secret(renewal) if renewal else None,
        scope=kept["scope"],
        expires_in=kept["expires_in"],
        patient=kept["patient"],
        context=kept["context"],
    )
