"""Two events side by side: do they meet, and does something tell them apart? PURE."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from phr.timeline.merge.member import Match, numbers_differ
from phr.timeline.merge.rules import Demand, Rules

# Fewer digits than this say too little to be called another number rounded: 5 may be anything from 4.5 to 5.5.
_FEWEST_DIGITS = 2


def meets(a: Match, b: Match) -> bool:
    """Is it the same thing by code, or by wording where one of them has no standard code?"""
    if a.codes and b.codes:
        if not set(a.codes).isdisjoint(b.codes):
            return True
        # A shared local code does not outweigh that standard codes of one system disagree.
        return not set(a.local).isdisjoint(b.local) and _systems(a).isdisjoint(_systems(b))
    if a.local and b.local and not set(a.local).isdisjoint(b.local):
        return True
    return not set(a.texts).isdisjoint(b.texts)


def _systems(match: Match) -> set[str]:
    return {token.partition("|")[0] for token in match.codes}


def told_apart(a: Match, b: Match, rules: Rules) -> bool:
    """True where something that both say makes them two things."""
    if a.ids and b.ids and numbers_differ(a, b):
        return True
    if a.apart and b.apart and _differ(a.apart, b.apart):
        return True
    if (
        a.apart_by_day
        and b.apart_by_day
        and not at_one_instant(a, b)
        and _differ(a.apart_by_day, b.apart_by_day)
    ):
        return True
    if rules.same_end and a.end != b.end:
        return True
    # One number on both says more than how each portal spells a name.
    numbered = not set(a.ids).isdisjoint(b.ids)
    # Code and moment alone vouch for nothing: two X-rays of one stay can share both.
    unsigned = not (a.who or b.who or numbered)
    if rules.unsigned_wording and unsigned and a.texts and b.texts and set(a.texts).isdisjoint(b.texts):
        return True
    return rules.who_differs and not numbered and bool(a.who and b.who) and _others(a.who, b.who)


def _differ(a: dict[str, str], b: dict[str, str]) -> bool:
    return any(b.get(name, value) != value for name, value in a.items())


def _others(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Other people; or other organizations or places where neither names people that agree."""
    if not set(a).isdisjoint(b):
        for kind in ("p:", "npi:"):
            mine, theirs = _of(kind, a), _of(kind, b)
            if mine and theirs and not mine.isdisjoint(theirs):
                return False
        people = ("p:", "npi:")
        return any(_of(kind, a) and _of(kind, b) for kind in people)
    return any(_of(kind, a) and _of(kind, b) for kind in ("p:", "npi:", "o:", "l:"))


def _of(kind: str, who: tuple[str, ...]) -> set[str]:
    return {token for token in who if token.startswith(kind)}


def parts_meet(a: Match, b: Match) -> bool:
    """Components one by one: each of `a` finds its own of `b` with a shared code and an equal value."""
    if len(a.parts) != len(b.parts):
        return False
    if not a.parts:
        return True
    left = list(b.parts)
    for tokens, values in a.parts:
        for place, (other, theirs) in enumerate(left):
            if not set(tokens).isdisjoint(other) and not set(values).isdisjoint(theirs):
                del left[place]
                break
        else:
            return False
    return True


def at_one_instant(a: Match, b: Match) -> bool:
    """Both name the moment, and it is the same."""
    return a.time == b.time and a.time[:1] in {"i", "w"}


def agreed(a: Match, b: Match, demand: Demand) -> bool:
    """Is what a rule demands beside code and time there?"""
    if demand == "free":
        return True
    shared = not set(a.who).isdisjoint(b.who)
    if demand == "who":
        # Where neither says who, a start and an end that agree to the second say as much.
        unsigned = not a.who and not b.who and a.end == b.end and a.end.startswith("i")
        return shared or (unsigned and at_one_instant(a, b))
    return demand == "value" and (a.values != ("",) or shared)


def precision(match: Match) -> int:
    """How exactly it is dated: 6 second, 5 whole minute, 4 clock time without zone, 3 day, 2 month, 1 year, 0 not."""
    kind = match.time[:1]
    if kind == "i":
        return 5 if match.time.endswith(":00") else 6
    return {"w": 4, "d": 3, "m": 2, "y": 1}.get(kind, 0)


def fits(a: Match, b: Match) -> bool:
    """May the two times mean the same, one of them being less exact?"""
    rough, fine = (a, b) if precision(a) <= precision(b) else (b, a)
    if not rough.time:
        return True
    kind = rough.time[0]
    if kind == "y":
        return _year_or_month(fine)[:4] == rough.time[1:]
    if kind == "m":
        return _year_or_month(fine)[:7] == rough.time[1:]
    if kind == "d":
        return bool(fine.day) and fine.day == rough.day
    if kind == "w":
        # A clock time without zone is the local time of the other one, as far as that names its own.
        return fine.day == rough.day and fine.time_text[11:16] == rough.time[12:17]
    return rough.time[:17] == fine.time[:17]


def _year_or_month(match: Match) -> str:
    return match.day or match.time[1:]


def overlap(a: Match, b: Match) -> bool:
    """Two periods of instants that share a moment."""
    if not (
        a.end.startswith("i") and b.end.startswith("i") and a.time.startswith("i") and b.time.startswith("i")
    ):
        return False
    return a.time < b.end and b.time < a.end


def near(a: Match, b: Match) -> bool:
    """One day, or days of which time zones could make one; undated is near everything."""
    if not (a.time and b.time):
        return True
    if a.day and b.day:
        return abs(date.fromisoformat(a.day) - date.fromisoformat(b.day)) <= timedelta(days=1)
    return fits(a, b)


def rounded(a: Match, b: Match) -> bool:
    """One number is the other with fewer decimals, or the same without its unit."""
    one, other = _plain(a), _plain(b)
    if one is None or other is None:
        return False
    (x, x_unit), (y, y_unit) = one, other
    if x == y:
        return (not x_unit) != (not y_unit)
    if x_unit != y_unit:
        return False
    rough, fine = (x, y) if _decimals(x) < _decimals(y) else (y, x)
    if _decimals(rough) == _decimals(fine) or len(rough.as_tuple().digits) < _FEWEST_DIGITS:
        return False
    return abs(fine - rough) * 2 <= Decimal(1).scaleb(-_decimals(rough))


def exactness(match: Match) -> tuple[int, int]:
    """Orders values from rough to exact: with a unit before without, more decimals before fewer."""
    plain = _plain(match)
    return (0, 0) if plain is None else (int(bool(plain[1])), _decimals(plain[0]))


def _plain(match: Match) -> tuple[Decimal, str] | None:
    if match.parts or len(match.values) != 1:
        return None
    number, _, unit = match.values[0].partition(" ")
    try:
        found = Decimal(number)
    except InvalidOperation:
        return None
    return (found, unit) if found.is_finite() and abs(found.adjusted()) < 20 else None


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
