"""The largest patient of the corpus: synced whole, and paged to the end."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.sync.models import Run
from phr.timeline.models import Fact
from phr.timeline.queries.shapes import FactLine, TimelineFilters
from phr.timeline.queries.timeline import timeline_page
from tests.corpus.counts import missing, table
from tests.corpus.hospitals import held, literal, living, served

pytestmark = pytest.mark.corpus

RESOURCES = 5580
# Under none of the categories that US Core lets us ask for.
CARE_PLANS = 25


def test_the_largest_patient_syncs_whole_and_pages_to_the_end(
    corpus: Path, person: Sight, network: Callable[..., Egress], tmp_path: Path
) -> None:
    path = corpus / "large" / "merged_patient.json"
    with living(path, person=person, network=network, folder=tmp_path, vendors=("generic",)) as life:
        runs = life.sync(person)
        assert runs["generic"].state == Run.State.COMPLETE
        print(f"\n{table(person, life)}")  # noqa: T201 - the figures
        hospital = life.hospitals["generic"]
        sent, stored = served(hospital.portal), held(person, hospital.source_id)
        absent = missing(person, life, runs)
        assert len(sent) == RESOURCES
        assert len(stored) == RESOURCES - absent.total()
        assert {kind for _vendor, kind, _said in absent} <= {"CarePlan", "Observation"}, absent
        assert all(literal(text) == literal(sent[reference]) for reference, text in stored.items())

    with person.open():
        facts = {fact.id: fact for fact in Fact.objects.all()}
    top = [fact.id for fact in facts.values() if fact.visit_id is None]
    inside = Counter(fact.visit_id for fact in facts.values() if fact.visit_id is not None)

    shown, within = [], 0
    for rows in _pages(person, TimelineFilters()):
        for row_id, in_card in rows:
            shown.append(row_id)
            assert in_card == inside.get(row_id, 0), "a card holds all of its visit"
            within += in_card
    assert len(shown) == len(set(shown)), "no row twice"
    assert set(shown) == set(top), "no row lost"
    assert len(shown) + within == len(facts), "rows and what their cards hold are all the facts"

    results = [fact.id for fact in facts.values() if fact.kind == "result"]
    listed = [row_id for rows in _pages(person, TimelineFilters(kinds=("result",))) for row_id, _ in rows]
    assert len(listed) == len(set(listed)) == len(results)


def _pages(person: Sight, filters: TimelineFilters) -> Iterator[list[tuple[uuid.UUID, int]]]:
    """Follow the cursors; yield each page's rows as (fact, how many its card holds)."""
    after, total = "", None
    while True:
        asked = TimelineFilters(kinds=filters.kinds, after=after)
        with person.open():
            page = timeline_page(sight=person, filters=asked, limit=100)
        assert total in {None, page.total}, "the count stays the same from page to page"
        total = page.total
        rows = [row for year in page.years for row in year.rows]
        assert 0 < len(rows) <= 100
        found = []
        for row in rows:
            line: FactLine | None = row.card.fact if row.card is not None else row.line
            assert line is not None
            found.append((line.id, len(row.card.lines) + row.card.more if row.card is not None else 0))
        yield found
        if page.next_cursor is None:
            return
        after = page.next_cursor
