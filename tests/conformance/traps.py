"""The traps that other clients fell into, and the tests that pin them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Trap:
    """`what` went wrong or is odd elsewhere; `test`: "path::name" of the test that fails without its handling."""

    what: str
    test: str


TRAPS: Final[tuple[Trap, ...]] = ()
