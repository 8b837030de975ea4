"""What a benchmark says: its own figure, and a reference measured in the same run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

# Says how far a benchmark is: what it does, and how much of it is done (0 to 1).
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the figure is compared with."""

    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One benchmark's result. `rate` is `n` a second; `ratio` says what it compares in `ratio_means`."""

    name: str
    n: int
    seconds: float
    reference: Reference
    ratio: float
    ratio_means: str
    # Further numbers of the same run: parts, percentiles, rows written.
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what `bench --json` prints."""
        return {
            "name": self.name,
            "n": self.n,
            "seconds": round(self.seconds, 4),
            "rate": round(self.n / self.seconds, 1),
            "reference": {"what": self.reference.what, "seconds": round(self.reference.seconds, 4)},
            "ratio": round(self.ratio, 3),
            "ratio_means": self.ratio_means,
            "peak_rss_mb": round(peak_rss_mb(), 1),
            **self.more,
        }


@dataclass(slots=True)
class Watch:
    """Adds up the time of some parts of a round, and leaves the rest out."""

    rounds: list[float] = field(default_factory=list)

    def round(self) -> None:
        self.rounds.append(0.0)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.rounds[-1] += time.perf_counter() - began

    @property
    def seconds(self) -> float:
        return sum(self.rounds)


def quotient(of: list[float], by: list[float]) -> float:
    """Return the median of the rounds' quotients: one disturbed round moves neither side."""
    return median(a / b for a, b in zip(of, by, strict=True))


def percentile(seconds: list[float], share: float) -> float:
    """Return the value that this share of them does not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def peak_rss_mb() -> float:
    """Return the most memory that this process ever held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3
