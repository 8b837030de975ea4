"""What time it is at the portal (PURE): its clock and ours need not agree, and only its own dates its changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# Before this nobody had a portal: a clock that says so says nothing, and sums of dates have room.
_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 9000


def answered_at(headers: Mapping[str, str], *, made_at: str = "") -> str:
    """Return the instant of an answer by the portal's clock, as FHIR writes it; "" where it does not say.

    From the Date header and `made_at`, the `meta.lastUpdated` of its Bundle; of both the earlier: a result
    may have been found some time before it was sent, and what changed in between is not in it.
    """
    found = [moment for moment in (http_date(headers.get("date", "")), read_instant(made_at)) if moment]
    return min(found).astimezone(UTC).isoformat(timespec="seconds") if found else ""


def not_after(instant: str, sent_at: datetime) -> str:
    """Return the earlier of a portal's instant, as FHIR writes it, and our time when we asked; "" stays "".

    A portal whose clock is ahead would else leave out, for ever, what changes until ours is there too.
    """
    theirs = read_instant(instant)
    if theirs is None:
        return ""
    return instant if theirs <= sent_at else sent_at.astimezone(UTC).isoformat(timespec="seconds")


def http_date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110, 5.6.7); None for any other text."""
    try:
        value = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return _plausible(value)


def read_instant(text: str) -> datetime | None:
    """Read an instant of FHIR; None for any other text. Without an offset it is taken for UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _plausible(value)


def _plausible(value: datetime) -> datetime | None:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
