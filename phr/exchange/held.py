"""What the desk knows of an export's resources, by their keys; and what a server says it has deleted."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from django.db import connection as database

from connectors.fhir.bulk_lines import Line
from connectors.fhir.bulk_owner import within
from phr.accounts import access
from phr.exchange.models import ExportedPatient, SystemConnection
from phr.exchange.owners import Key, server_of
from phr.records.gone import mark_gone
from phr.sources.models import Source


@dataclass(slots=True)
class Counts:
    """What became of the lines of a batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    landed: int = 0
    shared: int = 0
    declined: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """One row of the desk: `waits` says that its content stands here and in nobody's record."""

    id: uuid.UUID
    patient_id: uuid.UUID | None
    raw_digest: bytes
    waits: bool


class _Request(msgspec.Struct):
    method: str | None = None
    url: str | None = None


class _BundleEntry(msgspec.Struct):
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    entry: list[_BundleEntry] | None = None


_read: Final = msgspec.json.Decoder(_Bundle).decode


def held_rows(connection: SystemConnection, keys: Iterable[Key]) -> dict[Key, Held]:
    """Return what is known of these keys (type, id); the desk is open."""
    wanted = list(keys)
    with database.cursor() as cursor:
        cursor.execute(
            """SELECT l.resource_type, l.fhir_id, l.id, l.patient_id, l.raw_digest, l.body IS NOT NULL
               FROM unnest(%s::text[], %s::text[]) AS asked (resource_type, fhir_id)
               JOIN exchange_landed AS l ON l.connection_id = %s AND l.resource_type = asked.resource_type
                 AND l.fhir_id = asked.fhir_id""",
            [[key[0] for key in wanted], [key[1] for key in wanted], connection.pk],
        )
        return {
            (resource_type, fhir_id): Held(row_id, patient_id, bytes(digest), waits)
            for resource_type, fhir_id, row_id, patient_id, digest, waits in cursor.fetchall()
        }


def take_deleted(*, connection: SystemConnection, lines: Sequence[Line], now: datetime) -> Counts:
    """Take bundles of deletions: what waits is dropped, what a person's record holds is marked and stays."""
    counts = Counts()
    keys: set[Key] = set()
    for line in lines:
        keys.update(_deletions(line.raw, base_url=server_of(connection)))
    held = held_rows(connection, keys)
    by_patient: dict[uuid.UUID, list[Key]] = defaultdict(list)
    for key, row in held.items():
        if row.patient_id is not None and not row.waits:
            by_patient[row.patient_id].append(key)
    for patient in ExportedPatient.objects.filter(pk__in=by_patient, person__isnull=False):
        counts.updated += mark_gone_here(patient, by_patient[patient.pk], now=now)
    forget(connection, [row.id for row in held.values()])
    counts.declined = len(keys) - counts.updated
    return counts


def mark_gone_here(patient: ExportedPatient, keys: Sequence[Key], *, now: datetime) -> int:
    """Mark resources in the record of a mapped patient's person as no longer shown; return how many were."""
    if patient.person_id is None:
        return 0
    try:
        sight = access.for_work(person_id=patient.person_id)
    except access.NotVisible:
        return 0
    with sight.open():
        source = source_of(patient)
        return 0 if source is None else mark_gone(sight=sight, source=source, keys=keys, now=now)


def source_of(patient: ExportedPatient) -> Source | None:
    """Return the source that a mapped patient's chart is in their person's record; that person's Sight is open."""
    return None if patient.source_id is None else Source.objects.filter(pk=patient.source_id).first()


def forget(connection: SystemConnection, ids: Sequence[uuid.UUID]) -> None:
    """Drop rows of the desk, with what they are called."""
    if ids:
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM exchange_landedname WHERE landed_id = ANY(%s)", [list(ids)])
            cursor.execute(
                "DELETE FROM exchange_landed WHERE connection_id = %s AND id = ANY(%s)",
                [connection.pk, list(ids)],
            )


def _deletions(raw: bytes, *, base_url: str) -> Iterator[Key]:
    """Yield the keys that a Bundle of deletions names; nothing for what is none."""
    try:
        bundle = _read(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return
    for entry in bundle.entry or []:
        if entry.request is not None and entry.request.method == "DELETE":
            resource_type, _, resource_id = within(entry.request.url or "", base_url=base_url).partition("/")
            if resource_id:
                yield resource_type, resource_id
