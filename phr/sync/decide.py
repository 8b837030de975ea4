"""What becomes of a step after an answer or an error (PURE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from connectors.errors import BadReply, PortalError, RetryLater, SkipResource
from connectors.fhir.failure import StatusRequired
from connectors.fhir.plan.changes import without_changes
from connectors.fhir.plan.statuses import with_all_statuses
from connectors.fhir.plan.step import Mode
from connectors.fhir.query import decode_query, encode_query
from connectors.profile import Profile

# An answer that nobody can use is asked for once more: maintenance pages pass. A busy portal gets more patience.
_TRIES_FOR_A_BAD_REPLY: Final = 2
_TRIES: Final = 5
MAX_PAGES: Final = 10_000
# Said of the link to a further page, where the query itself was answered: the portal has lost its place.
_LOST: Final = frozenset({400, 404, 410})
# The question is at fault.
_FAULTY: Final = frozenset({400, 422})
# Of a link that expires: between two rings there are seconds, and no session that was seen ends within a minute.
_LINK_LIVES_SECONDS: Final = 60.0
PAGING_EXPIRED: Final = "paging_expired"
# With the number of documents that the portal gives a day behind a colon.
DAILY_LIMIT: Final = "daily_limit"
# What another day may mend: codes of RetryLater and BadReply, and the portal's count of documents.
PASSING: Final = frozenset(
    {
        "bad_response",
        "connection_lost",
        DAILY_LIMIT,
        "html",
        "not_json",
        "rate_limited",
        "server_error",
        "timeout",
        "truncated",
        "unreachable",
    }
)

Ending = Literal["complete", "partial", "refused", "unsupported", "failed"]


@dataclass(frozen=True, slots=True)
class End:
    """The step is over."""

    state: Ending
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """The step goes on another time, from its checkpoint; ``after`` seconds if the portal said."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The step begins anew at its first page: the portal has forgotten where it was."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reworded:
    """The step begins anew with another query: the portal does not take this one, and may take that."""

    query: str
    # "status": with every status named; "whole": no longer for changes alone.
    how: Literal["status", "whole"]


@dataclass(frozen=True, slots=True)
class NextPage:
    """The step goes on at this link."""

    url: str


def rewording(
    error: PortalError, *, resource_type: str, query: str, mode: Mode, pages: int, profile: Profile
) -> Reworded | None:
    """Return how to ask for the same in other words after a search was refused; None where there are none.

    First without what narrows it to changes, for the server may not know that parameter; then with every
    status named, where the server says that it wants some.
    """
    if pages or not isinstance(error, SkipResource):
        return None
    if error.outcome != "unsupported" or error.status not in _FAULTY:
        return None
    asked = decode_query(query)
    if isinstance(error, StatusRequired):
        complete = with_all_statuses(resource_type, asked)
        if complete is not None:
            return Reworded(encode_query(complete), "status")
    if mode == "changes":
        return Reworded(encode_query(without_changes(resource_type, asked, profile=profile)), "whole")
    return None


def begins_anew(*, expires: bool, idle_seconds: float | None) -> bool:
    """Say whether a step that paused ``idle_seconds`` ago begins its query again, its link being dead by now.

    ``expires``: the portal's links die after a while; how long that is, none of them says. A step that only
    waited for the next ring of the same worker goes on at its link, or a long one would never end.
    """
    return expires and idle_seconds is not None and idle_seconds > _LINK_LIVES_SECONDS


def after_error(error: PortalError, *, attempts: int, pages: int) -> End | Later | Again:
    """Decide for a step whose request failed the ``attempts``-th time in a row, with ``pages`` stored before.

    Reauthorize is not a step's business: it ends the run.
    """
    if error.code == PAGING_EXPIRED or (pages and isinstance(error, SkipResource) and error.status in _LOST):
        return Again(PAGING_EXPIRED) if attempts < _TRIES else _broken_off(PAGING_EXPIRED, pages=pages)
    if isinstance(error, SkipResource):
        # After a page was given, a refusal is a crawl that broke off, not a type that was refused.
        return End("partial" if pages else error.outcome, error.code)
    tries = _TRIES
    if isinstance(error, BadReply):
        tries = _TRIES_FOR_A_BAD_REPLY
    elif not isinstance(error, RetryLater):
        return _broken_off(error.code, pages=pages)
    if attempts >= tries:
        return _broken_off(error.code, pages=pages)
    return Later(error.code, error.after if isinstance(error, RetryLater) else None)


def after_page(
    *,
    next_url: str | None,
    seen_urls: frozenset[str],
    pages: int,
    matched: int,
    total: int | None,
    total_means: Literal["result", "untrusted"],
) -> NextPage | End:
    """Decide after a page was stored: ``pages`` and ``matched`` (entries of the query itself) count it too."""
    if next_url is not None:
        if next_url in seen_urls:
            return End("partial", "paging_loop")
        if pages >= MAX_PAGES:
            return End("partial", "too_many_pages")
        return NextPage(next_url)
    if total_means == "result" and total is not None and matched < total:
        return End("partial", "fewer_than_claimed")
    return End("complete")


def passes(reason: str) -> bool:
    """Say whether another day may mend what a reason names."""
    return reason.partition(":")[0] in PASSING


def _broken_off(code: str, *, pages: int) -> End:
    return End("partial" if pages else "failed", code)


def of_run(states: list[str]) -> Literal["complete", "partial", "failed"]:
    """Say how a run ended from how its steps did.

    What a portal does not offer or grant does not make a run incomplete: it is told apart, per type.
    """
    wanted = [state for state in states if state not in {"refused", "unsupported"}]
    if wanted and all(state == "failed" for state in wanted):
        return "failed"
    if any(state in {"partial", "failed"} for state in wanted):
        return "partial"
    return "complete"
