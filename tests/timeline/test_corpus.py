"""Real input: nothing raises, every resource is a line or a named exclusion, every title is the portal's own."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phr.timeline.decode import decode
from phr.timeline.events import Event
from phr.timeline.merge import Origin, member_of, merge
from phr.timeline.normalize import normalize
from phr.timeline.normalize.read import clean
from phr.timeline.normalize.shapes import SHAPES

pytestmark = pytest.mark.corpus
SETS = ["synthea", "us-core", "large", "bulk-ndjson"]
# Words of ours for what came without any: they may stand where the resource says nothing.
OURS = {shape.fallback for shape in SHAPES.values()} | {"Provenance", "Patient", "Outpatient visit"}


def walk_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from walk_texts(item)


def resources(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".ndjson":
            yield from map(decode, filter(None, path.read_bytes().splitlines()))
        elif path.suffix == ".json":
            document = decode(path.read_bytes())
            yield document
            if document.get("resourceType") == "Bundle":
                yield from (entry["resource"] for entry in document.get("entry", []) if "resource" in entry)


@pytest.fixture(params=SETS)
def read(request: pytest.FixtureRequest, corpus: Path) -> list[tuple[Any, tuple[Event, ...]]]:
    return [(r, normalize(r)) for r in resources(corpus / request.param) if "resourceType" in r]


def test_every_resource_is_a_line_or_a_named_exclusion(read: list[tuple[Any, tuple[Event, ...]]]) -> None:
    events = [event for _, found in read for event in found]
    assert not [event.resource_type for event in events if "fault" in event.attributes]
    assert all(found for _, found in read)
    shown = [event for event in events if not event.exclusion]
    excluded = Counter(event.exclusion for event in events if event.exclusion)
    assert len(shown) + sum(excluded.values()) == len(events) >= len(read)
    generic = Counter(event.resource_type for event in shown if event.generic)
    print(f"{len(read)} resources, {len(shown)} lines, left out {dict(excluded)}, generic {dict(generic)}")  # noqa: T201
    assert not generic


def test_every_title_occurs_in_its_resource(read: list[tuple[Any, tuple[Event, ...]]]) -> None:
    strange = set()
    for resource, events in read:
        texts = " ".join(clean(text) for text in walk_texts(resource))
        strange |= {
            e.title for e in events if e.title not in texts and e.title not in OURS and e.kind != "patient"
        }
    assert not {title for title in strange if not _is_a_name(title, read)}


def _is_a_name(title: str, read: list[tuple[Any, tuple[Event, ...]]]) -> bool:
    """People's names are put together from their parts, each of which is the portal's."""
    return any(
        all(word in " ".join(walk_texts(resource.get("name"))) for word in title.split())
        for resource, _ in read
        if resource.get("resourceType") in {"Practitioner", "RelatedPerson", "Patient"}
    )


def test_events_survive_the_way_to_the_database_and_back(read: list[tuple[Any, tuple[Event, ...]]]) -> None:
    for _, events in read:
        for event in events:
            assert Event.from_row(json.loads(json.dumps(event.to_row()))) == event


def test_a_portal_beside_itself_loses_nothing_and_collapses_nothing(
    read: list[tuple[Any, tuple[Event, ...]]],
) -> None:
    def members(source: str) -> list[Any]:
        origin = Origin(source, f"https://{source}.example", "p")
        numbered = [(n, event) for n, (_, events) in enumerate(read) for event in events]
        return [
            member_of(key=f"{source}|{e.resource_type}|{n}|{e.ordinal}", origin=origin, event=e)
            for n, e in numbered
        ]

    here, there = members("a"), members("b")
    alone, both = merge(here), merge([*here, *there])
    assert sum(len(group.members) for group in both) == 2 * len(here)
    for group in both:
        repeated = any(link.rule == "repeated" for link in group.links)
        assert repeated or len({m.origin.chart for m in group.members}) == len(group.members)
    assert len(alone) <= len(both)
