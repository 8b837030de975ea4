"""The only writer of resources: a page of raw slices goes in, and what is unchanged is not touched.

Two digests decide. Equal bytes: unchanged, nothing is parsed, and no row is even locked. Other bytes but the same
content without `meta` and the profile's volatile fields: the new body is kept, and the version before it is recorded
without its own. Else the version before keeps its body. The digest of the content is not made before it is asked for,
which is when the bytes differ for the first time: most resources never change, and making it costs more than the rest.

Versions are append-only, and the caller commits a page together with its checkpoint. Bodies travel by COPY into a
temporary table, since the table itself is under row level security, which COPY refuses (docs/design-notes.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, islice
from typing import Any, Final

from django.db import connection

from connectors.fhir.bundle import Entry
from connectors.fhir.digest import canonical_digest, jsonb_alters, raw_digest
from phr.accounts.access import Sight
from phr.core.ids import uuid7
from phr.records.models import ID_LENGTH, UPDATED_LENGTH, VERSION_LENGTH
from phr.records.queries import BODY_TEXT
from phr.sources.models import Source

# LATERAL with OFFSET 0: a look-up by key for each. Left to choose, and without statistics (a first sync outruns
# autovacuum), the planner reads all that the source ever brought for each page.
_HELD: Final = """
    SELECT asked.resource_type, asked.fhir_id, r.id, r.raw_digest, r.gone_at IS NOT NULL
    FROM unnest(%s::text[], %s::text[]) AS asked (resource_type, fhir_id)
    CROSS JOIN LATERAL (
        SELECT id, raw_digest, gone_at FROM records_resource
        WHERE person_id = %s AND source_id = %s
          AND resource_type = asked.resource_type AND fhir_id = asked.fhir_id OFFSET 0
    ) AS r
"""
_BEFORE: Final = f"""
    SELECT r.id, r.raw_digest, r.digest, r.gone_at IS NOT NULL, CASE WHEN r.digest IS NULL THEN {BODY_TEXT} END
    FROM records_resource AS r WHERE r.person_id = %s AND r.id = ANY(%s)
    FOR UPDATE OF r
"""  # noqa: S608 - a constant of ours
_ARRIVING: Final = """
    CREATE TEMPORARY TABLE IF NOT EXISTS records_arriving (page bigint, held_id bigint, meant boolean, due boolean,
        resource_type text, fhir_id text, version_id text, last_updated text, raw_digest bytea, digest bytea,
        body jsonb, raw bytea)
    ON COMMIT DELETE ROWS
"""
_INSERT: Final = """
    INSERT INTO records_resource (person_id, source_id, resource_type, fhir_id, version_id, last_updated, number,
        raw_digest, digest, body, raw, created_at, changed_at, projection_due)
    SELECT %s, %s, a.resource_type, a.fhir_id, a.version_id, a.last_updated, 1,
        a.raw_digest, a.digest, a.body, a.raw, %s, %s, true
    FROM records_arriving AS a WHERE a.page = %s AND a.held_id IS NULL
"""
_KEEP: Final = """
    INSERT INTO records_version (person_id, resource_id, number, version_id, last_updated, raw_digest, digest,
        body, raw, changed_at, replaced_at)
    SELECT r.person_id, r.id, r.number, r.version_id, r.last_updated, r.raw_digest, r.digest,
        CASE WHEN a.meant THEN r.body END, CASE WHEN a.meant THEN r.raw END, r.changed_at, %s
    FROM records_arriving AS a JOIN records_resource AS r ON r.person_id = %s AND r.id = a.held_id
    WHERE a.page = %s
"""
_REPLACE: Final = """
    UPDATE records_resource AS r SET version_id = a.version_id, last_updated = a.last_updated, number = r.number + 1,
        raw_digest = a.raw_digest, digest = a.digest, body = a.body, raw = a.raw, changed_at = %s, gone_at = NULL,
        projection_due = r.projection_due OR a.due
    FROM records_arriving AS a WHERE r.person_id = %s AND r.id = a.held_id AND a.page = %s
"""
_RETURN: Final = """
    UPDATE records_resource SET gone_at = NULL, projection_due = true WHERE person_id = %s AND id = ANY(%s)
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
    digests = {key: raw_digest(entry.raw) for key, entry in good.items()}
    held = _held(sight=sight, source=source, keys=list(good))
    differing = [each.row_id for key, each in held.items() if each.gone or each.raw_digest != digests[key]]
    before = _before(sight=sight, row_ids=differing)
    page = next(_PAGES)
    arriving: list[tuple[Any, ...]] = []
    returned: list[int] = []
    for key, entry in good.items():
        raw = digests[key]
        known = held.get(key)
        if known is None:
            arriving.append((page, None, None, None, *key, *_content(entry, raw, None)))
            stored.created += 1
            continue
        was = before.get(known.row_id)
        if was is None or was.raw_digest == raw:
            if was is not None and was.gone:
                returned.append(was.row_id)
                stored.updated += 1
            else:
                stored.unchanged += 1
            continue
        canonical = canonical_digest(entry.raw, volatile)
        meant = canonical != (was.digest or canonical_digest(was.text.encode(), volatile))
        arriving.append((page, was.row_id, meant, meant or was.gone, *key, *_content(entry, raw, canonical)))
        stored.updated += 1
    _write(sight=sight, source=source, page=page, arriving=arriving, returned=returned, now=now)
    return stored


# Tells a page's rows from those of a page before it in the same transaction.
_PAGES: Final = count(1)


def _write(
    *,
    sight: Sight,
    source: Source,
    page: int,
    arriving: Sequence[tuple[Any, ...]],
    returned: Sequence[int],
    now: datetime,
) -> None:
    """Write what is new, what differs (its former version first), and what the portal shows again."""
    with connection.cursor() as cursor:
        if returned:
            cursor.execute(_RETURN, [sight.person_id, list(returned)])
        if not arriving:
            return
        cursor.execute(_ARRIVING)
        with connection.wrap_database_errors, cursor.copy("COPY records_arriving FROM STDIN") as copy:
            for row in arriving:
                copy.write_row(row)
        replacing = sum(held_id is not None for _page, held_id, *_ in arriving)
        if replacing:
            cursor.execute(_KEEP, [now, sight.person_id, page])
            cursor.execute(_REPLACE, [now, sight.person_id, page])
        if replacing < len(arriving):
            cursor.execute(_INSERT, [sight.person_id, source.pk, now, now, page])


def _content(entry: Entry, raw: bytes, canonical: bytes | None) -> tuple[Any, ...]:
    """Return what a row holds of an entry, in the order of the temporary table."""
    kept = entry.raw if jsonb_alters(entry.raw) else None
    marks = entry.version_id[:VERSION_LENGTH], entry.last_updated[:UPDATED_LENGTH]
    return *marks, raw, canonical, entry.raw.decode(), kept


def _sort_out(
    *, sight: Sight, source: Source, entries: Iterable[Entry], now: datetime, stored: Stored
) -> dict[tuple[str, str], Entry]:
    """Put what has a fault into quarantine; return the others by natural key, the last copy of each."""
    good: dict[tuple[str, str], Entry] = {}
    bad = []
    for entry in entries:
        fault = entry.fault or ("bad_id" if len(entry.id) > ID_LENGTH else None)
        if fault is not None:
            whose = (uuid7(), sight.person_id, source.pk)
            bad.append((*whose, entry.resource_type, fault, raw_digest(entry.raw), entry.raw, now))
        else:
            good[entry.resource_type, entry.id] = entry
    if bad:
        with connection.cursor() as cursor:
            cursor.executemany(_QUARANTINE, bad)
        stored.quarantined += len(bad)
    stored.keys.update(good)
    return good


@dataclass(frozen=True, slots=True)
class _Held:
    """What the table holds of a key; `text` only where there is no digest of the content yet."""

    row_id: int
    raw_digest: bytes
    gone: bool
    digest: bytes | None = None
    text: str = ""


def _held(*, sight: Sight, source: Source, keys: list[tuple[str, str]]) -> dict[tuple[str, str], _Held]:
    """Return what is held, without a lock: a lock is a write, and most of it is unchanged."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD, [[key[0] for key in keys], [key[1] for key in keys], sight.person_id, source.pk]
        )
        return {
            (resource_type, fhir_id): _Held(row_id=row_id, raw_digest=bytes(raw), gone=gone)
            for resource_type, fhir_id, row_id, raw, gone in cursor.fetchall()
        }


def _before(*, sight: Sight, row_ids: list[int]) -> dict[int, _Held]:
    """Lock what seems to differ, and return it as it is by then."""
    if not row_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [sight.person_id, row_ids])
        return {
            row_id: _Held(
                row_id=row_id,
                raw_digest=bytes(raw),
                gone=gone,
                digest=None if canonical is None else bytes(canonical),
                text=text or "",
            )
            for row_id, raw, canonical, gone, text in cursor.fetchall()
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
                   LEFT JOIN LATERAL (
                       SELECT id FROM records_resource WHERE person_id = %s AND source_id = %s
                         AND resource_type = asked.resource_type AND fhir_id = asked.fhir_id OFFSET 0
                   ) AS r ON true
                   WHERE r.id IS NULL""",
                [[pair[0] for pair in batch], [pair[1] for pair in batch], sight.person_id, source.pk],
            )
            absent += [row[0] for row in cursor.fetchall()]
    return sorted(absent)
