"""Reading resources as the portals sent them; the Sight is open."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from phr.accounts.access import Sight

# The text as it came where jsonb would have altered it, else jsonb's own, which keeps every digit of a number.
BODY_TEXT = "CASE WHEN r.raw IS NOT NULL THEN convert_from(r.raw, 'UTF8') ELSE r.body::text END"
_BATCH = 500


def changed_since(
    *, sight: Sight, source_id: uuid.UUID, since: datetime, types: tuple[str, ...] | None = None
) -> Iterator[tuple[str, str, bytes]]:
    """Yield (type, id, JSON) of what this source brought anew or changed since then, in batches by id."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT r.id, r.resource_type, r.fhir_id, {BODY_TEXT} FROM records_resource AS r
                    WHERE r.person_id = %s AND r.source_id = %s AND r.id > %s AND r.changed_at >= %s
                    AND (%s::text[] IS NULL OR r.resource_type = ANY(%s)) ORDER BY r.id LIMIT %s""",  # noqa: S608
                [sight.person_id, source_id, after, since, _list(types), _list(types), _BATCH],
            )
            rows = cursor.fetchall()
        for _row_id, resource_type, fhir_id, body in rows:
            yield resource_type, fhir_id, body.encode()
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def counts(*, sight: Sight, source_id: uuid.UUID) -> dict[str, int]:
    """Return how many resources of each type a source holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT resource_type, count(*) FROM records_resource
               WHERE person_id = %s AND source_id = %s GROUP BY resource_type ORDER BY resource_type""",
            [sight.person_id, source_id],
        )
        return dict(cursor.fetchall())


def _list(types: tuple[str, ...] | None) -> list[str] | None:
    return None if types is None else list(types)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """An earlier version; ``body`` is empty where only the portal's marks moved."""

    number: int
    changed_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as JSON text, with its earlier versions, the latest of them first."""

    body: str
    versions: tuple[StoredVersion, ...]


def bodies(*, sight: Sight, resource_ids: Sequence[int]) -> dict[int, Stored]:
    """Return the resources of these row ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.resource_id, r.number, r.changed_at, {BODY_TEXT} FROM records_version AS r
                WHERE r.person_id = %s AND r.resource_id = ANY(%s) ORDER BY r.resource_id, r.number DESC""",  # noqa: S608
            [sight.person_id, list(resource_ids)],
        )
        versions: dict[int, list[StoredVersion]] = {}
        for row_id, number, changed_at, body in cursor.fetchall():
            versions.setdefault(row_id, []).append(StoredVersion(number, changed_at, body or ""))
        cursor.execute(
            f"""SELECT r.id, {BODY_TEXT} FROM records_resource AS r
                WHERE r.person_id = %s AND r.id = ANY(%s)""",  # noqa: S608
            [sight.person_id, list(resource_ids)],
        )
        return {row_id: Stored(body, tuple(versions.get(row_id, ()))) for row_id, body in cursor.fetchall()}
