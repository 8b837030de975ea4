"""The traps that other clients fell into, and the tests that pin them: read from `traps.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Trap:
    """`what` went wrong or is odd elsewhere; `test`: "path::name" of the test that fails without its handling."""

    what: str
    test: str


def _read() -> tuple[Trap, ...]:
    found = tomllib.loads((Path(__file__).parent / "traps.toml").read_text(encoding="utf-8"))
    return tuple(Trap(what, f"tests/{test}") for group in found.values() for what, test in group.items())


TRAPS: Final[tuple[Trap, ...]] = _read()
