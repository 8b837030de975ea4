"""The timeline: a keyset-paged walk over facts, newest first."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from phr.accounts.access import Sight
from phr.timeline.events import Kind
from phr.timeline.models import Fact
from phr.timeline.queries.lines import chips_of, line, worth
from phr.timeline.queries.shapes import (
    Facet,
    Row,
    SourceChip,
    TimelineFilters,
    TimelinePage,
    VisitCard,
    Year,
    YearDensity,
)

# What a visit's card shows before "n more"; one more than that is shown, not counted.
CARD_LINES: Final = 6


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The last row of the page before; opaque to the browser."""

    sort_at: datetime
    fact_id: uuid.UUID

    def text(self) -> str:
        plain = f"{self.sort_at.astimezone(UTC).isoformat()} {self.fact_id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> _Cursor | None:
        """Return the cursor, or None for what is none: the first page is then shown."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            at, _space, fact_id = plain.partition(" ")
            sort_at = datetime.fromisoformat(at)
            return cls(sort_at, uuid.UUID(fact_id)) if sort_at.tzinfo is not None else None
        except (ValueError, binascii.Error):
            return None


def timeline_page(*, sight: Sight, filters: TimelineFilters, limit: int = 40) -> TimelinePage:
    """Return one page: without filters visits as cards and what stands alone; with filters every line that fits.

    A card never splits over pages, since pages run over top-level rows. A cursor that is none shows the first page.
    """
    marks = chips_of(sight)
    everything = Fact.objects.filter(person_id=sight.person_id)
    fitting = _narrow(everything, filters)
    rows = fitting if filters.any else fitting.filter(visit_id=None)
    # Evidence belongs to the fact's own page, and can be long.
    page = list(_after(rows, filters.after).defer("evidence").order_by("-sort_at", "-id")[: limit + 1])
    shown, more = page[:limit], len(page) > limit
    cards = {} if filters.any else _cards(sight=sight, visits=shown, marks=marks)
    counts = _counts(everything, filters)
    per_year = _per_year(counts, filters)
    return TimelinePage(
        years=tuple(_years(shown, cards=cards, per_year=per_year, marks=marks)),
        next_cursor=_Cursor(shown[-1].sort_at, shown[-1].id).text() if more else None,
        kinds=_kind_facets(counts, filters),
        sources=_source_facets(counts, filters, marks),
        density=_density(per_year),
        total=sum(each.count for each in counts if each.of_kinds and each.of_sources),
        missing=(),
        filters=filters,
    )


def _narrow(facts: QuerySet[Fact], filters: TimelineFilters) -> QuerySet[Fact]:
    if filters.kinds:
        facts = facts.filter(kind__in=filters.kinds)
    if filters.sources:
        facts = facts.filter(sources__overlap=_ids(filters.sources))
    if filters.date_from:
        facts = facts.filter(sort_at__gte=datetime.combine(filters.date_from, time.min, tzinfo=UTC))
    if filters.date_to and filters.date_to < date.max:
        following = filters.date_to + timedelta(days=1)
        facts = facts.filter(sort_at__lt=datetime.combine(following, time.min, tzinfo=UTC)).exclude(
            precision="none"
        )
    for word in filters.q.split():
        facts = facts.filter(Q(title__icontains=word) | Q(detail__icontains=word) | Q(value__icontains=word))
    return facts


def _after(facts: QuerySet[Fact], cursor: str) -> QuerySet[Fact]:
    last = _Cursor.parse(cursor) if cursor else None
    if last is None:
        return facts
    # Written so that Postgres can start its index scan at the cursor.
    return facts.filter(sort_at__lte=last.sort_at).filter(
        Q(sort_at__lt=last.sort_at) | Q(sort_at=last.sort_at, id__lt=last.fact_id)
    )


def _years(
    facts: Iterable[Fact],
    *,
    cards: Mapping[uuid.UUID, VisitCard],
    per_year: Mapping[int | None, int],
    marks: Mapping[uuid.UUID, SourceChip],
) -> Iterable[Year]:
    for year, of_year in groupby(facts, key=lambda fact: fact.year):
        rows = []
        for fact in of_year:
            as_line = line(fact, marks)
            card = cards.get(fact.id)
            rows.append(Row(date=as_line.date, line=None if card else as_line, card=card))
        yield Year(year=year, count=per_year.get(year, len(rows)), rows=tuple(rows))


def _cards(
    *, sight: Sight, visits: Iterable[Fact], marks: Mapping[uuid.UUID, SourceChip]
) -> dict[uuid.UUID, VisitCard]:
    """Return a card for each visit of the page, in two queries whatever their number."""
    heads = {fact.id: fact for fact in visits if fact.kind == Kind.VISIT}
    inside = Fact.objects.filter(person_id=sight.person_id, visit_id__in=list(heads))
    counts: Counter[uuid.UUID | None] = Counter(
        dict(inside.values_list("visit_id").annotate(count=Count("id")).order_by())
    )
    ranked = inside.annotate(
        place=Window(
            RowNumber(),
            partition_by=[F("visit_id")],
            order_by=[worth(), F("title"), F("sort_at").desc(), F("id").desc()],
        )
    ).filter(place__lte=CARD_LINES + 1)
    lines = defaultdict(list)
    for fact in ranked.order_by("visit_id", "place"):
        lines[fact.visit_id].append(line(fact, marks))
    return {
        visit_id: VisitCard(
            fact=line(fact, marks),
            lines=tuple(lines[visit_id][: None if counts[visit_id] == CARD_LINES + 1 else CARD_LINES]),
            more=counts[visit_id] - CARD_LINES if counts[visit_id] > CARD_LINES + 1 else 0,
        )
        for visit_id, fact in heads.items()
    }


@dataclass(frozen=True, slots=True)
class _Count:
    """How many facts are alike in all that the page counts by, and whether the chosen kinds and sources hold them."""

    kind: str
    year: int | None
    sources: frozenset[uuid.UUID]
    alone: bool
    count: int
    of_kinds: bool
    of_sources: bool


def _counts(facts: QuerySet[Fact], filters: TimelineFilters) -> list[_Count]:
    """Return every number of the page in one scan, of an index alone where no word is searched for.

    A facet counts without its own choice, so what is chosen among kinds and sources is applied here.
    """
    chosen = frozenset(_ids(filters.sources))
    rows = (
        _narrow(facts, replace(filters, kinds=(), sources=()))
        .annotate(alone=Q(visit_id__isnull=True))
        .values_list("kind", "year", "sources", "alone")
        .annotate(count=Count("*"))
        .order_by()
    )
    return [
        _Count(
            kind=kind,
            year=year,
            sources=frozenset(sources),
            alone=alone,
            count=count,
            of_kinds=not filters.kinds or kind in filters.kinds,
            of_sources=not filters.sources or not chosen.isdisjoint(sources),
        )
        for kind, year, sources, alone, count in rows
    ]


def _per_year(counts: Iterable[_Count], filters: TimelineFilters) -> dict[int | None, int]:
    per_year: dict[int | None, int] = defaultdict(int)
    for each in counts:
        if each.of_kinds and each.of_sources and (each.alone or filters.any):
            per_year[each.year] += each.count
    return per_year


def _kind_facets(counts: Iterable[_Count], filters: TimelineFilters) -> tuple[Facet, ...]:
    found: dict[str, int] = defaultdict(int)
    for each in counts:
        found[each.kind] += each.count if each.of_sources else 0
    return tuple(
        Facet(
            key="kind",
            name=_(kind.plural),
            count=found.get(kind, 0),
            selected=kind in filters.kinds,
            url_value=kind,
        )
        for kind in Kind
        if found.get(kind) or kind in filters.kinds
    )


def _source_facets(
    counts: Iterable[_Count], filters: TimelineFilters, marks: Mapping[uuid.UUID, SourceChip]
) -> tuple[Facet, ...]:
    found: dict[uuid.UUID, int] = defaultdict(int)
    for each in counts:
        for source_id in each.sources:
            found[source_id] += each.count if each.of_kinds else 0
    return tuple(
        Facet(
            key="source",
            name=mark.name,
            count=found.get(source_id, 0),
            selected=mark.id in filters.sources,
            url_value=mark.id,
        )
        for source_id, mark in marks.items()
    )


def _density(per_year: Mapping[int | None, int]) -> tuple[YearDensity, ...]:
    dated = {year: count for year, count in per_year.items() if year is not None}
    fullest = max(dated.values(), default=1)
    return tuple(
        YearDensity(year=year, count=count, share=count / fullest)
        for year, count in sorted(dated.items(), reverse=True)
    )


def _ids(texts: Iterable[str]) -> list[uuid.UUID]:
    ids = []
    for text in texts:
        try:
            ids.append(uuid.UUID(text))
        except ValueError:
            continue
    return ids
