"""Owners that were found by what a resource names, and are not sure any more: what was given to them is taken back.

A number that a second patient turns out to carry names nobody; a target that became somebody else's says that what
speaks of it may be theirs. The resource is marked as gone in the record that had it, and waits again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection as database

from phr.accounts import access
from phr.core import crypto
from phr.exchange.held import forget, mark_gone_here, source_of
from phr.exchange.models import ExportedPatient, Landed, SystemConnection
from phr.exchange.owners import Key
from phr.records import queries as record_queries
from phr.records.models import Resource

# Named by an identifier that is not carried, or not only, by whom it was given to.
BY_IDENTIFIER: Final = """
    SELECT l.id FROM exchange_landedname AS n JOIN exchange_landed AS l ON l.id = n.landed_id LEFT JOIN (
        SELECT name, array_agg(DISTINCT id) AS ids FROM (
            SELECT id, unnest(identifiers) AS name FROM exchange_exportedpatient WHERE connection_id = %(connection)s
        ) AS each GROUP BY name
    ) AS carriers ON carriers.name = n.name
    WHERE n.connection_id = %(connection)s AND n.meaning = 'owner' AND l.patient_id IS NOT NULL
      AND carriers.ids IS DISTINCT FROM ARRAY[l.patient_id]
"""
# Speaking of what is somebody else's, or not clearly anybody's. Of a target that was deleted nothing is to be learnt.
BY_TARGET: Final = """
    SELECT DISTINCT l.id FROM exchange_landedname AS n JOIN exchange_landed AS l ON l.id = n.landed_id
    JOIN exchange_landed AS t ON t.connection_id = n.connection_id
      AND t.resource_type = split_part(n.name, '/', 1) AND t.fhir_id = split_part(n.name, '/', 2)
    WHERE n.connection_id = %(connection)s AND n.meaning = 'about' AND l.patient_id IS NOT NULL
      AND t.role <> 'shared' AND t.patient_id IS DISTINCT FROM l.patient_id
"""
# Given to somebody of whom nothing is kept: ignored, or erased since.
_UNWANTED: Final = """
    SELECT l.id FROM exchange_landed AS l JOIN exchange_landedname AS n ON n.landed_id = l.id
    JOIN exchange_exportedpatient AS p ON p.id = l.patient_id
    WHERE n.connection_id = %(connection)s AND n.meaning IN ('owner', 'about')
      AND (p.state = 'ignored' OR (p.state = 'mapped' AND p.person_id IS NULL))
"""


def retract(*, connection: SystemConnection, statement: str, now: datetime) -> None:
    """Take back what one of the statements above finds. The desk is open."""
    taken: dict[UUID, list[Landed]] = defaultdict(list)
    for row in Landed.objects.filter(pk__in=_ids(connection, statement)):
        assert row.patient_id is not None
        taken[row.patient_id].append(row)
    # Locked, so that nobody maps or takes back the mapping of one of them meanwhile.
    patients = ExportedPatient.objects.select_for_update(no_key=True).filter(pk__in=taken).order_by("pk")
    for patient in patients:
        rows = taken[patient.pk]
        _fetch_back(patient, [row for row in rows if row.body is None])
        mark_gone_here(patient, [(row.resource_type, row.fhir_id) for row in rows], now=now)
        Landed.objects.filter(pk__in=[row.pk for row in rows]).update(patient=None)


def drop_unwanted(*, connection: SystemConnection) -> None:
    """Keep nothing of what was found to be of a patient of whom nothing is wanted. The desk is open."""
    forget(connection, _ids(connection, _UNWANTED))


def _ids(connection: SystemConnection, statement: str) -> list[UUID]:
    with database.cursor() as cursor:
        cursor.execute(statement, {"connection": connection.pk})
        return [row[0] for row in cursor.fetchall()]


def _fetch_back(patient: ExportedPatient, rows: list[Landed]) -> None:
    """Give the desk the content that stands in a record alone; unknown again is what is not found there."""
    bodies = _bodies(patient, {(row.resource_type, row.fhir_id) for row in rows})
    for row in rows:
        body = bodies.get((row.resource_type, row.fhir_id))
        sealed = None if body is None else crypto.seal(row, "body", body)
        # Not the digest of the bytes as they came: what comes next is told apart, and taken.
        Landed.objects.filter(pk=row.pk).update(body=sealed, raw_digest=b"")


def _bodies(patient: ExportedPatient, wanted: set[Key]) -> dict[Key, bytes]:
    """Return what the record of a mapped patient's person holds of these keys; nothing where it cannot be opened."""
    if patient.person_id is None or not wanted:
        return {}
    try:
        sight = access.for_work(person_id=patient.person_id)
    except access.NotVisible:
        return {}
    with sight.open():
        source = source_of(patient)
        if source is None:
            return {}
        held = Resource.objects.filter(
            source_id=source.pk, fhir_id__in=[fhir_id for _kind, fhir_id in wanted]
        )
        keys = {
            pk: (kind, fhir_id) for pk, kind, fhir_id in held.values_list("id", "resource_type", "fhir_id")
        }
        found = record_queries.bodies(
            sight=sight, resource_ids=[pk for pk, key in keys.items() if key in wanted]
        )
        return {keys[pk]: stored.body.encode() for pk, stored in found.items()}
