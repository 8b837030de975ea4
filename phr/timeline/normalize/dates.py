"""FHIR dates with the precision the portal knew (https://hl7.org/fhir/R4/datatypes.html#dateTime)."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from phr.timeline.events import UNDATED, When
from phr.timeline.normalize import read

_SHAPE = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d{2})(?:-?(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
    r"\s?(?P<zone>Z|z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.ASCII,
)
_LAST_SECOND = 59
_MIDNIGHT = 24


def when(value: Any) -> When:
    """A FHIR date, dateTime or instant -> When. Text that is no date keeps its text and has precision "none"."""
    return _parse(value.strip()) if isinstance(value, str) else UNDATED


def first(resource: read.Json, *names: str) -> When:
    """The first of the fields that holds a date or a Period with a start."""
    for name in names:
        value = resource.get(name)
        if isinstance(value, str):
            found = _parse(value.strip())
        elif name.endswith("Timing"):
            found = when(next(iter(read.strings(value, "event")), None))
        else:
            found = when(read.obj(resource, name).get("start"))
        if found.start is not None:
            return found
    return UNDATED


def until(resource: read.Json, *names: str) -> When | None:
    """The end of the first of the fields that is a Period with an end, or a date itself."""
    for name in names:
        value = resource.get(name)
        found = when(value if isinstance(value, str) else read.obj(resource, name).get("end"))
        if found.start is not None:
            return found
    return None


@lru_cache(maxsize=8_192)
def _parse(text: str) -> When:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return When(text=read.clean(text))
    try:
        return _read(shape, text)
    except (ValueError, OverflowError):
        return When(text=read.clean(text))


def _read(shape: re.Match[str], text: str) -> When:
    year = int(shape["year"])
    if shape["month"] is None:
        begin = datetime(year, 1, 1, tzinfo=UTC)
        return When(begin, _start_of_year_after(begin), "year", text)
    month = int(shape["month"])
    if shape["day"] is None:
        begin = datetime(year, month, 1, tzinfo=UTC)
        return When(begin, begin + timedelta(days=monthrange(year, month)[1]), "month", text)
    day = date(year, month, int(shape["day"]))
    if shape["hour"] is None:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return When(begin, begin + timedelta(days=1), "day", text, day)
    return _clock(shape, day, text)


def _clock(shape: re.Match[str], day: date, text: str) -> When:
    hour, minute = int(shape["hour"]), int(shape["minute"])
    # A leap second has no datetime; the last second of that minute is the nearest one that has.
    second = (
        min(int(shape["second"] or 0), _LAST_SECOND) if int(shape["second"] or 0) <= _LAST_SECOND + 1 else 99
    )
    if hour == _MIDNIGHT and minute == second == 0:
        day, hour = day + timedelta(days=1), 0
    micro = int((shape["part"] or "0")[:6].ljust(6, "0"))
    zone = _zone(shape["zone"])
    begin = datetime(day.year, day.month, day.day, hour, minute, second, micro, tzinfo=zone or UTC)
    precision = "minute" if shape["second"] is None else "instant"
    return When(begin.astimezone(UTC), None, precision, text, day, zone is not None)  # type: ignore[arg-type]


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in {"Z", "z"}:
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _start_of_year_after(begin: datetime) -> datetime:
    return datetime(begin.year + 1, 1, 1, tzinfo=UTC)
