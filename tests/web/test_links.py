from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from phr.timeline.queries.shapes import Facet, FactLine, Row, TimelineFilters, Year, YearDensity
from phr.web import samples
from phr.web.compare import compare
from phr.web.forms import FILTERS_MAX, read_filters
from phr.web.links import by_day, filter_pairs, links_for

PATH = "/p/x/timeline/"
words = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1, max_size=20
)
filters = st.builds(
    TimelineFilters,
    kinds=st.lists(words, max_size=4, unique=True).map(tuple),
    sources=st.lists(words, max_size=4, unique=True).map(tuple),
    date_from=st.none(),
    date_to=st.none() | st.dates(),
    q=words.map(str.strip),
)


def params(address: str) -> QueryDict:
    return QueryDict(urlsplit(address).query)


@given(filters)
def test_what_an_address_says_is_what_is_read_from_it(chosen: TimelineFilters) -> None:
    page = replace(samples.NOTHING_YET, filters=chosen, next_cursor="abc", years=())
    older = links_for(page=page, path=PATH).older
    read, faults = read_filters(params(older))
    assert (read, faults) == (replace(chosen, after="abc"), ())


@given(st.dictionaries(st.sampled_from(["kind", "source", "from", "to", "q", "after"]), st.text(max_size=50)))
def test_reading_an_address_never_raises(pairs: dict[str, str]) -> None:
    query = QueryDict(mutable=True)
    query.update(pairs)
    read, _faults = read_filters(query)
    assert "\x00" not in "".join([read.q, read.after, *read.kinds, *read.sources])


def test_ten_thousand_filters_are_cut_and_said() -> None:
    query = QueryDict(mutable=True)
    query.setlist("kind", [f"k{n}" for n in range(10_000)])
    read, faults = read_filters(query)
    assert len(read.kinds) == FILTERS_MAX
    assert len(faults) == 1


def test_dates_the_wrong_way_round_are_exchanged() -> None:
    read, faults = read_filters(QueryDict("from=2026-02-01&to=2025-02-01&q=%20a1c%20"))
    assert read.date_from is not None
    assert read.date_to is not None
    assert read.date_from < read.date_to
    assert faults
    assert read.q == "a1c"


def test_an_impossible_date_is_left_out_and_said() -> None:
    read, faults = read_filters(QueryDict("from=2026-02-31&to=nonsense"))
    assert (read.date_from, read.date_to) == (None, None)
    assert len(faults) == 2


def test_a_chip_switches_its_own_filter_and_keeps_the_others() -> None:
    chosen = TimelineFilters(kinds=("visit",), q="heart")
    page = replace(
        samples.NOTHING_YET,
        filters=chosen,
        kinds=(
            Facet(key="visit", name="Visits", count=1, selected=True, url_value="visit"),
            Facet(key="result", name="Results", count=2, selected=False, url_value="result"),
        ),
    )
    links = links_for(page=page, path=PATH)
    off, on = (parse_qsl(urlsplit(chip.href).query) for chip in links.kinds)
    assert off == [("q", "heart")]
    assert on == [("kind", "visit"), ("q", "heart"), ("kind", "result")]
    assert parse_qsl(urlsplit(links.clear_kinds).query) == [("q", "heart")]
    assert links.kept == (("kind", "visit"),)
    assert filter_pairs(chosen) == (("kind", "visit"), ("q", "heart"))


def test_a_year_on_the_page_is_a_jump_and_another_a_page() -> None:
    here, there = links_for(
        page=replace(
            samples.TIMELINE,
            density=(YearDensity(2026, 10, 1.0), YearDensity(1998, 1, 0.001)),
        ),
        path=PATH,
    ).years
    assert (here.href, here.current, here.width) == ("#y2026", True, 40)
    assert (there.href, there.current, there.width) == (f"{PATH}?to=1998-12-31", False, 2)


def test_lines_of_one_date_share_a_card_and_a_visit_keeps_its_own() -> None:
    (year,) = by_day(samples.TIMELINE.years[:1])
    assert [len(day.lines) for day in year.days] == [0, 2, 0]
    assert [day.card is not None for day in year.days] == [True, False, True]


@given(st.lists(st.sampled_from(samples.LINES), max_size=12))
def test_gathering_by_day_loses_and_reorders_nothing(lines: list[FactLine]) -> None:
    years = (Year(year=2026, count=len(lines), rows=tuple(Row(date=line.date, line=line) for line in lines)),)
    (gathered,) = by_day(years)
    assert [line for day in gathered.days for line in day.lines] == lines


def test_a_silent_source_does_not_differ() -> None:
    rows = {row.label: row for row in compare(samples.FACT.members)}
    assert rows["Status"].differs
    assert not rows["Value"].differs
    performed = rows["Performed by"]
    assert not performed.differs
    assert [cell.value for cell in performed.cells] == ["Northern Labs", ""]
