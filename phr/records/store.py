"""The only writer of resources: a page of raw slices goes in, and what is unchanged is not touched.

Two digests decide. Equal bytes: unchanged, nothing is parsed. Other bytes but the same content without `meta` and
the profile's volatile fields: the new body is kept, and the version before it is recorded without its own. Else the
version before keeps its body. Versions are append-only, and the caller commits a page together with its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import connection

from connectors.fhir.bundle import Entry
from connectors.fhir.digest import canonical_digest, jsonb_alters, raw_digest
from phr.accounts.access import Sight
from phr.core.ids import uuid7
from phr.sources.models import Source

_HELD: Final = """
    SELECT r.resource_type, r.fhir_id, r.id, r.raw_digest, r.digest, r.gone_at IS NOT NULL
    FROM records_resource AS r
    JOIN unnest(%s::text[], %s::text[]) AS asked (resource_type, fhir_id)
      ON r.resource_type = asked.resource_type AND r.fhir_id = asked.fhir_id
    WHERE r.person_id = %s AND r.source_id = %s
    FOR UPDATE OF r
"""
_INSERT: Final = """
    INSERT INTO records_resource (person_id, source_id, resource_type, fhir_id, version_id, last_updated, number,
        raw_digest, digest, body, raw, created_at, changed_at, projection_due)
    VALUES (%s, %s, %s, %s, %s, %s, 1, %s, %s, %s::jsonb, %s, %s, %s, true)
"""
_KEEP: Final = """
    INSERT INTO records_version (person_id, resource_id, number, version_id, last_updated, raw_digest, digest,
        body, raw, changed_at, replaced_at)
    SELECT person_id, id, number, version_id, last_updated, raw_digest, digest,
        CASE WHEN %s THEN body END, CASE WHEN %s THEN raw END, changed_at, %s
    FROM records_resource WHERE person_id = %s AND id = %s
"""
_REPLACE: Final = """
    UPDATE records_resource SET version_id = %s, last_updated = %s, number = number + 1, raw_digest = %s, digest = %s,
        body = %s::jsonb, raw = %s, changed_at = %s, gone_at = NULL, projection_due = projection_due OR %s
    WHERE person_id = %s AND id = %s
"""
_RETURN: Final = """
    UPDATE records_resource SET gone_at = NULL, projection_due = true WHERE person_id = %s AND id = %s
"""
_QUARANTINE: Final = """
    INSERT INTO records_quarantine (id, person_id, source_id, resource_type, reason, digest, raw, at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (person_id, source_id, digest) DO NOTHING
"""


@dataclass(slots=True)
class Stored:
    """What became of the entries of a page: `fetched` is the sum of the others."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    # What was read for each, so that a later step knows what it holds already.
    keys: set[tuple[str, str]] = field(default_factory=set)

    @property
    def fetched(self) -> int:
        return self.created + self.updated + self.unchanged + self.quarantined


def apply(
    *, sight: Sight, source: Source, entries: Sequence[Entry], volatile: Sequence[str], now: datetime
) -> Stored:
    """Store a page of one source; the Sight is open, and its transaction is the caller's.

    ``volatile`` are the JSON paths that the profile says change without meaning. The same resource twice in a page
    counts once, as its last copy. Entries with a fault go to quarantine, the others are stored.
    """
    stored = Stored()
    good = _sort_out(sight=sight, source=source, entries=entries, now=now, stored=stored)
    if not good:
        return stored
    held = _held(sight=sight, source=source, keys=list(good))
    inserts: list[tuple[Any, ...]] = []
    keeps: list[tuple[Any, ...]] = []
    replaces: list[tuple[Any, ...]] = []
    returns: list[tuple[Any, ...]] = []
    for key, entry in good.items():
        raw = raw_digest(entry.raw)
        if key not in held:
            whose = (sight.person_id, source.pk, *key)
            inserts.append((*whose, *_content(entry, raw, canonical_digest(entry.raw, volatile)), now, now))
            stored.created += 1
            continue
        row_id, raw_before, digest_before, gone = held[key]
        where = (sight.person_id, row_id)
        if raw == raw_before:
            if gone:
                returns.append(where)
                stored.updated += 1
            else:
                stored.unchanged += 1
            continue
        canonical = canonical_digest(entry.raw, volatile)
        changed = canonical != digest_before
        keeps.append((changed, changed, now, *where))
        replaces.append((*_content(entry, raw, canonical), now, changed or gone, *where))
        stored.updated += 1
    with connection.cursor() as cursor:
        for statement, rows in (
            (_INSERT, inserts),
            (_KEEP, keeps),
            (_REPLACE, replaces),
            (_RETURN, returns),
        ):
            if rows:
                cursor.executemany(statement, rows)
    return stored


def _content(entry: Entry, raw: bytes, canonical: bytes) -> tuple[Any, ...]:
    """Return what a row holds of an entry, in the order of the statements."""
    kept = entry.raw if jsonb_alters(entry.raw) else None
    return entry.version_id, entry.last_updated, raw, canonical, entry.raw.decode(), kept


def _sort_out(
    *, sight: Sight, source: Source, entries: Iterable[Entry], now: datetime, stored: Stored
) -> dict[tuple[str, str], Entry]:
    """Put what has a fault into quarantine; return the others by natural key, the last copy of each."""
    good: dict[tuple[str, str], Entry] = {}
    bad = []
    for entry in entries:
        if entry.fault is not None:
            whose = (uuid7(), sight.person_id, source.pk)
            bad.append((*whose, entry.resource_type, entry.fault, raw_digest(entry.raw), entry.raw, now))
        else:
            good[entry.resource_type, entry.id] = entry
    if bad:
        with connection.cursor() as cursor:
            cursor.executemany(_QUARANTINE, bad)
        stored.quarantined += len(bad)
    stored.keys.update(good)
    return good


def _held(
    *, sight: Sight, source: Source, keys: list[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, bytes, bytes, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD, [[key[0] for key in keys], [key[1] for key in keys], sight.person_id, source.pk]
        )
        return {
            (resource_type, fhir_id): (row_id, bytes(raw), bytes(canonical), gone)
            for resource_type, fhir_id, row_id, raw, canonical, gone in cursor.fetchall()
        }


def missing(*, sight: Sight, source: Source, references: Iterable[str]) -> list[str]:
    """Return those of the references ("Practitioner/123") that this source does not hold yet, sorted."""
    pairs = sorted({tuple(reference.split("/", 1)) for reference in references if "/" in reference})
    absent: list[str] = []
    walk = iter(pairs)
    while batch := list(islice(walk, 1000)):
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT asked.resource_type || '/' || asked.fhir_id
                   FROM unnest(%s::text[], %s::text[]) AS asked (resource_type, fhir_id)
                   WHERE NOT EXISTS (SELECT FROM records_resource AS r WHERE r.person_id = %s AND r.source_id = %s
                       AND r.resource_type = asked.resource_type AND r.fhir_id = asked.fhir_id)""",
                [[pair[0] for pair in batch], [pair[1] for pair in batch], sight.person_id, source.pk],
            )
            absent += [row[0] for row in cursor.fetchall()]
    return sorted(absent)
