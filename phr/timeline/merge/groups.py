"""Members into groups: exact keys first, then what is imprecise joins the one group that fits it. PURE.

Every pass works on buckets of units (a unit is one resource's event, however often received) and joins two groups only
where their charts differ, so that equal events of one chart pair one to one with those of another and never collapse
among themselves. Units are numbered in the order of their natural keys, which makes the result free of the order of
arrival.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from phr.timeline.merge import compare
from phr.timeline.merge.member import Match, Member
from phr.timeline.merge.rules import Rule, Rules

Check = Callable[[int, int], bool]
Level = Callable[[Match], tuple[int, ...]]
Buckets = dict[tuple[str, ...], list[int]]


class Grouping:
    """Units of one family on their way to groups. `links` keeps why any two were joined."""

    __slots__ = ("apart", "charts", "links", "matches", "parents", "rules", "units")

    def __init__(self, units: Sequence[Member], rules: Rules, *, apart: frozenset[frozenset[str]]) -> None:
        self.units = units
        self.matches = [unit.match for unit in units]
        self.rules = rules
        self.apart = apart
        self.parents = list(range(len(units)))
        # Of each root: the units and the charts of its group; most units stay alone, so both are made when needed.
        self.charts: dict[int, tuple[list[int], set[str]]] = {}
        self.links: list[tuple[int, int, Rule]] = []

    # -- groups -------------------------------------------------------------------------------------------------

    def find(self, unit: int) -> int:
        parents = self.parents
        while parents[unit] != unit:
            parents[unit] = parents[parents[unit]]
            unit = parents[unit]
        return unit

    def group(self, root: int) -> tuple[list[int], set[str]]:
        """(units, charts) of a root."""
        found = self.charts.get(root)
        if found is None:
            found = self.charts[root] = ([root], {self.units[root].origin.chart})
        return found

    def join(self, a: int, b: int, rule: Rule) -> None:
        """Join the groups of two units; the evidence names these two."""
        left, right = self.find(a), self.find(b)
        if left == right:
            return
        if right < left:
            left, right = right, left
        self.parents[right] = left
        self.links.append((a, b, rule))
        members, charts = self.group(left)
        held = self.charts.pop(right, None)
        if held is None:
            members.append(right)
            charts.add(self.units[right].origin.chart)
        else:
            members += held[0]
            charts |= held[1]

    def may_join(self, a: int, b: int, *, same_chart: bool = False) -> bool:
        """Different charts, nothing between any two that tells them apart, nobody said they are two."""
        left, right = self.find(a), self.find(b)
        if left == right:
            return False
        matches, rules = self.matches, self.rules
        if left not in self.charts and right not in self.charts:
            alone = same_chart or self.units[left].origin.chart != self.units[right].origin.chart
            if not alone or compare.told_apart(matches[left], matches[right], rules):
                return False
            return not (self.apart and self._split([left], [right]))
        members, charts = self.group(left)
        more, others = self.group(right)
        if not same_chart and not charts.isdisjoint(others):
            return False
        if any(compare.told_apart(matches[x], matches[y], rules) for x in members for y in more):
            return False
        return not (self.apart and self._split(members, more))

    def _split(self, members: Iterable[int], more: Iterable[int]) -> bool:
        return any(
            frozenset((self.units[x].natural, self.units[y].natural)) in self.apart
            for x in members
            for y in more
        )

    # -- passes -------------------------------------------------------------------------------------------------

    def pair(self, bucket: list[int], rule_of: Callable[[int, int], Rule], check: Check) -> None:
        """Join equal units across charts one to one: those alike in everything first, then in order of keys."""
        if len(bucket) == 2:
            a, b = bucket
            if check(a, b) and self.may_join(a, b):
                self.join(a, b, rule_of(a, b))
            return
        alike: dict[object, list[int]] = defaultdict(list)
        for unit in bucket:
            alike[_looks(self.matches[unit])].append(unit)
        for some in (*alike.values(), bucket) if len(alike) > 1 else (bucket,):
            if len(some) > 1:
                self._lanes(some, rule_of, check)

    def _lanes(self, bucket: list[int], rule_of: Callable[[int, int], Rule], check: Check) -> None:
        lanes: list[int] = []
        seen: set[int] = set()
        for unit in bucket:
            if self.find(unit) in seen:
                continue
            for lane in lanes:
                if check(lane, unit) and self.may_join(lane, unit):
                    self.join(lane, unit, rule_of(lane, unit))
                    break
            else:
                lanes.append(unit)
            seen.add(self.find(unit))

    def only_one(self, bucket: list[int], rule: Rule, check: Check) -> None:
        """Join where each chart has at most one candidate: two that fit equally well are two open questions."""
        roots = sorted({self.find(unit) for unit in bucket})
        count: dict[str, int] = defaultdict(int)
        for root in roots:
            for chart in self.group(root)[1]:
                count[chart] += 1
        if len(roots) > 1 and max(count.values()) == 1:
            for place, root in enumerate(roots):
                for other in roots[place + 1 :]:
                    pair = self._checked(root, other, check)
                    if pair and self.may_join(*pair):
                        self.join(*pair, rule)

    def _checked(self, a: int, b: int, check: Check) -> tuple[int, int] | None:
        """The first pair of units of two groups that passes, where no pair of them is impossible."""
        left, right = self.group(self.find(a))[0], self.group(self.find(b))[0]
        return next(((x, y) for x in left for y in right if check(x, y)), None)

    def imprecise(self, buckets: Iterable[list[int]], rule: Rule, level: Level, check: Check) -> None:
        """A less exact group joins the more exact one that fits it, where these are of one kind only.

        All candidates are found before anything is joined, so no choice depends on an earlier one.
        """
        best: dict[int, int] = {}
        fitting: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        for bucket in buckets:
            roots = sorted({self.find(unit) for unit in bucket})
            for root in roots:
                if root not in best:
                    best[root] = max(self.group(root)[0], key=lambda unit: level(self.matches[unit]))
            levels = {root: level(self.matches[best[root]]) for root in roots}
            for rough, fine in _pairs(levels):
                pair = None if fine in fitting[rough] else self._checked(rough, fine, check)
                if pair and self.may_join(rough, fine):
                    fitting[rough][fine] = pair
        for rough in sorted(fitting):
            if len({_kind(self.matches[best[fine]]) for fine in fitting[rough]}) != 1:
                continue
            chosen = next((fine for fine in sorted(fitting[rough]) if self.may_join(rough, fine)), None)
            if chosen is not None:
                self.join(*fitting[rough][chosen], rule)


def _pairs(levels: dict[int, tuple[int, ...]]) -> Iterable[tuple[int, int]]:
    """Every (rougher, finer) of some groups."""
    if len(set(levels.values())) > 1:
        for rough, low in levels.items():
            yield from ((rough, fine) for fine, high in levels.items() if low < high)


def _looks(match: Match) -> tuple[object, ...]:
    return (
        match.codes,
        match.local,
        match.texts,
        match.values,
        match.time,
        match.end,
        match.who,
        tuple(sorted(match.apart.items())),
        tuple(sorted(match.apart_by_day.items())),
        match.status,
    )


def _kind(match: Match) -> tuple[object, ...]:
    """Two candidates of one kind are equal twins: which of them is taken makes no difference."""
    return (frozenset(match.codes), match.time, match.values)
