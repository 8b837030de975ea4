"""A person ends a connection: no more syncs, no tokens; every record stays."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction

from connectors.egress import Egress
from connectors.smart.discovery import Server
from phr.accounts.access import Sight
from phr.core.crypto import unseal
from phr.sources.calls import listening
from phr.sources.flows import grants, own_client
from phr.sources.flows.outcomes import Disconnected
from phr.sources.flows.revoke import Revoked, revoke
from phr.sources.models import Call, Grant, Registration, Source
from phr.sources.registrations import NotRegistered, client_of, registration_for


def disconnect(*, sight: Sight, source_id: UUID, egress: Egress, now: datetime) -> Disconnected:
    """Disconnect a source of a portal; the caller then lets the schedule forget it.

    Three steps, so that a death between them loses nothing and a second call goes on: the state first (no
    worker begins any more), then the portal is told, then the tokens go, their ledger with them. Raises
    Source.DoesNotExist.
    """
    with transaction.atomic(durable=True), sight.open():
        # Waits for a refresh in flight: its tokens are the ones to revoke.
        grant, source = grants.locked(source_id=source_id)
        if source is None:
            raise Source.DoesNotExist
        if source.state != Source.State.DISCONNECTED:
            moved = Source.objects.filter(pk=source_id, state=source.state).update(
                state=Source.State.DISCONNECTED, state_reason=""
            )
            if moved != 1:
                raise RuntimeError(f"Source {source_id} was changed under its lock.")
        registration = _registration(grant=grant, source=source)
    if grant is None:
        return Disconnected(revoked="not_offered")
    with listening(sight=sight, purpose=Call.Purpose.DISCONNECT, source_id=source_id) as calls:
        revoked = _told(grant=grant, registration=registration, egress=calls.through(egress), now=now)
    with transaction.atomic(durable=True), sight.open():
        locked, source = grants.locked(source_id=source_id)
        # Somebody who reconnected in the meantime keeps what they got.
        if locked is not None and source is not None and source.state == Source.State.DISCONNECTED:
            # One DELETE that the database carries on into the ledger: the application may not delete from
            # that.
            Grant.objects.filter(pk=locked.pk)._raw_delete(using="default")  # noqa: SLF001
    return Disconnected(revoked=revoked)


def _registration(*, grant: Grant | None, source: Source) -> Registration | None:
    if grant is not None and grant.registration is not None:
        return grant.registration
    return registration_for(portal=source.portal) if source.portal is not None else None


def _told(*, grant: Grant, registration: Registration | None, egress: Egress, now: datetime) -> Revoked:
    clients = [own_client.of(grant)]
    if registration is not None:
        with suppress(NotRegistered):
            clients.append(client_of(registration=registration, now=now))
    if not grant.server or not (registration or clients[0]):
        return "not_offered"
    told: Revoked = "failed"
    # Of a consent with a client of its own, some portals hear that client, and some the one it was made from.
    for client in clients:
        if client is not None and told == "failed":
            told = revoke(
                egress=egress,
                server=Server.from_dict(grant.server),
                client=client,
                refresh_token=unseal(grant, "refresh_token"),
                access_token=unseal(grant, "access_token"),
                now=now,
            )
    return told
