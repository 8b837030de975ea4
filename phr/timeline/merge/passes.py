"""The order in which one family of events is joined, strongest evidence first. PURE."""

from collections import defaultdict
from collections.abc import Iterable

from phr.timeline.merge import compare
from phr.timeline.merge.groups import Buckets, Check, Grouping
from phr.timeline.merge.member import Match
from phr.timeline.merge.rules import Demand, Rule, Rules

_ACTORS = frozenset({"Practitioner", "Organization", "Location"})


def run(grouping: Grouping) -> None:
    """All passes over the units of one family."""
    rules = grouping.rules
    _identifiers(grouping)
    _contents(grouping)
    if rules.exact == "no":
        return
    _exact(grouping)
    _wording(grouping)
    if rules.day != "no" or rules.coarse:
        _less_exact(grouping)
    if rules.rounding:
        _rounded(grouping)
    if rules.overlap:
        _overlapping(grouping)


def _shared(buckets: Buckets, grouping: Grouping) -> Iterable[list[int]]:
    """The buckets that still hold more than one group, from more than one chart, in a fixed order."""
    units, find = grouping.units, grouping.find
    for key in sorted(key for key, bucket in buckets.items() if len(bucket) > 1):
        bucket = buckets[key]
        root, chart = find(bucket[0]), units[bucket[0]].origin.chart
        if any(find(unit) != root for unit in bucket) and any(
            units[unit].origin.chart != chart for unit in bucket
        ):
            yield bucket


# -- identifiers and contents ---------------------------------------------------------------------


def _identifiers(grouping: Grouping) -> None:
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(grouping.matches):
        for number in match.ids:
            buckets[number].append(unit)
    check = _same_number(grouping)
    for key in sorted(key for key, bucket in buckets.items() if len(bucket) > 1):
        bucket = buckets[key]
        _repeats(grouping, bucket)
        # A number that stands on many things (an accession, a claim group) still tells those of one code and time.
        finer: Buckets = defaultdict(list)
        for unit in bucket:
            match = grouping.matches[unit]
            for token in match.codes or match.local or match.texts:
                finer[token, match.time].append(unit)
        for inner in sorted(finer):
            grouping.only_one(finer[inner], Rule.IDENTIFIER, check)
        grouping.only_one(bucket, Rule.IDENTIFIER, check)


def _same_number(grouping: Grouping) -> Check:
    matches, timeless = grouping.matches, grouping.rules.identified_any_time

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        if timeless:
            return True
        named = (x.codes or x.local or x.texts) and (y.codes or y.local or y.texts)
        return compare.near(x, y) and (not named or compare.meets(x, y))

    return check


def _repeats(grouping: Grouping, bucket: list[int]) -> None:
    """A portal that sends one thing twice under one number: equal, or versions that each have their own status."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for unit in bucket:
        match = grouping.matches[unit]
        chart = grouping.units[unit].origin.chart
        alike[chart, match.ids, match.codes, match.local, match.texts, match.time].append(unit)
    for units in alike.values():
        if len(units) < 2:
            continue
        matches = [grouping.matches[unit] for unit in units]
        equal = len({(match.values, match.parts) for match in matches}) == 1
        versions = len({match.status for match in matches}) == len(matches)
        for unit in units[1:] if equal or versions else ():
            if grouping.may_join(units[0], unit, same_chart=True):
                grouping.join(units[0], unit, Rule.REPEATED)


def _contents(grouping: Grouping) -> None:
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(grouping.matches):
        for digest in match.digests:
            buckets[digest,].append(unit)

    def check(a: int, b: int) -> bool:
        # One PDF may be attached to three reports; a document is its content, whatever it is called.
        x, y = grouping.matches[a], grouping.matches[b]
        return x.family.startswith("DocumentReference") or compare.meets(x, y)

    for bucket in _shared(buckets, grouping):
        grouping.pair(bucket, lambda _a, _b: Rule.CONTENT, check)


# -- code or wording, and time --------------------------------------------------------------------


def _times(match: Match, rules: Rules) -> tuple[str, ...]:
    """The time keys under which an event is exactly equal to others; none where its time is too coarse."""
    if rules.timeless:
        return ("",)
    kind = match.time[:1]
    if rules.by_day and kind == "i":
        return (match.time, f"d{match.day}")
    if kind in {"i", "w"} or rules.coarse or (kind == "d" and rules.day != "no"):
        return (match.time,)
    return ()


def _demand(rules: Rules) -> Demand:
    """At an equal instant the bucket already holds the value equal, even where there is none (a panel's head)."""
    return "free" if rules.exact == "value" else rules.exact


def _equal(grouping: Grouping) -> Check:
    """One thing by code or wording at the times that the bucket holds equal, with what the rules demand."""
    rules, matches = grouping.rules, grouping.matches
    demand, always = _demand(rules), rules.timeless or rules.coarse

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        if not (compare.meets(x, y) and compare.parts_meet(x, y)):
            return False
        return compare.agreed(x, y, demand if always or compare.at_one_instant(x, y) else rules.day)

    return check


def _exact(grouping: Grouping) -> None:
    rules, matches = grouping.rules, grouping.matches
    by_value = rules.exact == "value"
    simple = not (rules.timeless or rules.by_day)
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        time = match.time
        times = (time,) if simple and time[:1] == "i" else _times(match, rules)
        # Without a standard code the wording counts too: local codes of two portals never meet.
        tokens = (*match.codes, *match.local) if match.codes else (*match.local, *match.texts)
        for token in tokens:
            for at in times:
                for value in match.values if by_value else ("",):
                    buckets[token, at, value].append(unit)
    check = _equal(grouping)
    for bucket in _shared(buckets, grouping):
        grouping.pair(bucket, lambda a, b: _named(matches[a], matches[b], rules), check)


def _named(a: Match, b: Match, rules: Rules) -> Rule:
    """The rule by which two exactly equal events were joined."""
    coded = not (set(a.codes).isdisjoint(b.codes) and set(a.local).isdisjoint(b.local))
    if a.family in _ACTORS:
        return Rule.NAME_ADDRESS
    if rules.same_end:
        return Rule.ALL_EQUAL
    if rules.timeless or not a.time or not b.time:
        return Rule.CODE if coded else Rule.TEXT
    if not compare.at_one_instant(a, b):
        return Rule.CODE_DAY if coded else Rule.TEXT_DAY
    if rules.exact == "value" and a.values != ("",):
        return Rule.CODE_TIME_VALUE if coded else Rule.TEXT_TIME_VALUE
    return Rule.CODE_TIME if coded else Rule.TEXT_TIME


def _wording(grouping: Grouping) -> None:
    """What has only words, or only local codes, joins the one coded event that says the same words."""
    rules, matches = grouping.rules, grouping.matches
    if len({_codedness(match) for match in matches}) < 2:
        return
    by_value = rules.exact == "value"
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        for text in match.texts:
            for at in _times(match, rules):
                for value in match.values if by_value else ("",):
                    buckets[text, at, value].append(unit)
    rule = Rule.TEXT if rules.timeless else Rule.TEXT_TIME_VALUE if by_value else Rule.TEXT_TIME
    grouping.imprecise(_shared(buckets, grouping), rule, _codedness, _equal(grouping))


def _codedness(match: Match) -> tuple[int]:
    return (2 if match.codes else 1 if match.local else 0,)


# -- imprecise ------------------------------------------------------------------------------------


def _less_exact(grouping: Grouping) -> None:
    """Date-only, whole-minute and zoneless events join the one group that fits; for problems also years, none."""
    rules, matches = grouping.rules, grouping.matches
    if len({_precision(match) for match in matches}) < 2:
        return
    by_value = rules.exact == "value"
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        if not (match.day or rules.coarse):
            continue
        for token in (*match.codes, *match.local, *match.texts):
            for value in match.values if by_value else ("",):
                buckets[token, "" if rules.coarse else match.day, value].append(unit)

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        if not (compare.fits(x, y) and compare.meets(x, y) and compare.parts_meet(x, y)):
            return False
        return compare.agreed(x, y, rules.day)

    grouping.imprecise(_shared(buckets, grouping), Rule.DAY_WITHIN, _precision, check)


def _precision(match: Match) -> tuple[int]:
    return (compare.precision(match),)


def _rounded(grouping: Grouping) -> None:
    matches = grouping.matches
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        if match.time[:1] == "i" and not match.parts:
            for token in match.codes:
                buckets[token, match.time].append(unit)

    def check(a: int, b: int) -> bool:
        return compare.rounded(matches[a], matches[b])

    grouping.imprecise(_shared(buckets, grouping), Rule.ROUNDED, compare.exactness, check)


def _overlapping(grouping: Grouping) -> None:
    matches = grouping.matches
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        if match.time[:1] == "i" and match.end:
            for token in (*match.codes, *match.local, *match.texts):
                buckets[token, match.day].append(unit)

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        return compare.overlap(x, y) and compare.meets(x, y) and compare.agreed(x, y, "who")

    for bucket in _shared(buckets, grouping):
        grouping.only_one(bucket, Rule.OVERLAP, check)
