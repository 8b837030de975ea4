"""Events of many sources become facts: `merge(members)`. PURE, order-free, nothing lost."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from phr.timeline.merge import passes
from phr.timeline.merge.facts import Conflict, Evidence, Group, Link, fact_id, order
from phr.timeline.merge.groups import Grouping
from phr.timeline.merge.keys import block_hash, block_keys
from phr.timeline.merge.member import Match, Member, Origin, match_of, member_of
from phr.timeline.merge.rules import Rule, rules_of

__all__ = [
    "Conflict",
    "Evidence",
    "Group",
    "Match",
    "Member",
    "Origin",
    "Override",
    "Rule",
    "block_hash",
    "block_keys",
    "fact_id",
    "match_of",
    "member_of",
    "merge",
]


@dataclass(frozen=True, slots=True)
class Override:
    """What a person said about two events, by their natural keys: they are the same, or they are not."""

    action: Literal["join", "split"]
    a: str
    b: str


def merge(members: Iterable[Member], overrides: Iterable[Override] = ()) -> tuple[Group, ...]:
    """All members in groups, each in exactly one, in the order of their earliest natural keys.

    Give whole components of the blocks (`block_keys`), all of one person; merging everything at once is the same.
    A joined override connects its two events: their components must be given together.
    """
    received: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        received[member.natural].append(member)
    families: dict[str, list[Member]] = defaultdict(list)
    copies: dict[str, list[Member]] = {}
    for natural in sorted(received):
        same = received[natural]
        unit = same[0]
        if len(same) > 1:
            newest = max(member.as_of for member in same)
            same = list({m.key: m for m in sorted(order(same), key=lambda m: m.as_of != newest)}.values())
            copies[natural] = same
            unit = same[0]
        families[unit.match.family].append(unit)
    wanted = list(overrides)
    apart = frozenset(frozenset((each.a, each.b)) for each in wanted if each.action == "split")
    groups: list[tuple[str, Group]] = []
    for family, units in families.items():
        grouping = Grouping(units, rules_of(family), apart=apart)
        _by_person(grouping, wanted)
        passes.run(grouping)
        groups += _groups(grouping, copies)
    groups.sort(key=lambda pair: pair[0])
    return tuple(group for _, group in groups)


def _by_person(grouping: Grouping, overrides: Iterable[Override]) -> None:
    wanted = sorted((each.a, each.b) for each in overrides if each.action == "join")
    if not wanted:
        return
    places = {unit.natural: place for place, unit in enumerate(grouping.units)}
    for a, b in wanted:
        if a in places and b in places:
            grouping.join(places[a], places[b], Rule.BY_PERSON)


def _groups(grouping: Grouping, copies: dict[str, list[Member]]) -> Iterable[tuple[str, Group]]:
    units = grouping.units
    links: dict[int, list[Link]] = defaultdict(list)
    for a, b, rule in grouping.links:
        links[grouping.find(a)].append(Link(units[a], units[b], rule))
    for place, unit in enumerate(units):
        if grouping.parents[place] != place:
            continue
        held = grouping.charts.get(place)
        members = [units[each] for each in held[0]] if held else [unit]
        joined = links[place] if held else []
        if copies:
            extra = [copy for each in members for copy in copies.get(each.natural, ())[1:]]
            joined = joined + [
                Link(each, copy, Rule.SAME_RESOURCE)
                for each in members
                for copy in copies.get(each.natural, ())[1:]
            ]
            members += extra
        yield unit.natural, Group(order(members), tuple(joined))
