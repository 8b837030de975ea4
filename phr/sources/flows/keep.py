"""A new consent into a source: the one of the same chart, found again, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.scopes import Difference
from connectors.smart.client import Client
from connectors.smart.context import launch_context
from connectors.smart.discovery import Server
from connectors.smart.tokens import TokenReply
from phr.sources.flows import grants, own_client
from phr.sources.models import Brand, ConnectAttempt, Grant, Launch, Portal, Registration, Source


def keep_journey(
    *,
    attempt: ConnectAttempt,
    patient: str,
    reply: TokenReply,
    withheld: Sequence[str],
    own: Client | None = None,
    now: datetime,
) -> tuple[Source, bool]:
    """Write what came of a journey; returns the source, and whether it is new. In the caller's transaction."""
    return keep(
        person_id=attempt.person_id,
        portal=attempt.portal,
        brand=attempt.brand,
        patient=patient,
        registration=attempt.registration,
        server=Server.from_dict(attempt.server),
        reply=reply,
        scope=attempt.scope,
        source_id=attempt.reconnects_id,
        launch=Launch(attempt.launch),
        withheld=withheld,
        own=own,
        now=now,
    )


def withheld(difference: Difference) -> tuple[str, ...]:
    """Return the types that were asked for and not given, or not wholly."""
    return tuple(dict.fromkeys((*difference.missing, *difference.reduced)))


def keep(
    *,
    person_id: UUID,
    portal: Portal,
    patient: str,
    registration: Registration | None,
    server: Server | None,
    reply: TokenReply,
    scope: str,
    source_id: UUID | None = None,
    brand: Brand | None = None,
    launch: Launch = Launch.STANDALONE,
    withheld: Sequence[str] = (),
    own: Client | None = None,
    now: datetime,
) -> tuple[Source, bool]:
    """Write source, grant and ledger; returns the source, and whether it is new. Runs in the caller's
    transaction.

    ``source_id``: the source that is reconnected; else the chart decides (person, base address, patient). A new
    source has the name of the ``brand`` that the person found, else the portal's. ``own``: the client that the
    portal made for this consent. ``server``: None where the portal describes none, and nothing can be renewed.
    The Sight is open.
    """
    if source_id is not None:
        source, created = Source.objects.get(pk=source_id), False
    else:
        source, created = Source.objects.get_or_create(
            person_id=person_id,
            base_url=portal.base_url,
            patient_fhir_id=patient,
            defaults={
                "portal": portal,
                "profile_id": portal.profile_id,
                "name": brand.name if brand is not None else portal.name,
                "connected_at": now,
                "created_at": now,
            },
        )
    pinned = {} if server is None else server.as_dict()
    grant, _made = Grant.objects.select_for_update().get_or_create(
        source=source,
        defaults={"person_id": person_id, "registration": registration, "server": pinned, "obtained_at": now},
    )
    # Under the grant's lock nobody else moves the source, so what is read now holds.
    state = Source.objects.values_list("state", flat=True).get(pk=source.pk)
    moved = Source.objects.filter(pk=source.pk, state=state).update(
        state=Source.State.ACTIVE,
        state_reason="",
        connected_at=now,
        # It may have come by exports of the operator's until now; what they bring goes on coming here.
        kind=Source.Kind.PORTAL,
        # An operator may have set the directory right since.
        portal=portal,
        profile_id=portal.profile_id,
    )
    if moved != 1:
        raise RuntimeError(f"Source {source.pk} was changed under its lock.")
    grants.record(grant=grant, reply=reply, now=now)
    grant.registration, grant.server = registration, pinned
    grant.launch, grant.withheld, grant.context = launch, list(withheld), _context(reply)
    own_client.put(grant=grant, client=own)
    grants.put(grant=grant, reply=reply, scope=scope, fresh=True, now=now)
    source.refresh_from_db()
    return source, created


def _context(reply: TokenReply) -> dict[str, Any]:
    """Return what of the launch context is kept with the grant; the rest stays in the sealed ledger, unused."""
    said = launch_context(reply=reply)
    kept = {"encounter": said.encounter, "tenant": said.tenant}
    return {name: text for name, text in kept.items() if text} | {"banner": said.need_patient_banner}
