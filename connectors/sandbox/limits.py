"""How much a portal answers: requests a minute, documents a day, by the portal's own clock."""

import math
import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from connectors.profile import Server
from connectors.sandbox.answers import Answers
from connectors.sandbox.http import Response

MINUTE: Final = 60.0
DAY: Final = 86400.0


class Limits:
    """The counts of one portal. They begin anew with it."""

    def __init__(self, *, server: Server, clock: Callable[[], datetime]) -> None:
        """Count as `server` does."""
        self._server = server
        self._clock = clock
        self._answers = Answers(server)
        # Requests are answered in several threads, and each counts.
        self._lock = threading.Lock()
        self._answered: deque[float] = deque()
        self._documents: Counter[tuple[int, str]] = Counter()

    def check(self) -> Response | None:
        """Count one request; return the refusal when the last minute held as many as are answered."""
        most = self._server.requests_per_minute
        if most is None:
            return None
        with self._lock:
            now = self._now()
            while self._answered and self._answered[0] <= now - MINUTE:
                self._answered.popleft()
            if len(self._answered) < most:
                self._answered.append(now)
                return None
            seconds = str(max(1, math.ceil(self._answered[0] + MINUTE - now)))
        answer = self._answers.problem(429, code="throttled", text="too many requests")
        match self._server.rate_limit_answer:
            case "retry_after":
                answer.headers.append(("Retry-After", seconds))
            case "reset_header":
                answer.headers += [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", seconds)]
            case "bare":
                pass
        return answer

    def check_document(self, patient: str) -> Response | None:
        """Count one document; return the refusal when this patient's day has had as many as are made."""
        most = self._server.documents_per_day
        if most is None:
            return None
        today = (int(self._now() // DAY), patient)
        with self._lock:
            self._documents[today] += 1
            if self._documents[today] <= most:
                return None
        return self._answers.problem(429, code="throttled", text="no more documents today")

    def _now(self) -> float:
        return self._clock().timestamp()
