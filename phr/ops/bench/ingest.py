"""Ingest: the bytes of bundles to stored, projected, merged facts (mark P1 of the performance targets)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from connectors.fhir.bundle import Page, read_page
from phr.accounts.access import Sight
from phr.ops.bench import copying, people
from phr.ops.bench.figure import Figure, Progress, Reference, Watch, quotient
from phr.records import store
from phr.sources.models import Source
from phr.timeline import project

DEFAULT_N: Final = 20_000
# Resources in a transaction: what an import commits at once.
PAGE: Final = 1_000
_ROUNDS: Final = 5
NOW: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)


def run(*, n: int, progress: Progress) -> Figure:
    """Store and project ``n`` resources of one person, in rounds that alternate with COPY of the same bodies."""
    sight, source = people.person()
    copying.make()
    reading, storing, projecting, copied = Watch(), Watch(), Watch(), Watch()
    every = (reading, storing, projecting, copied)
    done = 0
    for size, first in rounds(n):
        for watch in every:
            watch.round()
        for body in people.bundles(n=size, page=PAGE, first=first):
            with reading():
                page = read_page(body, base_url=people.BASE_URL)
            with storing():
                put(sight=sight, source=source, page=page)
            ready = copying.rows(page.entries, at=NOW)
            with copied():
                copying.write(ready)
            done += len(page.entries)
            progress("stored", done / n)
        with projecting():
            read_all(sight=sight)
        progress("projected", done / n)
    stored = [a + b for a, b in zip(reading.rounds, storing.rounds, strict=True)]
    whole = [a + b for a, b in zip(stored, projecting.rounds, strict=True)]
    return Figure(
        name="ingest",
        n=n,
        seconds=sum(whole),
        reference=Reference(copying.WHAT, copied.seconds),
        ratio=quotient(copied.rounds, whole),
        ratio_means="speed of the whole path, COPY being 1",
        more={
            "store_seconds": round(sum(stored), 4),
            "store_ratio": round(quotient(copied.rounds, stored), 3),
            "project_seconds": round(projecting.seconds, 4),
        },
    )


def rounds(n: int) -> Iterator[tuple[int, int]]:
    """Cut ``n`` into rounds of (size, first number)."""
    size = max(1, -(-n // _ROUNDS))
    for first in range(0, n, size):
        yield min(size, n - first), first


def put(*, sight: Sight, source: Source, page: Page) -> store.Stored:
    """Store one page in a transaction of its own."""
    with sight.open():
        return store.apply(sight=sight, source=source, entries=page.entries, volatile=(), now=NOW)


def read_all(*, sight: Sight) -> None:
    """Read everything that waits into events and facts."""
    left = 1
    while left:
        with sight.open():
            left = project.project(sight=sight)
