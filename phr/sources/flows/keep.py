"""A new consent into a source: the one of the same chart, found again, or a new one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from connectors.smart.discovery import Server
from connectors.smart.tokens import TokenReply
from phr.sources.flows import grants
from phr.sources.models import Grant, Portal, Registration, Source


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
    now: datetime,
) -> tuple[Source, bool]:
    """Write source, grant and ledger; returns the source, and whether it is new. Runs in the caller's
    transaction.

    ``source_id``: the source that is reconnected; else the chart decides (person, base address, patient).
    ``server``: None where the portal describes none, and nothing can be renewed. The Sight is open.
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
                "name": portal.name,
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
        # An operator may have set the directory right since.
        portal=portal,
        profile_id=portal.profile_id,
    )
    if moved != 1:
        raise RuntimeError(f"Source {source.pk} was changed under its lock.")
    grants.record(grant=grant, reply=reply, now=now)
    grant.registration, grant.server = registration, pinned
    grants.put(grant=grant, reply=reply, scope=scope, fresh=True, now=now)
    source.refresh_from_db()
    return source, created
