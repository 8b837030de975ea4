"""Benchmarks: one file each, every figure beside a reference of the same run. `manage.py bench NAME` runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from phr.ops.bench import directory, ingest, resync, timeline
from phr.ops.bench.figure import Figure


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them: what runs it, and the size that it has unless told otherwise."""

    run: Callable[..., Figure]
    default_n: int


BENCHMARKS: Final[Mapping[str, Benchmark]] = MappingProxyType(
    {
        "ingest": Benchmark(ingest.run, ingest.DEFAULT_N),
        "resync": Benchmark(resync.run, resync.DEFAULT_N),
        "timeline": Benchmark(timeline.run, timeline.DEFAULT_N),
        "directory": Benchmark(directory.run, directory.DEFAULT_N),
    }
)
