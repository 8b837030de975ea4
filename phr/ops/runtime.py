"""The running stack as other commands find it, and a database for those that run without one.

``run.json`` (mode 0600) is written by ``manage.py up`` and believed only while ``up.lock`` is held.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from phr.core import environment
from phr.ops import keyfiles, reachable
from phr.ops.embedded import keeper
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.postgres import Postgres
from phr.ops.embedded.processes import wait_until, write_private
from phr.ops.layout import Layout
from phr.ops.locks import Lock

_STACK_SECONDS = 90.0  # a first start migrates


@dataclass(frozen=True, slots=True)
class Running:
    """What ``up`` tells other commands: the variables to use, and where people and portals are."""

    pid: int
    url: str
    environment: Mapping[str, str] = field(repr=False)
    portals: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def write(self, layout: Layout) -> None:
        write_private(layout.run_file, json.dumps(asdict(self), indent=1) + "\n")


def read(layout: Layout) -> Running | None:
    """Return the running stack of this data folder, None when none is up (or not yet)."""
    if Lock(layout.stack_lock).is_free():
        return None
    try:
        found = json.loads(layout.run_file.read_text(encoding="utf-8"))
        return Running(
            pid=found["pid"],
            url=found["url"],
            environment=found["environment"],
            portals=tuple(found["portals"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def prepare(environ: MutableMapping[str, str]) -> Callable[[], None]:
    """Fill ``environ`` with the keys and the database that it does not name; call the returned function at
    the end.

    Raises WrongSetting or EmbeddedError, each with one sentence.
    """
    settings = environment.read(environ)
    layout = Layout(settings.data_dir)
    embedded = settings.database is None
    if embedded:
        layout.make()
    environ.update(keyfiles.ensure(layout=layout, environ=environ, may_make=embedded))
    if settings.database is not None:
        reachable.database(settings.database)
        return lambda: None
    variables, stop = ensure_database(layout)
    for name, value in variables.items():
        if not environ.get(name) and not environ.get(f"{name}_FILE"):
            environ[name] = value
    return stop


def ensure_database(layout: Layout) -> tuple[Mapping[str, str], Callable[[], None]]:
    """Return the variables of the running stack, or of a Postgres started for as long as somebody uses it.

    The second of the pair gives it back: the last user stops it. Raises EmbeddedError.
    """
    stack = Lock(layout.stack_lock)
    if not stack.is_free():
        wait_until(lambda: stack.is_free() or read(layout) is not None, seconds=_STACK_SECONDS, every=0.1)
        running = read(layout)
        if running is not None:
            return running.environment, lambda: None
        if not stack.is_free():
            raise EmbeddedError(
                f"The stack of {layout.data_dir} (pid {stack.signed().strip()}) has been starting for "
                f"more than {_STACK_SECONDS:.0f} s: see {layout.logs}."
            )
    use = Lock(layout.users_lock)
    use.take(shared=True, wait=True)
    postgres = Postgres(layout.postgres, log=layout.logs / "postgres.log")
    try:
        with Lock(layout.start_lock):
            if not postgres.running():
                postgres.stop()  # one that is half way up or down
                postgres.start(orphan=_start_keeper(layout, postgres))
    except BaseException:
        use.release()
        raise

    def give_back() -> None:
        use.release()
        last = Lock(layout.users_lock)
        if last.take():
            postgres.stop()
            last.release()

    return {"DATABASE_URL": postgres.url}, give_back


def _start_keeper(layout: Layout, postgres: Postgres) -> Callable[[int], None]:
    """Start the process that stops the server after its last user; returns how to tell it the server's pid."""
    waiting = [_keeper(layout, postgres)]

    def tell(pid: int) -> None:
        # A second attempt, on another port, is another server.
        process = waiting.pop() if waiting else _keeper(layout, postgres)
        assert process.stdin is not None
        with process.stdin as line:
            line.write(f"{pid}\n")

    return tell


def _keeper(layout: Layout, postgres: Postgres) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, str(layout.users_lock), str(postgres.pid_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=Path(os.sep),
        text=True,
    )
    process.returncode = 0  # not ours to wait for: it outlives us whenever somebody else uses the server
    return process
