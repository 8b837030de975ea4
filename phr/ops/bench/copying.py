"""The reference of what is stored: bare COPY into a table of the same columns and unique indexes, without policies."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connections

from connectors.fhir.bundle import Entry
from connectors.fhir.digest import raw_digest

WHAT: Final = "bare COPY of the same bodies, primary key and unique index, no policies"
_TABLE: Final = """
    CREATE TABLE bench_copy (LIKE records_resource INCLUDING DEFAULTS INCLUDING IDENTITY)
"""
_COLUMNS: Final = (
    "person_id, source_id, resource_type, fhir_id, version_id, last_updated, number, raw_digest, body,"
    " created_at, changed_at, projection_due"
)


def rows(entries: Sequence[Entry], *, at: datetime) -> list[tuple[Any, ...]]:
    """Return what COPY writes of a page, ready made: the reference is the writing alone."""
    whose = (uuid.UUID(int=1), uuid.UUID(int=2))
    return [
        (
            *whose,
            entry.resource_type,
            entry.id,
            entry.version_id,
            entry.last_updated,
            1,
            raw_digest(entry.raw),
            entry.raw.decode(),
            at,
            at,
            True,
        )
        for entry in entries
    ]


def make() -> None:
    """Make the table, anew."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_copy")
        cursor.execute(_TABLE)
        cursor.execute("ALTER TABLE bench_copy ADD PRIMARY KEY (person_id, id)")
        cursor.execute("CREATE UNIQUE INDEX ON bench_copy (person_id, source_id, resource_type, fhir_id)")


def write(made: Sequence[tuple[Any, ...]]) -> None:
    """COPY one page, in a transaction of its own as a page of ours has."""
    with (
        connections["owner"].cursor() as cursor,
        cursor.copy(f"COPY bench_copy ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for row in made:
            copy.write_row(row)
