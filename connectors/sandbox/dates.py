"""FHIR dates as the spans of time they may mean, and the comparisons of a date search (PURE)."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple

DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
PREFIXES: Final = ("eq", "ne", "ge", "gt", "le", "lt", "sa", "eb", "ap")
FOREVER: Final = float("inf")


class Span(NamedTuple):
    """From the first instant meant to just before the last, in seconds since 1970 (UTC if unsaid)."""

    low: float
    high: float


def span(text: str) -> Span | None:
    """Return what a FHIR date, dateTime or instant may mean, or None when it is none.

    A search writes "+02:00" in a query, where an unescaped plus arrives as a space: that is read too.
    """
    match = DATE.fullmatch(text.strip().replace(" ", "+"))
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        low = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(zone),
        )
        if hour is None:
            days = 365 if month is None else monthrange(int(year), int(month))[1] if day is None else 1
            if month is None and monthrange(int(year), 2)[1] == 29:
                days = 366
            length = timedelta(days=days)
        elif second is None:
            length = timedelta(minutes=1)
        else:
            length = timedelta(seconds=1) if fraction is None else timedelta(milliseconds=1)
        start = low.timestamp()
    except (ValueError, OverflowError):
        return None
    return Span(start, start + length.total_seconds())


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def matches(held: Span, asked: str) -> bool | None:  # noqa: PLR0911 - one line a prefix
    """Compare with a search value such as "ge2024-05"; None when the value is no date.

    The rules are those of https://hl7.org/fhir/R4/search.html#prefix: ranges that overlap for ge and le.
    """
    prefix = asked[:2] if asked[:2] in PREFIXES else "eq"
    value = span(asked.removeprefix(prefix))
    if value is None:
        return None
    match prefix:
        case "eq":
            return value.low <= held.low and held.high <= value.high
        case "ne":
            return not (value.low <= held.low and held.high <= value.high)
        case "ge":
            return held.high > value.low
        case "gt":
            return held.high > value.high
        case "le":
            return held.low < value.high
        case "lt":
            return held.low < value.low
        case "sa":
            return held.low >= value.high
        case "eb":
            return held.high <= value.low
        case _:
            return held.low < value.high and held.high > value.low
