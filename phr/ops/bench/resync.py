"""Resync: the same bundles once more, unchanged (mark P2). Nothing may be written."""

from __future__ import annotations

from typing import Final

from django.db import connections
from psycopg import sql

from connectors.fhir.bundle import read_page
from phr.ops.bench import people
from phr.ops.bench.figure import Figure, Progress, Reference, Watch, quotient
from phr.ops.bench.ingest import PAGE, put, read_all, rounds

DEFAULT_N: Final = 20_000


def run(*, n: int, progress: Progress) -> Figure:
    """Ingest ``n`` resources in rounds, each followed by the same bytes again."""
    sight, source = people.person()
    first_time, again = Watch(), Watch()
    unchanged = 0
    done = 0
    for size, first in rounds(n):
        bodies = list(people.bundles(n=size, page=PAGE, first=first))
        first_time.round()
        with first_time():
            for body in bodies:
                put(sight=sight, source=source, page=read_page(body, base_url=people.BASE_URL))
            read_all(sight=sight)
        before = _rows()
        again.round()
        with again():
            for body in bodies:
                stored = put(sight=sight, source=source, page=read_page(body, base_url=people.BASE_URL))
                unchanged += stored.unchanged
            read_all(sight=sight)
        assert _rows() == before, "a resync of what had not changed touched a row"
        done += size
        progress("resynced", done / n)
    return Figure(
        name="resync",
        n=n,
        seconds=again.seconds,
        reference=Reference("the first sync of the same bytes, stored and projected", first_time.seconds),
        ratio=quotient(first_time.rounds, again.rounds),
        ratio_means="times faster than the first sync",
        more={"unchanged": unchanged, "rows_touched": 0},
    )


def _rows() -> list[tuple[str, ...]]:
    """Return a mark of every row that a sync may write: its place, who wrote it and who locked it."""
    found = []
    with connections["owner"].cursor() as cursor:
        for table in ("records_resource", "records_version", "timeline_event", "timeline_fact"):
            cursor.execute(
                sql.SQL(
                    "SELECT count(*)::text, md5(string_agg(concat_ws(' ', ctid, xmin, xmax), '' ORDER BY ctid)) FROM {}"
                ).format(sql.Identifier(table))
            )
            found.append(cursor.fetchone())
    return found
