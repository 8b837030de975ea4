from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fhir.pace import Pace, shared_pace


class Time:
    """A clock that only sleeping and the test move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def times(limit: int, idle: list[float]) -> list[float]:
    """Return when each request went out; before each, its sender was idle for so long."""
    time = Time()
    pace = Pace(limit, clock=lambda: time.now, sleep=time.sleep)
    sent = []
    for seconds in idle:
        time.now += seconds
        pace.take()
        sent.append(time.now)
    return sent


@given(limit=st.integers(1, 300), idle=st.lists(st.floats(0, 90), min_size=1, max_size=400))
def test_no_minute_holds_more_than_the_limit(limit: int, idle: list[float]) -> None:
    sent = times(limit, idle)
    for number, began in enumerate(sent):
        # A hair less than a minute, for sums of fractions.
        assert sum(began <= moment < began + 59.999 for moment in sent[number:]) <= limit


def test_a_burst_goes_at_once_and_what_follows_waits_a_little() -> None:
    sent = times(250, [0.0] * 225)
    assert sent[0] == sent[55] == 1000.0
    gaps = {round(after - before, 2) for before, after in pairwise(sent[55:])}
    assert gaps == {0.36}, "nobody waits for the whole minute"


def test_after_a_minute_of_rest_there_is_a_burst_again() -> None:
    sent = times(100, [0.0] * 22 + [60.0] + [0.0] * 21)
    assert [round(moment, 6) for moment in (sent[22], sent[43])] == [1060.0, 1060.0]


def test_threads_share_the_pace() -> None:
    slept: list[float] = []
    pace = Pace(60, clock=lambda: 0.0, sleep=slept.append)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(54):
            pool.submit(pace.take)
    assert len(slept) == len(set(slept)) == 54 - 13, "each has a turn of its own"


def test_all_clients_of_a_portal_share_one() -> None:
    assert shared_pace("https://a.example", 60) is shared_pace("https://a.example", 60)
    assert shared_pace("https://a.example", 60) is not shared_pace("https://b.example", 60)
    assert shared_pace("https://a.example", None) is None


def test_a_portal_that_allows_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Pace(0)
