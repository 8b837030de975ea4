"""The demo family's own truth, told with its story: what is one thing, and what only looks alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import pytest

from connectors.sandbox.family import DemoPerson, family
from connectors.sandbox.records import dump
from phr.timeline.decode import decode
from phr.timeline.events import Event
from phr.timeline.merge import Origin, member_of, merge
from phr.timeline.normalize import normalize, supporting_of, with_supporting

FAMILY = family(seed=1, until=date(2026, 11, 1))
Where = tuple[str, str]


def groups_of(person: DemoPerson) -> dict[Where, int]:
    """Return the number of the fact that each (portal, "Type/id") is part of, as a sync would merge them."""
    members = []
    for portal, resources in person.portals.items():
        events: dict[str, list[Event]] = {}
        for resource in resources:
            read = decode(dump(resource))
            events[f"{read['resourceType']}/{read['id']}"] = list(normalize(read))
        supporting = {target: said[0] for target, said in events.items()}
        for target, said in events.items():
            for event in said:
                wanted = {name: supporting[name] for name in supporting_of(event) if name in supporting}
                members.append(
                    member_of(
                        key=f"{portal}|{target.replace('/', '|')}|{event.ordinal}",
                        origin=Origin(source_id=portal, base_url=f"https://{portal}.example", patient="x"),
                        event=with_supporting(event, _deep(wanted, supporting)),
                    )
                )
    placed: dict[Where, int] = {}
    for number, group in enumerate(merge(members)):
        for member in group.members:
            portal, resource_type, fhir_id, _ordinal = member.key.split("|")
            placed[portal, f"{resource_type}/{fhir_id}"] = number
    return placed


def _deep(wanted: Mapping[str, Event], supporting: Mapping[str, Event]) -> dict[str, Event]:
    found = dict(wanted)
    for event in wanted.values():
        found |= {name: supporting[name] for name in supporting_of(event) if name in supporting}
    return found


@pytest.mark.parametrize("person", FAMILY.people, ids=lambda person: person.name.split()[0])
def test_what_only_looks_alike_stays_apart(person: DemoPerson) -> None:
    placed = groups_of(person)
    joined = [
        alike.reason
        for alike in (*person.truth.apart, *person.truth.unprovable)
        if len({placed[member] for member in alike.members}) < len(alike.members)
    ]
    assert joined == []


@pytest.mark.parametrize("person", FAMILY.people, ids=lambda person: person.name.split()[0])
def test_what_several_portals_tell_is_one_fact(person: DemoPerson) -> None:
    placed = groups_of(person)
    missed = defaultdict(list)
    for same in person.truth.same:
        if same.resource_type != "Patient" and len({placed[member] for member in same.members.items()}) > 1:
            missed[same.resource_type].append(same.name)
    assert missed == {}
