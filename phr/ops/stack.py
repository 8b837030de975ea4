"""The parts of the embedded stack, in the order of their start: what each is, and how one knows that it is
ready.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phr.core import credentials, environment
from phr.ops.embedded.processes import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
MANAGE = (sys.executable, str(ROOT / "manage.py"))

# The demo's portals: three products that behave differently, known by the names of their profiles' files.
DEMO_PORTALS_FILE = "portals.json"
_WEB_THREADS = 6


def prepare_command() -> tuple[str, ...]:
    """Migrations and static files."""
    return (sys.executable, "-m", "phr.ops.prepare")


def web_command(port: int) -> tuple[str, ...]:
    """The web server."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--no-access-log"),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(_WEB_THREADS), "--workers-kill-timeout", "5"),
        "phr.wsgi:application",
    )


def worker_command(ready_file: Path) -> tuple[str, ...]:
    """The worker."""
    return (sys.executable, "-m", "phr.ops.worker", str(ready_file))


def beat_command(schedule: Path) -> tuple[str, ...]:
    """Beat, which rings for what is due; ``schedule``: the file it writes to every three minutes."""
    return (sys.executable, "-m", "phr.ops.beat", str(schedule))


def without_database(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that tells of no database."""
    # libpq reads a password from PGPASSWORD where an address has none.
    told = {"DATABASE_URL", "DATABASE_URL_FILE", "PGPASSWORD"}
    return {name: value for name, value in environ.items() if name not in told}


def as_application(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the application's role in place of the owner of the database.

    For every process that answers the web or reads what portals send. ``environ`` names database and secret
    key, each itself or by a file.
    """
    settings = environment.read(environ)
    assert settings.database is not None
    assert settings.secret_key is not None
    url = credentials.application_url(settings.database.url, secret_key=settings.secret_key)
    return {**without_database(environ), "DATABASE_URL": url}


def sandbox_command(*, announce: Path, state: Path, base_url: str) -> tuple[str, ...]:
    """The demo's sandbox portals."""
    return (
        *(*MANAGE, "sandbox", "--demo", "--announce", str(announce), "--state", str(state)),
        *("--redirect-uri", f"{base_url}/callback/{{vendor}}/"),
        # For trying the pasted way back: an address that nobody answers at.
        *("--redirect-uri", "https://phr.invalid/callback/{vendor}/"),
    )


def demo_command(portals: Path) -> tuple[str, ...]:
    """The seeding of the demo's person, registrations and connected sources."""
    return (*MANAGE, "seed_demo", str(portals))


def directory_command(mark: Path) -> tuple[str, ...]:
    """The facts that ship with the program, into the directory; ``mark``: the file that says that they are there."""
    return (*MANAGE, "refresh_directory", "--shipped", "--mark", str(mark))


def web_answers(*, port: int, base_url: str) -> bool:
    """Whether the web says that it is alive."""
    request = f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(base_url).netloc}\r\nConnection: close\r\n\r\n"
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=5) as connection:
        connection.sendall(request.encode())
        return connection.recv(64).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))
    return False


def announced(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the portals that a sandbox has announced: those of one JSON list; none as long as there is no
    file.
    """
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return tuple(found)
    return ()


def hosts(portals: tuple[dict[str, Any], ...]) -> frozenset[tuple[str, int]]:
    """Return where portals listen: what PHR_EGRESS_ALLOW must list for the program to reach them."""
    addresses = [urlsplit(str(portal["base_url"])) for portal in portals]
    return frozenset((address.hostname or "", address.port or 443) for address in addresses)


def pair(host: str, port: int) -> str:
    """Write one pair as PHR_EGRESS_ALLOW has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
