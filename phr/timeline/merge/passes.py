"""The order in which one family of events is joined, strongest evidence first. PURE."""

from collections import defaultdict
from collections.abc import Iterable

from phr.timeline.merge import compare
from phr.timeline.merge.groups import Buckets, Grouping
from phr.timeline.merge.member import Match
from phr.timeline.merge.rules import Rule

# Bytes that are the same by chance or by form: an empty page, a blank. Such contents also need the same day.
_TIMED = {"i", "w"}


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
    """The buckets that more than one chart stands in, in a fixed order."""
    units = grouping.units
    keys = [key for key, bucket in buckets.items() if len(bucket) > 1]
    for key in sorted(keys):
        bucket = buckets[key]
        first = units[bucket[0]].origin
        if any(units[unit].origin != first for unit in bucket):
            yield bucket


# -- identifiers and contents ------------------------------------------------------------------------------------


def _identifiers(grouping: Grouping) -> None:
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(grouping.matches):
        for number in match.ids:
            buckets[number].append(unit)
    for key in sorted(key for key, bucket in buckets.items() if len(bucket) > 1):
        bucket = buckets[key]
        _repeats(grouping, bucket)
        finer: Buckets = defaultdict(list)
        for unit in bucket:
            match = grouping.matches[unit]
            for token in (match.codes or match.local or match.texts)[:4]:
                finer[token, match.time].append(unit)
        for inner in sorted(finer):
            grouping.only_one(finer[inner], Rule.IDENTIFIER, _same_number(grouping))
        grouping.only_one(bucket, Rule.IDENTIFIER, _same_number(grouping))


def _same_number(grouping: Grouping):  # type: ignore[no-untyped-def] # noqa: ANN202
    matches, timeless = grouping.matches, grouping.rules.identified_any_time

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        named = (x.codes or x.local or x.texts) and (y.codes or y.local or y.texts)
        return (timeless or compare.near(x, y)) and (timeless or not named or compare.meets(x, y))

    return check


def _repeats(grouping: Grouping, bucket: list[int]) -> None:
    """A portal that sends one thing twice under one number: equal, or versions of which each has its own status."""
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
        if equal or versions:
            for unit in units[1:]:
                if grouping.may_join(units[0], unit, same_chart=True):
                    grouping.join(units[0], unit, Rule.REPEATED)


def _contents(grouping: Grouping) -> None:
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(grouping.matches):
        for digest in match.digests:
            buckets[digest,].append(unit)
    for bucket in _shared(buckets, grouping):
        grouping.pair(bucket, lambda _a, _b: Rule.CONTENT, lambda _a, _b: True)


# -- code or wording, and time -----------------------------------------------------------------------------------


def _times(match: Match, grouping: Grouping) -> tuple[str, ...]:
    """The time keys under which an event is exactly equal to others; none where its time is too coarse."""
    rules = grouping.rules
    if rules.timeless:
        return ("",)
    kind = match.time[:1]
    if rules.by_day and kind == "i":
        return (match.time, f"d{match.day}")
    if kind in _TIMED or (kind == "d" and rules.day != "no") or rules.coarse:
        return (match.time,)
    return ()


def _exact(grouping: Grouping) -> None:
    rules, matches = grouping.rules, grouping.matches
    by_value = rules.exact == "value"
    buckets: Buckets = defaultdict(list)
    simple = not (rules.timeless or rules.by_day or rules.coarse)
    for unit, match in enumerate(matches):
        time = match.time
        times = (time,) if simple and time[:1] == "i" else _times(match, grouping)
        for token in (*match.codes, *match.local) or match.texts:
            for at in times:
                for value in match.values if by_value else ("",):
                    buckets[token, at, value].append(unit)

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        timed = rules.timeless or x.time == y.time != "" and x.time[0] in _TIMED
        return compare.agreed(x, y, rules.exact if timed or rules.coarse else rules.day) and compare.meets(
            x, y
        )

    for bucket in _shared(buckets, grouping):
        grouping.pair(bucket, lambda a, b: _named(matches[a], matches[b], grouping), check)


def _named(a: Match, b: Match, grouping: Grouping) -> Rule:
    """The rule by which two exactly equal events were joined."""
    rules = grouping.rules
    coded = bool((a.codes or a.local) and (b.codes or b.local))
    if a.family in {"Practitioner", "Organization", "Location"}:
        return Rule.NAME_ADDRESS
    if rules.same_end:
        return Rule.ALL_EQUAL
    if rules.timeless or not a.time or not b.time:
        return Rule.CODE if coded else Rule.TEXT
    if compare.at_one_instant(a, b):
        if rules.exact == "value" and a.values != ("",):
            return Rule.CODE_TIME_VALUE if coded else Rule.TEXT_TIME_VALUE
        return Rule.CODE_TIME if coded else Rule.TEXT_TIME
    return Rule.CODE_DAY if coded else Rule.TEXT_DAY


def _wording(grouping: Grouping) -> None:
    """What has only words joins the coded event that says the same words."""
    rules, matches = grouping.rules, grouping.matches
    by_value = rules.exact == "value"
    if not any(not (match.codes or match.local) for match in matches):
        by_text_alone = [m for m in matches if not m.codes]
        if len(by_text_alone) in {0, len(matches)}:
            return
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        for text in match.texts:
            for at in _times(match, grouping):
                for value in match.values if by_value else ("",):
                    buckets[text, at, value].append(unit)

    def check(a: int, b: int) -> bool:
        x, y = matches[a], matches[b]
        timed = rules.timeless or compare.at_one_instant(x, y)
        return compare.meets(x, y) and compare.agreed(
            x, y, rules.exact if timed or rules.coarse else rules.day
        )

    shared = {(str(n),): bucket for n, bucket in enumerate(_shared(buckets, grouping))}
    rule = Rule.TEXT if rules.timeless else Rule.TEXT_TIME_VALUE if by_value else Rule.TEXT_TIME
    grouping.imprecise(shared, rule, _codedness, check)


def _codedness(match: Match) -> int:
    return 2 if match.codes else 1 if match.local else 0


# -- imprecise ---------------------------------------------------------------------------------------------------


def _less_exact(grouping: Grouping) -> None:
    """Date-only, whole-minute and zoneless events join the one group that fits; for problems also years and none."""
    rules, matches = grouping.rules, grouping.matches
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
        return compare.fits(x, y) and compare.meets(x, y) and compare.agreed(x, y, rules.day)

    shared = {(str(n),): bucket for n, bucket in enumerate(_shared(buckets, grouping))}
    grouping.imprecise(shared, Rule.DAY_WITHIN, compare.precision, check)


def _rounded(grouping: Grouping) -> None:
    matches = grouping.matches
    buckets: Buckets = defaultdict(list)
    for unit, match in enumerate(matches):
        if match.time[:1] == "i" and not match.parts:
            for token in match.codes:
                buckets[token, match.time].append(unit)

    def check(a: int, b: int) -> bool:
        return compare.rounded(matches[a], matches[b])

    shared = {(str(n),): bucket for n, bucket in enumerate(_shared(buckets, grouping))}
    grouping.imprecise(shared, Rule.ROUNDED, compare.exactness, check)


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
