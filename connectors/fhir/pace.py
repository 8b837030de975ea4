"""How often one portal is asked: no more than its vendor allows in any minute, however many threads ask.

A bucket holds a quarter of the minute's requests and refills with the other three, so a burst is answered at
once, nobody waits long afterwards, and no window of sixty seconds ever holds more than the limit.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

# Kept back from the limit: portals count token requests, and those of our other workers, too.
_MARGIN: Final = 0.1
_BURST: Final = 0.25
_MINUTE: Final = 60.0


class Pace:
    """Lets requests through at a portal's pace. Thread-safe; one for a portal and a process."""

    def __init__(
        self,
        requests_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`requests_per_minute`: what the portal allows, at least 1. `clock`: seconds that only grow."""
        if requests_per_minute < 1:
            msg = "at least one request a minute"
            raise ValueError(msg)
        allowed = max(1, math.floor(requests_per_minute * (1 - _MARGIN)))
        self._burst = max(1, math.floor(allowed * _BURST))
        self._interval = _MINUTE / max(1, allowed - self._burst) if allowed > 1 else _MINUTE
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # The moment at which the bucket is full again if nobody asks.
        self._full_at = -math.inf

    def take(self) -> None:
        """Wait for this request's turn."""
        seconds = self._reserve()
        if seconds > 0:
            self._sleep(seconds)

    def _reserve(self) -> float:
        """Take the next place in the queue, and return the seconds until it is due."""
        with self._lock:
            now = self._clock()
            due = max(now, self._full_at - (self._burst - 1) * self._interval)
            self._full_at = max(now, self._full_at) + self._interval
            return due - now


_shared: dict[tuple[str, int], Pace] = {}
_sharing: Final = threading.Lock()


def shared_pace(base_url: str, requests_per_minute: int | None) -> Pace | None:
    """Return the one Pace of this process for a portal; None where its profile knows no limit."""
    if requests_per_minute is None:
        return None
    with _sharing:
        key = (base_url, requests_per_minute)
        if key not in _shared:
            _shared[key] = Pace(requests_per_minute)
        return _shared[key]
