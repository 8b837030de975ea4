from datetime import UTC, datetime

import pytest

from connectors.fhir.clock import answered_at, not_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("date", "made_at", "expected"),
    [
        (DATE, "", "2026-10-21T07:28:00+00:00"),
        ("", "2026-10-21T09:28:00.123+02:00", "2026-10-21T07:28:00+00:00"),
        ("", "2026-10-21T07:28:00Z", "2026-10-21T07:28:00+00:00"),
        # A result that was found a minute before it was sent.
        (DATE, "2026-10-21T07:27:00Z", "2026-10-21T07:27:00+00:00"),
        (DATE, "2026-10-21T07:29:00Z", "2026-10-21T07:28:00+00:00"),
        ("", "", ""),
        ("yesterday", "soon", ""),
        (DATE, "0001-01-01T00:00:00+14:00", "2026-10-21T07:28:00+00:00"),
        (DATE, "1970-01-01T00:00:00Z", "2026-10-21T07:28:00+00:00"),
    ],
)
def test_the_instant_of_an_answer_is_the_portals_own(date: str, made_at: str, expected: str) -> None:
    assert answered_at({"date": date}, made_at=made_at) == expected


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("2026-10-21T07:28:00+00:00", "2026-10-21T07:28:00+00:00"),
        ("2026-10-21T09:30:00+02:00", "2026-10-21T09:30:00+02:00"),
        ("2026-10-21T07:30:01Z", "2026-10-21T07:30:00+00:00"),
        ("2036-10-21T07:28:00+00:00", "2026-10-21T07:30:00+00:00"),
        ("", ""),
        ("soon", ""),
    ],
)
def test_a_clock_that_is_ahead_counts_up_to_when_we_asked(theirs: str, expected: str) -> None:
    assert not_after(theirs, datetime(2026, 10, 21, 7, 30, 0, 700, tzinfo=UTC)) == expected
