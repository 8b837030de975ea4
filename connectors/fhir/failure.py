"""What an answer that is not a success means: the profile's rules first, then the specification's (PURE).

Source: FHIR R4 http and search pages, SMART App Launch 2.2, RFC 9110 (Retry-After), and the vendors' own
habits, which stand in their profiles.
"""

import math
from collections.abc import Mapping
from typing import Final, Literal

from connectors.errors import BadReply, Code, PortalError, Reauthorize, RetryLater, SkipResource
from connectors.fhir.clock import http_date
from connectors.fhir.outcome import NO_ISSUES, Issues
from connectors.profile import ErrorRule, Meaning

# The longest wait that any vendor documents is five hours; what asks for more is asked again after this.
MAX_WAIT_SECONDS: Final = 6 * 3600.0
# A 429 that does not say how long: every limit that a vendor publishes counts by the minute.
_PAUSE_SECONDS: Final = 60.0
# Above this, a ratelimit-reset cannot be seconds from now: it is a time since 1970.
_EPOCH: Final = 1_000_000_000
_RETRY: Final = frozenset({408, 425, 429})
# What is wrong is the question.
_FAULTY: Final = frozenset({400, 422})
_UNSUPPORTED: Final = frozenset({400, 404, 405, 406, 409, 412, 415, 422, 501})

Kind = Literal["search", "read", "binary"]


class StatusRequired(SkipResource):
    """The search is refused for want of `status`, as US Core allows: it may be asked again with all values."""


def failure(
    *,
    status: int,
    headers: Mapping[str, str],
    issues: Issues = NO_ISSUES,
    resource_type: str = "",
    kind: Kind = "search",
    rules: tuple[ErrorRule, ...] = (),
    html: bool = False,
) -> PortalError:
    """Return the error to raise for an answer that cannot be used.

    `issues`: of the OperationOutcome in the body, if it held one. `html`: the body is a web page. Also for
    200 with nothing but an OperationOutcome.
    """
    meaning = _by_rule(rules, status, issues, resource_type, kind=kind, html=html)
    if meaning is not None:
        # A search that is refused as faulty, yet may be tried again, is one whose paging session has ended.
        ended = kind == "search" and status in {400, 404, 410}
        return _as(meaning, status, headers, retry="paging_expired" if ended else "server_error")
    if status == 401:
        return Reauthorize("unauthorized", status=status)
    if status == 410 and kind == "search":
        return RetryLater("paging_expired", status=status, after=0.0)
    if status in _RETRY or (status >= 500 and status != 501):
        code: Code = "rate_limited" if status == 429 else "server_error"
        after = wait_seconds(headers)
        return RetryLater(
            code, status=status, after=_PAUSE_SECONDS if status == 429 and after is None else after
        )
    return _lasting(status, headers, issues, kind)


def _lasting(status: int, headers: Mapping[str, str], issues: Issues, kind: Kind) -> PortalError:
    """What an answer means that will be the same tomorrow."""
    if status == 403:
        return SkipResource("refused", outcome="refused", status=status)
    if status in {404, 410} and kind != "search":
        return SkipResource("not_found", outcome="unsupported", status=status)
    if kind == "search" and issues.about_status and status in _FAULTY:
        return StatusRequired("request_refused", outcome="unsupported", status=status)
    if issues.meaning is not None:
        return _as(issues.meaning, status, headers)
    if status in _UNSUPPORTED:
        code: Code = "request_refused" if status in {400, 409, 412, 422} else "not_supported"
        return SkipResource(code, outcome="unsupported", status=status)
    return BadReply("too_large" if status == 413 else "bad_response", status=status)


def _by_rule(
    rules: tuple[ErrorRule, ...], status: int, issues: Issues, resource_type: str, *, kind: Kind, html: bool
) -> Meaning | None:
    for rule in rules:
        if (
            rule.status == status
            and (rule.body == "any" or html)
            and rule.kind in {"any", kind}
            and rule.resource_type in {None, resource_type}
            and (rule.issue_code is None or rule.issue_code in issues.codes)
        ):
            return rule.meaning
    return None


def _as(
    meaning: Meaning, status: int, headers: Mapping[str, str], *, retry: Code = "server_error"
) -> PortalError:
    match meaning:
        case "refused":
            return SkipResource("refused", outcome="refused", status=status)
        case "unsupported":
            return SkipResource("not_supported", outcome="unsupported", status=status)
        case "retry":
            return RetryLater(retry, status=status, after=wait_seconds(headers))
        case "reauthorize":
            return Reauthorize("unauthorized", status=status)


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds that the portal asks us to wait, between 0 and six hours; None where it does not say.

    Reads Retry-After (seconds or an HTTP date) and, where that is absent, ratelimit-reset and
    x-ratelimit-reset (seconds, or seconds since 1970). Dates are measured against the portal's own Date
    header: its clock and ours need not agree.
    """
    now = http_date(headers.get("date", ""))
    after = headers.get("retry-after", "").strip()
    if after:
        seconds = _number(after)
        if seconds is not None:
            return _bounded(seconds)
        until = http_date(after)
        if until is not None and now is not None:
            return _bounded((until - now).total_seconds())
        return None
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        reset = _number(headers.get(name, "").strip())
        if reset is None:
            continue
        if reset < _EPOCH:
            return _bounded(reset)
        if now is not None:
            return _bounded(reset - now.timestamp())
    return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS)
