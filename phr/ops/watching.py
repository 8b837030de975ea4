"""What becomes of a part of the stack that ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.processes import last_line

_STEADY_SECONDS = 60.0  # a part that ran this long failed anew, not again
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Part(Protocol):
    """What can be asked whether it still runs."""

    def poll(self) -> int | None: ...


@dataclass
class Watched:
    """A part that is to live as long as the stack; ``again`` starts it once more, None: its end is the end
    of all.

    ``well``: whether a part that runs also does its work, None: running is all there is to see.
    Times are seconds of one monotonic clock.
    """

    name: str
    part: Part
    log: Path
    again: Callable[[], None] | None
    started_at: float
    pause: float = field(default=0.0, init=False)
    due_at: float | None = field(default=None, init=False)
    well: Callable[[], bool] | None = field(default=None, init=False)

    def look(self, *, now: float) -> str:
        """Look after it once; returns a line to print, or nothing.

        Raises EmbeddedError when it ended and is not to be started again.
        """
        if self.due_at is not None:
            if now >= self.due_at:
                self._start_again(now)
            return ""
        status = self.part.poll()
        if status is None and (self.well is None or self.well()):
            return ""
        if self.again is None:
            raise EmbeddedError(
                f"{self.name} ended by itself (status {status}): {last_line(self.log)} (see {self.log}). "
                "Everything else is being stopped; nothing that was stored is lost."
            )
        steady = now - self.started_at > _STEADY_SECONDS
        self.pause = _FIRST_PAUSE_SECONDS if steady or not self.pause else self.pause * 2
        self.pause = min(self.pause, _LONGEST_PAUSE_SECONDS)
        self.due_at = now + self.pause
        what = "does nothing" if status is None else f"ended by itself (status {status})"
        return f"{self.name} {what}; starting it again in {self.pause:.0f} s."

    def _start_again(self, now: float) -> None:
        assert self.again is not None
        self.due_at, self.started_at = None, now
        with suppress(EmbeddedError):  # then the next look finds it ended, and waits longer
            self.again()
