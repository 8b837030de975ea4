"""The addresses of the timeline: every filter, year and page is a link that keeps the others (PURE)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode

from phr.timeline.queries.shapes import (
    DateText,
    Facet,
    FactLine,
    TimelineFilters,
    TimelinePage,
    VisitCard,
    Year,
)

Pairs = tuple[tuple[str, str], ...]

# The density bar is 40 units long; a year that holds anything shows at least this much of it.
BAR_UNITS: Final = 40
BAR_LEAST: Final = 2
# As many kinds as stand in one line of a wide page.
KINDS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ChipLink:
    """A filter chip; following it switches the filter."""

    name: str
    count: int
    selected: bool
    href: str


@dataclass(frozen=True, slots=True)
class YearLink:
    """One year of the scrubber."""

    year: int
    count: int
    width: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Links:
    """All that a timeline page links to within itself."""

    kinds: tuple[ChipLink, ...]
    more_kinds: tuple[ChipLink, ...]
    """The rarer ones, shown on demand; a selected one never hides here."""
    sources: tuple[ChipLink, ...]
    clear_kinds: str
    clear_sources: str
    kept: Pairs
    """What the search form carries along: every filter but the text."""
    kept_but_dates: Pairs
    years: tuple[YearLink, ...]
    older: str
    older_part: str
    """The same page as a part to append; it says which year's heading is on the screen already."""


@dataclass(frozen=True, slots=True)
class Day:
    """What stands under one date: a visit's card, or the lines of that date together."""

    date: DateText
    lines: tuple[FactLine, ...] = ()
    card: VisitCard | None = None


@dataclass(frozen=True, slots=True)
class YearOfDays:
    """A year with its rows gathered by date."""

    year: int | None
    count: int
    days: tuple[Day, ...]


def filter_pairs(filters: TimelineFilters) -> Pairs:
    """Return the query parameters that these filters stand for, without the cursor."""
    pairs = [("kind", kind) for kind in filters.kinds] + [("source", source) for source in filters.sources]
    if filters.date_from:
        pairs.append(("from", filters.date_from.isoformat()))
    if filters.date_to:
        pairs.append(("to", filters.date_to.isoformat()))
    if filters.q:
        pairs.append(("q", filters.q))
    return tuple(pairs)


def links_for(*, page: TimelinePage, path: str) -> Links:
    """Return every address on this page of the timeline; ``path`` is its own without a query."""
    filters = page.filters
    pairs = filter_pairs(filters)
    shown = {year.year for year in page.years}
    first_shown = page.years[0].year if page.years else None
    last_shown = page.years[-1].year if page.years else None
    older = _address(path, (*pairs, ("after", page.next_cursor))) if page.next_cursor else ""
    kinds = tuple(_chip(path, pairs, "kind", facet) for facet in page.kinds)
    often = sorted(kinds, key=lambda chip: (chip.selected, chip.count), reverse=True)[:KINDS_SHOWN]
    rare = tuple(chip for chip in kinds if chip not in often and not chip.selected)
    return Links(
        kinds=tuple(chip for chip in kinds if chip not in rare),
        more_kinds=rare,
        sources=tuple(_chip(path, pairs, "source", facet) for facet in page.sources),
        clear_kinds=_address(path, _without(pairs, "kind")),
        clear_sources=_address(path, _without(pairs, "source")),
        kept=_without(pairs, "q"),
        kept_but_dates=_without(pairs, "from", "to"),
        years=tuple(
            YearLink(
                year=entry.year,
                count=entry.count,
                width=max(BAR_LEAST, round(entry.share * BAR_UNITS)),
                href=f"#y{entry.year}"
                if entry.year in shown
                else _address(path, (*_without(pairs, "to"), ("to", date(entry.year, 12, 31).isoformat()))),
                current=entry.year == first_shown,
            )
            for entry in page.density
        ),
        older=older,
        older_part=f"{older}&part=rows&shown={last_shown or ''}" if older else "",
    )


def by_day(years: tuple[Year, ...]) -> tuple[YearOfDays, ...]:
    """Gather neighbouring lines of one date into one card; a visit keeps its own."""
    gathered = []
    for year in years:
        days: list[Day] = []
        for row in year.rows:
            if row.card is not None:
                days.append(Day(date=row.date, card=row.card))
            elif row.line is not None:
                last = days[-1] if days else None
                if last is not None and last.card is None and last.date.text == row.date.text:
                    days[-1] = Day(date=last.date, lines=(*last.lines, row.line))
                else:
                    days.append(Day(date=row.date, lines=(row.line,)))
        gathered.append(YearOfDays(year=year.year, count=year.count, days=tuple(days)))
    return tuple(gathered)


def _chip(path: str, pairs: Pairs, name: str, facet: Facet) -> ChipLink:
    chosen = (name, facet.url_value)
    switched = tuple(pair for pair in pairs if pair != chosen) if facet.selected else (*pairs, chosen)
    return ChipLink(
        name=facet.name, count=facet.count, selected=facet.selected, href=_address(path, switched)
    )


def _without(pairs: Pairs, *names: str) -> Pairs:
    return tuple(pair for pair in pairs if pair[0] not in names)


def _address(path: str, pairs: Pairs) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
