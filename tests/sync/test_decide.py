"""What becomes of a step after an answer or an error."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import CODES, BadReply, Denied, EgressRefused, PortalError, RetryLater, SkipResource
from connectors.fhir.failure import StatusRequired
from connectors.registry import load_registry
from phr.sync import decide
from phr.sync.decide import Again, End, Later, NextPage, Reworded, after_error, after_page, of_run

ENDINGS = frozenset(get_args(decide.Ending))
BUSY = RetryLater("rate_limited", status=429, after=7.0)
WEB_PAGE = BadReply("html", status=200)
FORBIDDEN = SkipResource("refused", outcome="refused", status=403)
UNKNOWN = SkipResource("not_supported", outcome="unsupported", status=404)
FOREIGN = EgressRefused("foreign_host")
EXPIRED = RetryLater("paging_expired", status=410, after=0.0)
REFUSED_QUESTION = SkipResource("request_refused", outcome="unsupported", status=400)
STATUS_WANTED = StatusRequired("request_refused", outcome="unsupported", status=400)


@pytest.mark.parametrize(
    ("error", "attempts", "pages", "expected"),
    [
        pytest.param(BUSY, 1, 0, Later("rate_limited", 7.0), id="busy"),
        pytest.param(BUSY, 4, 3, Later("rate_limited", 7.0), id="busy_in_the_middle"),
        pytest.param(BUSY, 5, 0, End("failed", "rate_limited"), id="busy_too_often"),
        pytest.param(BUSY, 5, 3, End("partial", "rate_limited"), id="busy_too_often_in_the_middle"),
        pytest.param(RetryLater("timeout"), 1, 0, Later("timeout"), id="no_wait_was_asked_for"),
        pytest.param(WEB_PAGE, 1, 0, Later("html"), id="a_web_page"),
        pytest.param(WEB_PAGE, 2, 0, End("failed", "html"), id="a_web_page_again"),
        pytest.param(WEB_PAGE, 2, 1, End("partial", "html"), id="a_web_page_again_in_the_middle"),
        pytest.param(FORBIDDEN, 1, 0, End("refused", "refused"), id="refused"),
        pytest.param(FORBIDDEN, 1, 2, End("partial", "refused"), id="refused_in_the_middle"),
        pytest.param(UNKNOWN, 1, 0, End("unsupported", "not_supported"), id="unsupported"),
        pytest.param(UNKNOWN, 1, 2, Again("paging_expired"), id="the_next_page_is_not_known"),
        pytest.param(UNKNOWN, 5, 2, End("partial", "paging_expired"), id="it_never_is"),
        pytest.param(EXPIRED, 1, 2, Again("paging_expired"), id="the_paging_session_ended"),
        pytest.param(EXPIRED, 5, 1, End("partial", "paging_expired"), id="it_always_ends"),
        pytest.param(EXPIRED, 5, 0, End("failed", "paging_expired"), id="it_ends_before_a_page"),
        pytest.param(FOREIGN, 1, 1, End("partial", "foreign_host"), id="the_next_page_is_elsewhere"),
        pytest.param(Denied("client_refused"), 1, 0, End("failed", "client_refused"), id="denied"),
    ],
)
def test_a_request_that_failed(
    error: PortalError, attempts: int, pages: int, expected: End | Later | Again
) -> None:
    assert after_error(error, attempts=attempts, pages=pages) == expected


errors = st.one_of(
    st.builds(
        RetryLater, st.sampled_from(sorted(CODES)), after=st.none() | st.floats(min_value=0, max_value=1e5)
    ),
    st.builds(
        SkipResource,
        st.sampled_from(sorted(CODES)),
        outcome=st.sampled_from(["refused", "unsupported"]),
        status=st.none() | st.integers(400, 599),
    ),
    st.builds(BadReply, st.sampled_from(sorted(CODES))),
    st.builds(EgressRefused, st.sampled_from(sorted(CODES))),
)


@given(errors, st.integers(0, 10_000))
def test_a_step_that_fails_for_ever_ends(error: PortalError, pages: int) -> None:
    verdicts = [after_error(error, attempts=attempts, pages=pages) for attempts in range(1, 6)]
    last = verdicts[-1]
    assert isinstance(last, End)
    assert last.state in ENDINGS
    assert last.reason, "an end that is not complete says why"
    assert last.state != "complete"
    assert pages == 0 or last.state == "partial", "what was stored before is said"


URLS = st.sampled_from([f"https://portal.example/page/{number}" for number in range(5)])
pages_of = {
    "next_url": st.none() | URLS,
    "seen_urls": st.frozensets(URLS),
    "pages": st.integers(1, decide.MAX_PAGES + 1),
    "matched": st.integers(0, 200),
    "total": st.none() | st.integers(0, 200),
    "total_means": st.sampled_from(["result", "untrusted"]),
}


@given(st.fixed_dictionaries(pages_of))
def test_a_crawl_follows_new_links_alone_and_says_what_is_missing(page: dict[str, Any]) -> None:
    verdict = after_page(**page)
    if isinstance(verdict, NextPage):
        assert verdict.url == page["next_url"]
        assert verdict.url not in page["seen_urls"]
        assert page["pages"] < decide.MAX_PAGES
    elif verdict.state == "complete":
        assert page["next_url"] is None
        assert verdict.reason == ""
        if page["total_means"] == "result" and page["total"] is not None:
            assert page["matched"] >= page["total"]
    else:
        assert verdict.state == "partial"
        assert verdict.reason in {"paging_loop", "too_many_pages", "fewer_than_claimed"}


@pytest.mark.parametrize(
    ("total_means", "total", "expected"),
    [
        ("result", 109, End("partial", "fewer_than_claimed")),
        ("result", 50, End("complete")),
        ("result", 49, End("complete")),
        ("result", None, End("complete")),
        # Where the number is the page's own, it says nothing of the rest.
        ("untrusted", 109, End("complete")),
    ],
)
def test_fifty_and_no_link(total_means: Any, total: int | None, expected: End) -> None:
    assert (
        after_page(
            next_url=None,
            seen_urls=frozenset(),
            pages=1,
            matched=50,
            total=total,
            total_means=total_means,
        )
        == expected
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["complete", "complete"], "complete"),
        (["complete", "refused", "unsupported"], "complete"),
        (["refused", "unsupported"], "complete"),
        (["complete", "partial"], "partial"),
        (["complete", "failed"], "partial"),
        (["failed", "failed", "refused"], "failed"),
        (["partial", "failed"], "partial"),
        ([], "complete"),
    ],
)
def test_a_run_is_as_its_steps(states: list[str], expected: str) -> None:
    assert of_run(states) == expected


@given(st.lists(st.sampled_from(sorted(ENDINGS))))
def test_a_run_does_not_depend_on_the_order_of_its_steps(states: list[str]) -> None:
    assert of_run(states) == of_run(sorted(states)) == of_run(states[::-1])


def test_what_another_day_may_mend_are_codes_of_errors() -> None:
    assert decide.PASSING - {decide.DAILY_LIMIT} < CODES
    assert decide.passes("daily_limit:80")
    assert not decide.passes("refused")


CHANGES = "patient=1&recorded-date=ge2026-08-06&_count=100"


@pytest.mark.parametrize(
    ("error", "query", "mode", "expected"),
    [
        # The server does not take what narrows the search to changes.
        (REFUSED_QUESTION, CHANGES, "changes", Reworded("patient=1&_count=100", "whole")),
        (REFUSED_QUESTION, "patient=1&_count=100", "full", None),
        # It wants a status: that first, and only then without changes.
        (
            STATUS_WANTED,
            CHANGES,
            "changes",
            Reworded(
                f"{CHANGES}&clinical-status=active,recurrence,relapse,inactive,remission,resolved", "status"
            ),
        ),
        (
            STATUS_WANTED,
            f"{CHANGES}&clinical-status=active",
            "changes",
            Reworded("patient=1&_count=100&clinical-status=active", "whole"),
        ),
        (STATUS_WANTED, "patient=1&clinical-status=active", "full", None),
        # No other words help against these.
        (SkipResource("refused", outcome="refused", status=403), CHANGES, "changes", None),
        (SkipResource("refused", outcome="refused", status=400), CHANGES, "changes", None),
        (SkipResource("not_supported", outcome="unsupported", status=404), CHANGES, "changes", None),
        (RetryLater("server_error", status=500), CHANGES, "changes", None),
    ],
)
def test_a_refused_question_is_asked_in_other_words(
    error: PortalError, query: str, mode: Any, expected: Reworded | None
) -> None:
    def ask(pages: int) -> Reworded | None:
        return decide.rewording(
            error,
            resource_type="Condition",
            query=query,
            mode=mode,
            pages=pages,
            profile=load_registry()["generic"],
        )

    assert ask(0) == expected
    assert ask(1) is None, "a page was given: the question was understood"


@pytest.mark.parametrize(
    ("expires", "idle", "anew"),
    [
        (False, 86_400.0, False),
        (True, None, False),
        (True, 0.0, False),
        (True, 30.0, False),
        (True, 61.0, True),
        (True, 86_400.0, True),
    ],
)
def test_where_a_resumed_step_begins(*, expires: bool, idle: float | None, anew: bool) -> None:
    assert decide.begins_anew(expires=expires, idle_seconds=idle) is anew
