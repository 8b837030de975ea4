"""The first page of a timeline of n facts: the whole function beside its bare SQL (mark P4)."""

from __future__ import annotations

import time
from typing import Any, Final

from django.db import connection

from phr.ops.bench import facts, people
from phr.ops.bench.figure import Figure, Progress, Reference, percentile
from phr.sources.models import Source
from phr.timeline.queries import timeline_page
from phr.timeline.queries.shapes import TimelineFilters

DEFAULT_N: Final = 10_000
_PAGES: Final = 60


def run(*, n: int, progress: Progress) -> Figure:
    """Ask for the first and for the next page of a person with ``n`` facts, again and again."""
    sight, source = people.person()
    with sight.open():
        sources = [source.pk] + [
            Source.objects.create(
                person_id=sight.person_id,
                kind=Source.Kind.FILE,
                profile_id="generic",
                name=f"Portal {number}",
                base_url=f"{people.BASE_URL}/{number}",
                patient_fhir_id="pat",
            ).pk
            for number in (2, 3)
        ]
    progress("written", 0.0)
    facts.fill(person_id=sight.person_id, sources=sources, n=n)
    first: list[float] = []
    following: list[float] = []
    bare: list[float] = []
    for turn in range(_PAGES):
        began = time.perf_counter()
        with sight.open():
            page = timeline_page(sight=sight, filters=TimelineFilters())
        first.append(time.perf_counter() - began)
        began = time.perf_counter()
        with sight.open():
            timeline_page(sight=sight, filters=TimelineFilters(after=page.next_cursor or ""))
        following.append(time.perf_counter() - began)
        said: list[tuple[str, Any]] = []
        with connection.execute_wrapper(_remembering(said)), sight.open():
            timeline_page(sight=sight, filters=TimelineFilters())
        with sight.open(), connection.cursor() as cursor:
            began = time.perf_counter()
            for statement, parameters in said:
                cursor.execute(statement, parameters)
                cursor.fetchall()
            bare.append(time.perf_counter() - began)
        progress("asked", (turn + 1) / _PAGES)
    whole = percentile(first, 0.5)
    return Figure(
        name="timeline",
        n=n,
        seconds=whole,
        reference=Reference("the SQL of the same page, without Django's objects", percentile(bare, 0.5)),
        ratio=whole / percentile(bare, 0.5),
        ratio_means="time of the function, its SQL being 1 (medians)",
        more={
            "p50_ms": _ms(whole),
            "p95_ms": _ms(percentile(first, 0.95)),
            "next_p50_ms": _ms(percentile(following, 0.5)),
            "sql_p50_ms": _ms(percentile(bare, 0.5)),
            "sql_p95_ms": _ms(percentile(bare, 0.95)),
        },
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _remembering(said: list[tuple[str, Any]]) -> Any:
    def execute(run: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        if statement.startswith("SELECT") and "set_config" not in statement:
            said.append((statement, parameters))
        return run(statement, parameters, many, context)

    return execute
