"""After lines have come or a mapping was made: what belongs together is brought together, and shown.

Owners that came late are found; what waited for a person moves into their record; practitioners, places and
organizations follow to whoever refers to them; the timeline is made. All in small transactions, any of which may be
the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection as database

from connectors.fhir.bundle import Entry, read_resource
from phr.accounts import access
from phr.core import crypto
from phr.exchange import landing, retract
from phr.exchange.held import source_of
from phr.exchange.models import ExportedPatient, Landed, SystemConnection
from phr.timeline import project

_BATCH: Final = 200

# Whose targets are one patient's, all of them, is that patient's: Provenance. A target that is not here might be
# anybody's.
_BY_TARGET: Final = """
    UPDATE exchange_landed AS l SET patient_id = found.patient_id FROM (
        SELECT n.landed_id, min(t.patient_id::text)::uuid AS patient_id
        FROM exchange_landedname AS n LEFT JOIN exchange_landed AS t ON t.connection_id = n.connection_id
          AND t.resource_type = split_part(n.name, '/', 1) AND t.fhir_id = split_part(n.name, '/', 2)
        WHERE n.connection_id = %(connection)s AND n.meaning = 'about'
        GROUP BY n.landed_id HAVING count(DISTINCT t.patient_id) = 1
          AND bool_and(coalesce(t.patient_id IS NOT NULL OR t.role = 'shared', false))
    ) AS found
    WHERE l.id = found.landed_id AND l.patient_id IS NULL AND l.role = 'owned'
"""
# Who is named by an identifier that one patient carries is that patient.
_BY_IDENTIFIER: Final = """
    UPDATE exchange_landed AS l SET patient_id = found.patient_id FROM (
        SELECT n.landed_id, min(p.id::text)::uuid AS patient_id
        FROM exchange_landedname AS n JOIN exchange_exportedpatient AS p ON p.connection_id = n.connection_id
          AND n.name = ANY(p.identifiers)
        WHERE n.connection_id = %(connection)s AND n.meaning = 'owner'
        GROUP BY n.landed_id HAVING count(DISTINCT p.id) = 1
    ) AS found
    WHERE l.id = found.landed_id AND l.patient_id IS NULL AND l.role = 'owned'
"""
# What a patient's records refer to and have not been given as it is now. A name that several resources carry brings all
# of them; `state` tells whether any of them changed since.
_WANTED: Final = """
    SELECT w.name, found.ids, found.state FROM exchange_wanted AS w CROSS JOIN LATERAL (
        SELECT array_agg(l.id ORDER BY l.id) AS ids, sha256(string_agg(l.raw_digest, ''::bytea ORDER BY l.id)) AS state
        FROM exchange_landedname AS n JOIN exchange_landed AS l ON l.id = n.landed_id
        WHERE n.connection_id = %(connection)s AND n.meaning = 'is' AND n.name = w.name AND l.body IS NOT NULL
    ) AS found
    WHERE w.patient_id = %(patient)s AND found.ids IS NOT NULL AND w.raw_digest IS DISTINCT FROM found.state
    ORDER BY w.name LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Errand:
    """What settling needs: `commit` opens the desk with the lease held, `out_of_time` says when to stop."""

    connection: SystemConnection
    volatile: tuple[str, ...]
    commit: Callable[[], AbstractContextManager[None]]
    out_of_time: Callable[[], bool]
    now: Callable[[], datetime]


def settle(errand: Errand) -> bool:
    """Bring together what belongs together; say whether nothing is left to do."""
    with errand.commit():
        _find_owners(errand.connection, now=errand.now())
        due = list(_due(errand.connection))
    return all(_settle_one(errand, patient_id) for patient_id in due)


def is_due(connection: SystemConnection) -> bool:
    """Say whether anybody waits for this; the desk is open."""
    return bool(list(_due(connection)))


def _due(connection: SystemConnection) -> Iterator[UUID]:
    mapped = ExportedPatient.objects.filter(
        connection=connection, state=ExportedPatient.State.MAPPED, person__isnull=False
    )
    flagged = set(mapped.filter(settle_due=True).values_list("pk", flat=True))
    waiting = Landed.objects.filter(patient__in=mapped, body__isnull=False)
    yield from sorted(flagged | set(waiting.values_list("patient_id", flat=True).distinct()))


def _find_owners(connection: SystemConnection, *, now: datetime) -> None:
    """Give what names its owner to them, after what was given to somebody it may not be of has been taken back.

    Identifiers before targets: what speaks of a resource goes where that goes.
    """
    for doubtful, found in ((retract.BY_IDENTIFIER, _BY_IDENTIFIER), (retract.BY_TARGET, _BY_TARGET)):
        retract.retract(connection=connection, statement=doubtful, now=now)
        with database.cursor() as cursor:
            cursor.execute(found, {"connection": connection.pk})
    retract.drop_unwanted(connection=connection)


def _settle_one(errand: Errand, patient_id: UUID) -> bool:
    for step in (_move, _complete):
        while True:
            with errand.commit():
                patient = _patient(patient_id)
                if patient is None:
                    return True
                if not step(errand, patient):
                    break
            # After a step, not before it: something is done in every slice.
            if errand.out_of_time():
                return False
    return _show(errand, patient_id)


def _patient(patient_id: UUID) -> ExportedPatient | None:
    """Return a patient who is still mapped, locked until the transaction ends."""
    return (
        ExportedPatient.objects.select_for_update(no_key=True)
        .filter(pk=patient_id, state=ExportedPatient.State.MAPPED, person__isnull=False)
        .first()
    )


def _move(errand: Errand, patient: ExportedPatient) -> bool:
    """Move a batch of what waits into the record; say whether there was any."""
    rows = list(Landed.objects.filter(patient=patient, body__isnull=False).order_by("pk")[:_BATCH])
    if not rows:
        return False
    entries = [_entry(row) for row in rows]
    stored = landing.deliver(
        connection=errand.connection,
        patient=patient,
        entries=entries,
        changed={(row.resource_type, row.fhir_id) for row in rows},
        volatile=errand.volatile,
        now=errand.now(),
    )
    ids = [row.pk for row in rows]
    if stored is None:
        # Disconnected by the person: no more comes, and nothing of it is kept.
        Landed.objects.filter(pk__in=ids).delete()
    else:
        Landed.objects.filter(pk__in=ids).update(body=None)
    return True


def _complete(errand: Errand, patient: ExportedPatient) -> bool:
    """Give the record a batch of what it refers to; say whether there was any."""
    with database.cursor() as cursor:
        cursor.execute(_WANTED, {"connection": errand.connection.pk, "patient": patient.pk, "limit": _BATCH})
        wanted = cursor.fetchall()
    if not wanted:
        return False
    rows = Landed.objects.filter(pk__in={each for _name, ids, _state in wanted for each in ids})
    entries = [_entry(row) for row in rows]
    landing.deliver(
        connection=errand.connection,
        patient=patient,
        entries=entries,
        # What they refer to in turn is wanted too.
        changed={(entry.resource_type, entry.id) for entry in entries},
        volatile=errand.volatile,
        now=errand.now(),
    )
    with database.cursor() as cursor:
        cursor.executemany(
            "UPDATE exchange_wanted SET raw_digest = %s WHERE patient_id = %s AND name = %s",
            [(bytes(state), patient.pk, name) for name, _ids, state in wanted],
        )
    return True


def _show(errand: Errand, patient_id: UUID) -> bool:
    """Make events and facts of what came, then note that nothing is left; say whether that is so."""
    while True:
        with errand.commit():
            patient = _patient(patient_id)
            if patient is None or patient.person_id is None:
                return True
            sight = access.for_work(person_id=patient.person_id)
            with sight.open():
                left = project.project(sight=sight, source_id=patient.source_id)
                source = None if left else source_of(patient)
                if source is not None:
                    source.last_synced_at = errand.now()
                    source.save(update_fields=["last_synced_at"])
            if not left:
                ExportedPatient.objects.filter(pk=patient.pk).update(settle_due=False)
                return True
        if errand.out_of_time():
            return False


def _entry(row: Landed) -> Entry:
    body = crypto.unseal_bytes(row, "body")
    assert body is not None
    return read_resource(body)
