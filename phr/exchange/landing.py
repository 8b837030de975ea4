"""Lines of an export, each to where it belongs: into a person's record, or to the desk, where it waits unseen.

The desk is open, and the caller commits a batch together with how far its file is read. Whose a line is comes from
phr.exchange.owners; whose record here that is, from what the operator said (phr.exchange.patients).
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection as database

from connectors.fhir.bulk_lines import Line
from connectors.fhir.bulk_owner import patient_identifiers, points_at, within
from connectors.fhir.bundle import Entry, iter_ndjson
from connectors.fhir.digest import raw_digest
from connectors.fhir.references import attachments
from phr.accounts import access
from phr.core import crypto
from phr.core.ids import uuid7
from phr.exchange import identity
from phr.exchange.held import Counts, Held, forget, held_rows, mark_gone_here, source_of
from phr.exchange.models import (
    ID_LENGTH,
    ExportedPatient,
    ExportFile,
    Landed,
    LandedName,
    SetAside,
    SystemConnection,
)
from phr.exchange.owners import SHARED, Key, Place, Role, places, server_of
from phr.records import store
from phr.sources.models import Source

_NAME_LENGTH: Final = 600


@dataclass(slots=True)
class _Batch:
    connection: SystemConnection
    volatile: Sequence[str]
    now: datetime
    counts: Counts = field(default_factory=Counts)
    entries: dict[Key, Entry] = field(default_factory=dict)
    held: dict[Key, Held] = field(default_factory=dict)
    # Of no patient that they say themselves, but naming whose they are by the same as what is held.
    named_alike: set[Key] = field(default_factory=set)


def take(
    *,
    connection: SystemConnection,
    file: ExportFile | None,
    lines: Sequence[Line],
    volatile: Sequence[str],
    now: datetime,
) -> Counts:
    """Store a batch of lines of records; the same line twice, or a batch taken again, changes nothing."""
    batch = _Batch(connection=connection, volatile=volatile, now=now)
    _sort_out(batch, file=file, lines=lines)
    batch.held = held_rows(connection, batch.entries)
    found = places(connection=connection, entries=batch.entries)
    declined: set[Key] = set()
    delivering: dict[ExportedPatient, list[Key]] = defaultdict(list)
    for key, place in found.items():
        if place.patient is not None and place.patient.state != ExportedPatient.State.WAITING:
            delivering[place.patient].append(key)
    delivered: set[Key] = set()
    for patient, keys in delivering.items():
        stored = deliver(
            connection=connection,
            patient=patient,
            entries=[batch.entries[key] for key in keys],
            changed=[key for key in keys if _differs(batch, key)],
            volatile=volatile,
            now=now,
        )
        if stored is None:
            declined.update(keys)
            continue
        delivered.update(keys)
        batch.counts.created += stored.created
        batch.counts.updated += stored.updated
        batch.counts.unchanged += stored.unchanged
    forget(connection, [batch.held[key].id for key in declined if key in batch.held])
    batch.counts.declined += len(declined)
    for key, place in found.items():
        if key not in delivered | declined:
            batch.counts.shared += place.role != Role.OWNED
            batch.counts.landed += place.role == Role.OWNED
    batch.named_alike = _named_alike(batch, found)
    _leave_former_owners(batch, found)
    _land(batch, {key: place for key, place in found.items() if key not in declined}, delivered=delivered)
    _know(batch, found)
    return batch.counts


def deliver(
    *,
    connection: SystemConnection,
    patient: ExportedPatient,
    entries: Sequence[Entry],
    changed: Collection[Key],
    volatile: Sequence[str],
    now: datetime,
) -> store.Stored | None:
    """Put resources of a mapped patient into their person's record; None where that is not wanted any more.

    Not wanted: the patient is ignored, the person was erased, or disconnected this source. `changed`: the keys
    that are new or other than before; what they refer to is looked for (phr.exchange.settle).
    """
    if patient.state != ExportedPatient.State.MAPPED or patient.person_id is None:
        return None
    try:
        sight = access.for_work(person_id=patient.person_id)
    except access.NotVisible:
        return None
    with sight.open():
        source = source_of(patient)
        if source is None or source.state == Source.State.DISCONNECTED:
            return None
        stored = store.apply(sight=sight, source=source, entries=entries, volatile=volatile, now=now)
    names: set[str] = set()
    for entry in entries:
        if (entry.resource_type, entry.id) in changed:
            names |= references_of(entry.raw, base_url=server_of(connection))
    want(patient, names)
    if stored.created or stored.updated or changed:
        ExportedPatient.objects.filter(pk=patient.pk).update(settle_due=True)
    return stored


def want(patient: ExportedPatient, names: Iterable[str]) -> None:
    """Note what a patient's records refer to."""
    asked = sorted({name for name in names if name.partition("?")[0].partition("/")[0] in SHARED | {""}})
    if asked:
        with database.cursor() as cursor:
            cursor.execute(
                "INSERT INTO exchange_wanted (patient_id, name) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
                [patient.pk, [name[:_NAME_LENGTH] for name in asked]],
            )


def references_of(raw: bytes, *, base_url: str) -> set[str]:
    """Return what a resource refers to within its server, the Binary of its attachments included."""
    pointed = {within(each.url, base_url=base_url) for each in attachments(raw) if each.url}
    return {name for name in points_at(raw, base_url=base_url) | pointed if name}


def _sort_out(batch: _Batch, *, file: ExportFile | None, lines: Sequence[Line]) -> None:
    """Read the lines; what cannot be stored is set aside alone."""
    bad: list[SetAside] = []
    for line in lines:
        entry = next(iter_ndjson([line.raw]), Entry(line.raw, "", "", fault="no_resource"))
        fault = "too_large" if line.too_long else entry.fault
        if fault is None and len(entry.id) > ID_LENGTH:
            fault = "bad_id"
        if fault is None and not entry.id:
            fault = "no_id"  # an OperationOutcome among the records
        if fault is not None:
            bad.append(_aside(batch, line, entry, fault=fault, file=file))
            continue
        key = (entry.resource_type, entry.id)
        batch.counts.unchanged += key in batch.entries
        batch.entries[key] = entry
    SetAside.objects.bulk_create(bad, ignore_conflicts=True)
    batch.counts.set_aside += len(bad)


def _aside(batch: _Batch, line: Line, entry: Entry, *, fault: str, file: ExportFile | None) -> SetAside:
    row = SetAside(
        connection=batch.connection,
        file=file,
        line=line.number,
        resource_type=entry.resource_type,
        reason=fault,
        size=line.size,
        digest=hashlib.sha256(f"{line.size}:".encode() + line.raw).digest(),
        at=batch.now,
    )
    row.raw = crypto.seal(row, "raw", line.raw)
    return row


def _differs(batch: _Batch, key: Key) -> bool:
    held = batch.held.get(key)
    return held is None or held.waits or held.raw_digest != raw_digest(batch.entries[key].raw)


def _land(batch: _Batch, places: Mapping[Key, Place], *, delivered: Collection[Key]) -> None:
    """Write the rows that are new or other than before: with their content where it stands nowhere else."""
    rows, names = [], []
    for key, place in places.items():
        held = batch.held.get(key)
        raw = batch.entries[key].raw
        digest = raw_digest(raw)
        patient_id = place.patient.pk if place.patient is not None else None
        if place.patient is None and held is not None and key in batch.named_alike:
            # Found by what it names, after it came. What names somebody else now may be anybody's.
            patient_id = held.patient_id
        waits = key not in delivered
        if held == Held(held.id if held else uuid.UUID(int=0), patient_id, digest, waits):
            continue
        row = Landed(id=held.id if held else uuid7())
        body = crypto.seal(row, "body", raw) if waits else None
        rows.append((row.id, batch.connection.pk, patient_id, place.role, *key, digest, body, batch.now))
        names += [(row.id, batch.connection.pk, meaning, name) for meaning, name in place.names]
    if not rows:
        return
    with database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM exchange_landedname WHERE landed_id = ANY(%s)", [[row[0] for row in rows]]
        )
        cursor.executemany(
            """INSERT INTO exchange_landed (id, connection_id, patient_id, role, resource_type, fhir_id, raw_digest,
                   body, at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (connection_id, resource_type, fhir_id) DO UPDATE SET patient_id = excluded.patient_id,
                   role = excluded.role, raw_digest = excluded.raw_digest, body = excluded.body""",
            rows,
        )
        cursor.executemany(
            "INSERT INTO exchange_landedname (landed_id, connection_id, meaning, name) VALUES (%s, %s, %s, %s)",
            [(*row[:3], row[3]) for row in names if len(row[3]) <= _NAME_LENGTH],
        )
        # Whoever refers to what is shared has it as it is now.
        cursor.execute(
            """UPDATE exchange_exportedpatient SET settle_due = true WHERE connection_id = %s AND id IN (
                   SELECT patient_id FROM exchange_wanted WHERE name = ANY(%s))""",
            [batch.connection.pk, [name for _id, _connection, meaning, name in names if meaning == "is"]],
        )


def _named_alike(batch: _Batch, places: Mapping[Key, Place]) -> set[Key]:
    """Return the keys whose owner was found by what they name, and that still name it by the same."""
    asked = {
        batch.held[key].id: key
        for key, place in places.items()
        if place.patient is None and place.role == Role.OWNED and key in batch.held
    }
    stored: dict[Key, set[tuple[str, str]]] = defaultdict(set)
    named = LandedName.objects.filter(landed_id__in=asked).values_list("landed_id", "meaning", "name")
    for landed_id, meaning, name in named:
        stored[asked[landed_id]].add((meaning, name))
    return {key for key, names in stored.items() if names == places[key].names}


def _leave_former_owners(batch: _Batch, places: Mapping[Key, Place]) -> None:
    """A resource that says now that it is somebody else's is no longer shown by the portal where it was.

    So is one that does not say any more whose it is. Where it turns out to be the same person's, it is shown again.
    """
    left: dict[uuid.UUID, list[Key]] = defaultdict(list)
    for key, place in places.items():
        held = batch.held.get(key)
        if held is None or held.patient_id is None or held.waits:
            continue
        stays = place.patient is not None and held.patient_id == place.patient.pk
        if not stays and key not in batch.named_alike:
            left[held.patient_id].append(key)
    for patient in ExportedPatient.objects.filter(pk__in=left, person__isnull=False):
        mark_gone_here(patient, left[patient.pk], now=batch.now)


def _know(batch: _Batch, places: Mapping[Key, Place]) -> None:
    """Keep what a Patient resource says of who they are."""
    for key, place in places.items():
        if key[0] != "Patient" or place.patient is None or not _differs_in_facts(batch, key, place.patient):
            continue
        raw = batch.entries[key].raw
        rows = ExportedPatient.objects.filter(pk=place.patient.pk)
        # Of one who is not wanted too, or what names one of two by a number would seem to be the other's.
        rows.update(identifiers=identity.digests(patient_identifiers(raw)))
        if place.patient.state != ExportedPatient.State.IGNORED:
            rows.update(facts=identity.sealed(place.patient, identity.read_facts(raw)))


def _differs_in_facts(batch: _Batch, key: Key, patient: ExportedPatient) -> bool:
    held = batch.held.get(key)
    return patient.facts is None or held is None or held.raw_digest != raw_digest(batch.entries[key].raw)
