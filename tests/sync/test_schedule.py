"""When a source is due again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from phr.sync.schedule import INTERVAL, after_failure, after_success

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONGEST = timedelta(hours=6)


@given(st.uuids())
def test_after_a_success_it_is_due_in_half_a_day_and_a_little_more(source_id: uuid.UUID) -> None:
    due_at = after_success(source_id=source_id, now=NOW)
    assert INTERVAL <= due_at - NOW <= INTERVAL * 7 / 6
    assert due_at == after_success(source_id=source_id, now=NOW), "each source has a jitter of its own"


def test_sources_connected_together_do_not_ring_together() -> None:
    due = sorted(
        after_success(source_id=uuid.UUID(int=number << 64), now=NOW) - NOW for number in range(1000)
    )
    assert len(set(due)) > 990
    spread = INTERVAL / 6
    for tenth in range(10):
        low, high = INTERVAL + spread * tenth / 10, INTERVAL + spread * (tenth + 1) / 10
        assert 50 <= sum(low <= each < high for each in due) <= 150


def test_failures_in_a_row_double_the_wait() -> None:
    waits = [after_failure(failures=failures, asked=None, now=NOW) - NOW for failures in range(1, 16)]
    assert [wait.total_seconds() for wait in waits[:5]] == [5, 10, 20, 40, 80]
    assert waits[-1] == LONGEST


@given(st.integers(1, 10**9), st.none() | st.floats(min_value=0, max_value=1e12, allow_nan=False))
def test_a_wait_is_never_shorter_than_asked_nor_longer_than_six_hours(
    failures: int, asked: float | None
) -> None:
    wait = after_failure(failures=failures, asked=asked, now=NOW) - NOW
    assert timedelta(seconds=5) <= wait <= LONGEST
    assert wait >= after_failure(failures=failures, asked=None, now=NOW) - NOW
    if asked is not None:
        assert wait >= min(timedelta(seconds=asked), LONGEST)
    assert after_failure(failures=failures + 1, asked=asked, now=NOW) - NOW >= wait
