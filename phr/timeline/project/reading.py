"""Due resources become event rows, completed with the names that supporting resources of their source give."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.db import connection

from phr.accounts.access import Sight
from phr.records.queries import BODY_TEXT
from phr.timeline.decode import decode
from phr.timeline.events import Event
from phr.timeline.merge import block_keys
from phr.timeline.normalize import normalize, supporting_of, with_supporting
from phr.timeline.normalize.subject import patient_of
from phr.timeline.project.members import member, text_key

# IS NOT DISTINCT FROM, which no index knows: the source would draw the planner to the natural key, and to reading all
# that the source ever brought for each batch, where the index of what is due has the batch at its head.
_DUE: Final = f"""
    SELECT r.id, r.source_id, s.base_url, s.patient_fhir_id, r.resource_type, r.fhir_id, {BODY_TEXT}, r.number
    FROM records_resource AS r JOIN sources_source AS s ON s.id = r.source_id AND s.person_id = r.person_id
    WHERE r.person_id = %s AND r.projection_due
      AND (%s::uuid IS NULL OR r.source_id IS NOT DISTINCT FROM %s)
    ORDER BY r.id LIMIT %s
"""  # noqa: S608 - a constant of ours
# LATERAL with OFFSET 0, here and in facts: a look-up by key for each row asked for. Left to choose, and without
# statistics (a first sync outruns autovacuum), the planner reads all of the person's rows for each batch.
_SUPPORTING: Final = """
    SELECT asked.source_id, asked.resource_type || '/' || asked.fhir_id, e.data
    FROM unnest(%(sources)s::uuid[], %(types)s::text[], %(ids)s::text[]) AS asked (source_id, resource_type, fhir_id)
    CROSS JOIN LATERAL (
        SELECT data FROM timeline_event WHERE person_id = %(person)s AND source_id = asked.source_id
          AND resource_type = asked.resource_type AND fhir_id = asked.fhir_id AND ordinal = 0 OFFSET 0
    ) AS e
"""
_UPSERT: Final = """
    INSERT INTO timeline_event (person_id, source_id, resource_id, resource_type, fhir_id, ordinal, kind, exclusion,
        visit_ref, data)
    SELECT %s, t.* FROM ROWS FROM (unnest(%s::uuid[]), unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[]),
        unnest(%s::int[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), jsonb_array_elements(%s::jsonb))
        AS t
    ON CONFLICT (person_id, resource_id, ordinal) DO UPDATE SET kind = excluded.kind, exclusion = excluded.exclusion,
        visit_ref = excluded.visit_ref, data = excluded.data
    RETURNING id, resource_id, ordinal, xmax = 0
"""
# Resources that name one which has just been read: what it says completes them.
_WAITING: Final = """
    UPDATE records_resource AS r SET projection_due = true
    WHERE r.person_id = %(person)s AND NOT r.projection_due AND NOT (r.id = ANY(%(batch)s))
      AND r.id = ANY(ARRAY(
        SELECT e.resource_id FROM unnest(%(sources)s::uuid[], %(targets)s::text[]) AS asked (source_id, target)
        CROSS JOIN LATERAL (
            SELECT event_id FROM timeline_eventreference
            WHERE person_id = %(person)s AND source_id = asked.source_id AND target = asked.target OFFSET 0
        ) AS w
        CROSS JOIN LATERAL (
            SELECT resource_id FROM timeline_event WHERE person_id = %(person)s AND id = w.event_id OFFSET 0
        ) AS e
      ))
"""
# Of a resource that was replaced after we had read it, the new version waits for the next batch.
_DONE: Final = """
    WITH done AS MATERIALIZED (
        SELECT r.place FROM unnest(%(ids)s::bigint[], %(numbers)s::int[]) AS t (id, number)
        CROSS JOIN LATERAL (
            SELECT ctid AS place FROM records_resource
            WHERE person_id = %(person)s AND id = t.id AND number = t.number OFFSET 0 FOR NO KEY UPDATE
        ) AS r
    )
    UPDATE records_resource SET projection_due = false WHERE ctid = ANY(ARRAY(SELECT place FROM done))
"""
_SUPPORTING_TYPES: Final = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"}
)


@dataclass(frozen=True, slots=True)
class _Due:
    resource_id: int
    source_id: uuid.UUID
    base_url: str
    patient: str
    resource_type: str
    fhir_id: str
    body: str
    number: int

    @property
    def target(self) -> str:
        return f"{self.resource_type}/{self.fhir_id}"


def read_due(*, sight: Sight, source_id: uuid.UUID | None, limit: int) -> set[int]:
    """Read a batch of due resources; return the events that are new, changed, or stand with one that is gone."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [sight.person_id, source_id, source_id, limit])
        batch = [_Due(*row) for row in cursor.fetchall()]
    if not batch:
        return set()
    read = [(row, event) for row in batch for event in _events(row)]
    completed = _complete(sight=sight, read=read)
    supporting = [(row, event) for row, event in completed if row.resource_type in _SUPPORTING_TYPES]
    before = _load(sight=sight, wanted=[(row.source_id, row.target) for row, _ in supporting])
    touched = _write(sight=sight, batch=batch, events=completed)
    # One that says what it said completes nothing anew; two that name each other would wake each other for ever.
    arrived = [row for row, event in supporting if before.get((row.source_id, row.target)) != event]
    with connection.cursor() as cursor:
        if arrived:
            cursor.execute(
                _WAITING,
                {
                    "person": sight.person_id,
                    "batch": [row.resource_id for row in batch],
                    "sources": [row.source_id for row in arrived],
                    "targets": [row.target for row in arrived],
                },
            )
        cursor.execute(
            _DONE,
            {
                "ids": [row.resource_id for row in batch],
                "numbers": [row.number for row in batch],
                "person": sight.person_id,
            },
        )
    return touched


def due(*, sight: Sight, source_id: uuid.UUID | None) -> int:
    """Return how many resources wait to be read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM records_resource WHERE person_id = %s AND projection_due"
            " AND (%s::uuid IS NULL OR source_id IS NOT DISTINCT FROM %s)",
            [sight.person_id, source_id, source_id],
        )
        count: int = cursor.fetchone()[0]
    return count


def _events(row: _Due) -> Sequence[Event]:
    try:
        resource = decode(row.body)
    except ValueError:
        resource = {}
    events = normalize(resource, resource_type=row.resource_type, base_url=row.base_url)
    about = patient_of(resource, base_url=row.base_url) if isinstance(resource, dict) else ""
    if about in {"", row.patient}:
        return events
    # A portal that sends somebody else's record sends it to the wrong person: kept, named, and not shown as theirs.
    return tuple(msgspec.structs.replace(event, exclusion="other_patient") for event in events)


def _complete(*, sight: Sight, read: Sequence[tuple[_Due, Event]]) -> list[tuple[_Due, Event]]:
    """Give each event the names that the supporting resources of its source say.

    Supporting resources first: a role is completed by its practitioner before a visit is completed by the role.
    """
    known: dict[tuple[uuid.UUID, str], Event] = {
        (row.source_id, row.target): event for row, event in read if row.resource_type in _SUPPORTING_TYPES
    }
    wanted = {(row.source_id, target) for row, event in read for target in supporting_of(event)}
    for _round in range(2):  # what is referred to, and what that refers to (a role's practitioner)
        loaded = _load(sight=sight, wanted=wanted.difference(known))
        known |= loaded
        wanted = {
            (source_id, target) for (source_id, _), event in loaded.items() for target in supporting_of(event)
        }
        wanted |= {
            (source_id, target) for (source_id, _), event in known.items() for target in supporting_of(event)
        }
    by_source: dict[uuid.UUID, dict[str, Event]] = {}
    for (source_id, target), event in known.items():
        by_source.setdefault(source_id, {})[target] = event
    return [(row, with_supporting(event, by_source.get(row.source_id, {}))) for row, event in read]


def _load(*, sight: Sight, wanted: Iterable[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], Event]:
    asked = sorted(wanted)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _SUPPORTING,
            {
                "sources": [source_id for source_id, _ in asked],
                "types": [target.partition("/")[0] for _, target in asked],
                "ids": [target.partition("/")[2] for _, target in asked],
                "person": sight.person_id,
            },
        )
        return {
            (source_id, target): msgspec.json.decode(data, type=Event)
            for source_id, target, data in cursor.fetchall()
        }


def _write(*, sight: Sight, batch: Sequence[_Due], events: Sequence[tuple[_Due, Event]]) -> set[int]:
    touched = _drop_stale(sight=sight, batch=batch, events=events)
    columns: list[list[Any]] = [[] for _ in range(8)]
    for row, event in events:
        values = (
            row.source_id,
            row.resource_id,
            row.resource_type,
            row.fhir_id,
            event.ordinal,
            event.kind,
            event.exclusion,
            event.visit_ref,
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    # One JSON text, and not an array of texts, whose every quote would be escaped in Python.
    data = msgspec.json.encode([event for _, event in events]).decode()
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [sight.person_id, *columns, data])
        written = cursor.fetchall()
    ids = {(resource_id, ordinal): event_id for event_id, resource_id, ordinal, _new in written}
    # What was there before has keys to replace, and companions: most of a first sync has neither.
    known = [event_id for event_id, _resource_id, _ordinal, new in written if not new]
    numbered = [(ids[row.resource_id, event.ordinal], row, event) for row, event in events]
    # What stood with an event before it changed may have to part from it.
    touched |= _companions(sight=sight, event_ids=known)
    _write_keys(sight=sight, events=numbered, known=known)
    return touched | set(ids.values())


def _drop_stale(*, sight: Sight, batch: Sequence[_Due], events: Sequence[tuple[_Due, Event]]) -> set[int]:
    """Delete events that their resource no longer says; return those that stood with them."""
    kept = {(row.resource_id, event.ordinal) for row, event in events}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id, read.id, e.ordinal FROM unnest(%s::bigint[]) AS read (id) CROSS JOIN LATERAL (
                   SELECT id, ordinal FROM timeline_event WHERE person_id = %s AND resource_id = read.id OFFSET 0
               ) AS e""",
            [[row.resource_id for row in batch], sight.person_id],
        )
        stale = [
            event_id
            for event_id, resource_id, ordinal in cursor.fetchall()
            if (resource_id, ordinal) not in kept
        ]
        if not stale:
            return set()
        companions = _companions(sight=sight, event_ids=stale)
        cursor.execute(
            "DELETE FROM timeline_event WHERE person_id = %s AND id = ANY(%s)", [sight.person_id, stale]
        )
    return companions - set(stale)


def _companions(*, sight: Sight, event_ids: Sequence[int]) -> set[int]:
    if not event_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT other.id FROM (
                   SELECT DISTINCT fact_id FROM timeline_event
                   WHERE person_id = %(person)s AND id = ANY(%(events)s) AND fact_id IS NOT NULL
               ) AS mine CROSS JOIN LATERAL (
                   SELECT id FROM timeline_event WHERE person_id = %(person)s AND fact_id = mine.fact_id OFFSET 0
               ) AS other""",
            {"person": sight.person_id, "events": list(event_ids)},
        )
        return {row[0] for row in cursor.fetchall()}


def _write_keys(*, sight: Sight, events: Sequence[tuple[int, _Due, Event]], known: Sequence[int]) -> None:
    keys: set[tuple[int, int]] = set()
    references: set[tuple[int, uuid.UUID, str]] = set()
    for event_id, row, event in events:
        references.update(
            (event_id, row.source_id, ref.target)
            for ref in event.refs
            if "/" in ref.target and "://" not in ref.target and not ref.target.startswith("Patient/")
        )
        if not event.exclusion:
            described = member(
                source_id=row.source_id,
                base_url=row.base_url,
                patient=row.patient,
                resource_type=row.resource_type,
                fhir_id=row.fhir_id,
                event=event,
            )
            keys.update((event_id, text_key(key)) for key in block_keys(described))
    with connection.cursor() as cursor:
        for table in ("timeline_eventkey", "timeline_eventreference") if known else ():
            cursor.execute(
                f"DELETE FROM {table} WHERE person_id = %s AND event_id = ANY(%s)",  # noqa: S608 - constants of ours
                [sight.person_id, list(known)],
            )
        cursor.execute(
            "INSERT INTO timeline_eventkey (person_id, event_id, key)"
            " SELECT %s, t.* FROM unnest(%s::bigint[], %s::bigint[]) AS t",
            [sight.person_id, [event_id for event_id, _ in keys], [key for _, key in keys]],
        )
        cursor.execute(
            "INSERT INTO timeline_eventreference (person_id, event_id, source_id, target)"
            " SELECT %s, t.* FROM unnest(%s::bigint[], %s::uuid[], %s::text[]) AS t ON CONFLICT DO NOTHING",
            [
                sight.person_id,
                [event_id for event_id, _, _ in references],
                [source_id for _, source_id, _ in references],
                [target for _, _, target in references],
            ],
        )
