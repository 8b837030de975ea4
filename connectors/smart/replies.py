"""How an answer outside FHIR is read: a JSON object of bounded size, or one of our errors."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from connectors.egress import Reply
from connectors.errors import BadReply, Code, PortalError, RetryLater

# A wait beyond this is a mistake or malice; the next scheduled run comes sooner.
MAX_WAIT_SECONDS: Final = 24 * 3600.0


def read_object(reply: Reply) -> dict[str, Any]:
    """Return the JSON object in `reply`. Raises `BadReply` for anything else: HTML, an array, a pit."""
    try:
        value = msgspec.json.decode(reply.content)
    except RecursionError:
        raise BadReply("too_deep", status=reply.status) from None
    except ValueError:
        code: Code = "html" if reply.content.lstrip()[:1] == b"<" else "not_json"
        raise BadReply(code, status=reply.status) from None
    if not isinstance(value, dict):
        raise BadReply("bad_response", status=reply.status)
    return value


def failure_of(reply: Reply) -> PortalError | None:
    """Return what the status alone says: `RetryLater` for 429 and 5xx, with the wait that was asked for."""
    if reply.status == 429:
        return RetryLater("rate_limited", status=429, after=retry_after(reply))
    if reply.status >= 500:
        return RetryLater("server_error", status=reply.status, after=retry_after(reply))
    return None


def retry_after(reply: Reply) -> float | None:
    """Return the seconds that `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3), else None.

    A date is taken relative to the server's own `Date`, where there is one, for its clock need not be ours.
    """
    value = reply.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_WAIT_SECONDS)
    try:
        until = _instant(value)
        sent = reply.headers.get("Date")
        start = _instant(sent) if sent else datetime.now(UTC)
    except ValueError:
        return None
    return min(max((until - start).total_seconds(), 0.0), MAX_WAIT_SECONDS)


def _instant(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
