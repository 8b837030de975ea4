"""What becomes of a step after an answer or an error (PURE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from connectors.errors import BadReply, PortalError, RetryLater, SkipResource

# An answer that nobody can use is asked for once more: maintenance pages pass. A busy portal gets more patience.
_TRIES_FOR_A_BAD_REPLY: Final = 2
_TRIES: Final = 5
MAX_PAGES: Final = 10_000
# Said of the link to a further page, where the query itself was answered: the portal has lost its place.
_LOST: Final = frozenset({400, 404, 410})
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
class NextPage:
    """The step goes on at this link."""

    url: str


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
