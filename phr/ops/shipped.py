"""Whether the facts that ship with the program are in the directory of a data folder: asked at each start, by a file,
since a question to the database would cost a process.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from connectors.directory import snapshot
from connectors.registry import PROFILES


def directory_is_there(mark: Path) -> bool:
    """Tell whether what ships now was loaded; ``mark``: the file that says so."""
    with suppress(OSError):
        return mark.read_text(encoding="ascii") == _digest()
    return False


def say_that_it_is_there(mark: Path) -> None:
    """Write the mark."""
    mark.write_text(_digest(), encoding="ascii")


def _digest() -> str:
    """Return a digest of the facts and of the profiles, by which they are read."""
    found = hashlib.sha256(snapshot.shipped())
    for profile in sorted(PROFILES.glob("*.toml")):
        found.update(profile.read_bytes())
    return found.hexdigest()
