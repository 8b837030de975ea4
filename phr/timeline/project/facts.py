"""Touched events become facts: their component is merged anew, and only rows that differ are written."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.db import connection

from phr.accounts.access import Sight
from phr.timeline.events import Event
from phr.timeline.merge import Group, Member, fact_id, merge
from phr.timeline.project.members import member

_UNDATED: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEIGHBOURS: Final = """
    SELECT DISTINCT other.event_id FROM (
        SELECT DISTINCT key FROM timeline_eventkey WHERE person_id = %(person)s AND event_id = ANY(%(events)s)
    ) AS mine CROSS JOIN LATERAL (
        SELECT event_id FROM timeline_eventkey WHERE person_id = %(person)s AND key = mine.key OFFSET 0
    ) AS other
"""
_LOAD: Final = """
    SELECT e.id, e.source_id, s.base_url, s.patient_fhir_id, e.resource_type, e.fhir_id, e.exclusion, e.fact_id,
        e.data::text
    FROM unnest(%s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT * FROM timeline_event WHERE person_id = %s AND id = wanted.id OFFSET 0
    ) AS e JOIN sources_source AS s ON s.id = e.source_id AND s.person_id = e.person_id
"""
_COLUMNS: Final = (
    ("id", "uuid"),
    ("kind", "text"),
    ("sort_at", "timestamptz"),
    ("date_text", "text"),
    ("precision", "text"),
    ("year", "smallint"),
    ("title", "text"),
    ("detail", "text"),
    ("value", "text"),
    ("unit", "text"),
    ("flag", "text"),
    ("flag_text", "text"),
    ("status", "text"),
    ("sources", "uuid[]"),
    ("members", "int"),
    ("rule", "text"),
    ("evidence", "jsonb"),
    ("conflicts", "jsonb"),
)
_NAMES: Final = ", ".join(name for name, _ in _COLUMNS)
_TYPED: Final = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS)
_CHANGED: Final = " OR ".join(
    f"f.{name} IS DISTINCT FROM excluded.{name}" for name, _ in _COLUMNS if name != "id"
)
_UPSERT: Final = f"""
    INSERT INTO timeline_fact AS f (person_id, {_NAMES})
    SELECT %s, t.* FROM jsonb_to_recordset(%s::jsonb) AS t ({_TYPED})
    ON CONFLICT (person_id, id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name, _ in _COLUMNS if name != "id")}
    WHERE {_CHANGED}
"""  # noqa: S608 - built of constants
# A fact belongs to the visit that its members name, the earliest naming one if they name several. In steps that each
# look up what the step before found (see reading): what is computed of a row may not narrow another under row level
# security, so it is computed in a step of its own.
_VISITS: Final = """
    WITH homes AS MATERIALIZED (
        SELECT v.source_id, 'Encounter/' || v.fhir_id AS visit_ref
        FROM unnest(%(facts)s::uuid[]) AS merged (id) CROSS JOIN LATERAL (
            SELECT source_id, fhir_id FROM timeline_event
            WHERE person_id = %(person)s AND fact_id = merged.id AND resource_type = 'Encounter' OFFSET 0
        ) AS v
    ), touched AS MATERIALIZED (
        SELECT unnest(%(facts)s::uuid[]) AS id
        UNION
        SELECT e.fact_id FROM homes CROSS JOIN LATERAL (
            SELECT fact_id FROM timeline_event WHERE person_id = %(person)s AND source_id = homes.source_id
              AND visit_ref = homes.visit_ref AND visit_ref <> '' OFFSET 0
        ) AS e
    ), said AS MATERIALIZED (
        SELECT touched.id, e.source_id, e.resource_type, e.fhir_id, e.ordinal,
            CASE WHEN starts_with(e.visit_ref, 'Encounter/') THEN substr(e.visit_ref, 11) END AS visit
        FROM touched CROSS JOIN LATERAL (
            SELECT source_id, resource_type, fhir_id, ordinal, visit_ref FROM timeline_event
            WHERE person_id = %(person)s AND fact_id = touched.id AND kind <> 'visit' OFFSET 0
        ) AS e
    ), named AS MATERIALIZED (
        SELECT said.id,
            (array_agg(v.fact_id ORDER BY said.source_id, said.resource_type, said.fhir_id, said.ordinal)
             FILTER (WHERE v.fact_id IS NOT NULL))[1] AS visit_id
        FROM said LEFT JOIN LATERAL (
            SELECT fact_id FROM timeline_event WHERE person_id = %(person)s AND source_id = said.source_id
              AND resource_type = 'Encounter' AND fhir_id = said.visit AND kind = 'visit' OFFSET 0
        ) AS v ON true
        GROUP BY said.id
    )
    UPDATE timeline_fact AS f SET visit_id = named.visit_id FROM named
    WHERE f.person_id = %(person)s AND f.id = named.id AND f.id = ANY(ARRAY(SELECT id FROM named))
      AND f.visit_id IS DISTINCT FROM named.visit_id
"""


@dataclass(frozen=True, slots=True)
class _Row:
    event_id: int
    source_id: uuid.UUID
    exclusion: str
    fact_id: uuid.UUID | None
    event: Event
    member: Member


def merge_touched(*, sight: Sight, touched: Iterable[int]) -> None:
    """Merge the components of the touched events and write what came of it; the Sight is open."""
    rows = _load(sight=sight, event_ids=_closure(sight=sight, touched=touched))
    by_key = {row.member.key: row for row in rows}
    groups = merge([row.member for row in rows if not row.exclusion])
    placed: dict[int, uuid.UUID | None] = {row.event_id: None for row in rows}
    facts: dict[uuid.UUID, dict[str, Any]] = {}
    for group in groups:
        of_group = [by_key[each.key] for each in group.members]
        identity = fact_id(group, person_id=str(sight.person_id))
        facts[identity] = _fact(identity, group, of_group)
        placed.update((row.event_id, identity) for row in of_group)
    before = {row.fact_id for row in rows if row.fact_id is not None}
    _write(sight=sight, facts=facts)
    _place(sight=sight, rows=rows, placed=placed)
    _drop(sight=sight, gone=before.difference(facts), rows=rows, placed=placed)
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, {"person": sight.person_id, "facts": list(facts)})


def _closure(*, sight: Sight, touched: Iterable[int]) -> set[int]:
    """Return every event that blocks connect with the touched ones, those included."""
    found, frontier = set(touched), set(touched)
    with connection.cursor() as cursor:
        while frontier:
            cursor.execute(_NEIGHBOURS, {"person": sight.person_id, "events": list(frontier)})
            frontier = {row[0] for row in cursor.fetchall()}.difference(found)
            found |= frontier
    return found


def _load(*, sight: Sight, event_ids: Iterable[int]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [list(event_ids), sight.person_id])
        loaded = cursor.fetchall()
    rows = []
    for event_id, source_id, base_url, patient, resource_type, fhir_id, exclusion, held_by, data in loaded:
        event = msgspec.json.decode(data, type=Event)
        rows.append(
            _Row(
                event_id=event_id,
                source_id=source_id,
                exclusion=exclusion,
                fact_id=held_by,
                event=event,
                member=member(
                    source_id=source_id,
                    base_url=base_url,
                    patient=patient,
                    resource_type=resource_type,
                    fhir_id=fhir_id,
                    event=event,
                ),
            )
        )
    return rows


def _fact(identity: uuid.UUID, group: Group, rows: Sequence[_Row]) -> dict[str, Any]:
    """Return a fact's columns by name: its leader says it, its members are all named."""
    event = rows[0].event
    when = event.when
    dated = when.start is not None and when.precision != "none"
    return {
        "id": identity,
        "kind": event.kind,
        "sort_at": when.start if dated else _UNDATED,
        "date_text": when.text[:40] if dated else "",
        "precision": when.precision if dated else "none",
        "year": (when.local_date or when.start).year if dated and when.start is not None else None,
        "title": event.title,
        "detail": event.detail,
        "value": event.value_text,
        "unit": event.unit_text[:100],
        "flag": event.flag,
        "flag_text": event.flag_text,
        "status": event.status[:32],
        "sources": sorted({str(row.source_id) for row in rows}),
        "members": len(rows),
        "rule": group.rule,
        "evidence": group.evidence,
        "conflicts": group.conflicts,
    }


def _write(*, sight: Sight, facts: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    if not facts:
        return
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [sight.person_id, msgspec.json.encode(list(facts.values())).decode()])


def _place(*, sight: Sight, rows: Sequence[_Row], placed: Mapping[int, uuid.UUID | None]) -> None:
    """Say on each event which fact it is part of, where that changed."""
    moved = [(row.event_id, placed[row.event_id]) for row in rows if row.fact_id != placed[row.event_id]]
    if not moved:
        return
    # By key, and each new value looked up in one constant: a join would be left to a planner that, without
    # statistics, may make it anew for every row.
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE timeline_event SET fact_id = (%s::jsonb ->> id::text)::uuid
               WHERE person_id = %s AND id = ANY(%s)""",
            [
                json.dumps({str(event_id): identity and str(identity) for event_id, identity in moved}),
                sight.person_id,
                [event_id for event_id, _ in moved],
            ],
        )


def _drop(
    *,
    sight: Sight,
    gone: Iterable[uuid.UUID],
    rows: Sequence[_Row],
    placed: Mapping[int, uuid.UUID | None],
) -> None:
    """Delete facts that nothing says any more, and lead their ids to where their events went."""
    lost = set(gone)
    if not lost:
        return
    heirs: dict[uuid.UUID, uuid.UUID] = {}
    for row in sorted(rows, key=lambda row: row.member.natural):
        heir = placed[row.event_id]
        if row.fact_id in lost and heir is not None:
            heirs.setdefault(row.fact_id, heir)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM timeline_fact WHERE person_id = %s AND id = ANY(%s)", [sight.person_id, list(lost)]
        )
        # A visit that is gone leaves nothing inside it; its facts stand alone until they are placed again.
        cursor.execute(
            "UPDATE timeline_fact SET visit_id = NULL WHERE person_id = %s AND visit_id = ANY(%s)",
            [sight.person_id, list(lost)],
        )
        if heirs:
            cursor.execute(
                """INSERT INTO timeline_factredirect (person_id, old_id, fact_id)
                   SELECT %s, t.* FROM unnest(%s::uuid[], %s::uuid[]) AS t
                   ON CONFLICT (person_id, old_id) DO UPDATE SET fact_id = excluded.fact_id""",
                [sight.person_id, list(heirs), list(heirs.values())],
            )
