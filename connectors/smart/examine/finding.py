"""One difference between a profile and what a server says of itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["stops_connecting", "differs", "note"]
ORDER: Final[tuple[Severity, ...]] = ("stops_connecting", "differs", "note")
# As many names as one reads in a sentence.
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference: the profile's `field`, what it `expected`, what was `seen`, and what that means.

    `change`: TOML lines that would make the profile say what was seen; "" where no profile can mend it.
    """

    field: str
    severity: Severity
    expected: str
    seen: str
    sentence: str
    change: str = ""


def listed(names: Iterable[str]) -> str:
    """Return names for a sentence; "none" for none, and how many more where there are many."""
    found = list(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (", ".join(found[:_SHOWN]) + more) or "none"


def toml_array(names: Iterable[str]) -> str:
    """Return an array of strings as TOML, for names without quotes or backslashes."""
    return "[" + ", ".join(f'"{name}"' for name in names if not set(name) & set('"\\\n')) + "]"
