"""The files that the project is made of, as git knows them, and the ways to read them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every committed or staged file that is there, sorted."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def of(*suffixes: str, under: tuple[str, ...] = ()) -> list[Path]:
    """The tracked files that end so, below the given folders of the project (none: anywhere)."""
    return [
        path
        for path in tracked()
        if path.suffix in suffixes and (not under or path.relative_to(ROOT).as_posix().startswith(under))
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
