"""Real patients split over three portals with ids, numbers and practitioners of their own, half of it shared.

What stands in two portals is one fact; what only looks alike is not. Left apart, and named: patients (one a portal, by
rule) and what carries neither number nor author nor an end.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.split import split
from phr.timeline.decode import decode
from phr.timeline.events import Event
from phr.timeline.merge import Group, Member, Origin, member_of, merge
from phr.timeline.normalize import normalize, with_supporting
from tests.conftest import corpus_folder

pytestmark = pytest.mark.corpus
_FOLDER = corpus_folder()
PATIENTS = sorted((_FOLDER / "synthea").glob("*.json")) if _FOLDER else []
EXPECTED_REPEATS = {"Patient", "CarePlan", "Goal"}


def portal(
    name: str, resources: list[dict[str, Any]], originals: dict[tuple[str, str], str]
) -> dict[str, Member]:
    """The members of one portal by key, each key ending in the original that it is a copy of."""
    events: list[tuple[str, Event]] = [
        (f"{r['resourceType']}/{r['id']}", e) for r in resources for e in normalize(r)
    ]
    supporting = {key: event for key, event in events if event.exclusion == "supporting"}
    origin = Origin(name, f"https://{name}.example/fhir", "p")
    found = {}
    for key, event in events:
        member_key = f"{name}|{key.replace('/', '|')}|{event.ordinal}"
        found[member_key] = member_of(key=member_key, origin=origin, event=with_supporting(event, supporting))
        originals[name, member_key] = key
    return found


def says(member: Member) -> tuple[object, ...]:
    match = member.match
    return (
        match.family,
        match.codes,
        match.texts,
        match.time,
        match.values,
        match.end,
        match.who,
        tuple(match.apart.items()),
    )


@pytest.mark.parametrize("path", PATIENTS, ids=lambda path: path.stem.split("_")[0])
def test_a_split_patient(path: Path) -> None:
    resources = [entry["resource"] for entry in decode(path.read_bytes())["entry"]]
    portals, report = split(resources, portals=["a", "b", "c"], shared=0.5, seed=7)
    keys: dict[tuple[str, str], str] = {}
    members = {k: m for name, held in portals.items() for k, m in portal(name, held, keys).items()}
    original_of = {(name, there): o for o, places in report.placed.items() for name, there in places.items()}
    of = {key: original_of[name, there] for (name, key), there in keys.items()}
    groups = merge(members.values())
    assert sum(len(group.members) for group in groups) == len(members)

    for group in groups:
        assert _is_one_thing(group, of), [m.key for m in group.members]

    copies = defaultdict(set)
    for number, group in enumerate(groups):
        for member in group.members:
            copies[of[member.key]].add(number)
    apart = Counter(o.partition("/")[0] for o, numbers in copies.items() if len(numbers) > 1)
    shared = Counter(o.partition("/")[0] for o in report.pairs)
    twins = {o for some in _twins(members, of) for o in some}
    left = {o for o, numbers in copies.items() if len(numbers) > 1 and o not in twins}
    print(f"shared {sum(shared.values())}, apart {dict(apart)}")  # noqa: T201
    assert {o.partition("/")[0] for o in left} <= EXPECTED_REPEATS


def _is_one_thing(group: Group, of: dict[str, str]) -> bool:
    """Copies of one original, or of originals that nothing in the records tells apart (a reader could not either)."""
    return len({of[m.key] for m in group.members}) == 1 or len({says(m) for m in group.members}) == 1


def _twins(members: dict[str, Member], of: dict[str, str]) -> list[set[str]]:
    """Originals that say the same: which copy of one belongs to which copy of the other cannot be known."""
    alike: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for key, member in members.items():
        alike[says(member)].add(of[key])
    return [some for some in alike.values() if len(some) > 1]
