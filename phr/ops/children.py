"""One child process of the supervisor: its own group, its own log, and an end that leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from phr.ops import watchdog
from phr.ops.embedded.processes import dies_with_parent, wait_until

_KILL_SECONDS = 5.0


class Watchdog:
    """The process that ends our children should we be killed; see ``watchdog``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=Path(os.sep),
            text=True,
        )

    def started(self, pid: int, *, ends_on: signal.Signals, group: bool) -> None:
        self._tell(f"+ {pid} {int(ends_on)} {'group' if group else 'alone'}")

    def ended(self, pid: int) -> None:
        self._tell(f"- {pid}")

    def close(self) -> None:
        """Let it go; it ends whatever it still knows of."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # a watchdog that was killed is no reason to stop
            print(line, file=self._process.stdin, flush=True)


class Child:
    """A program that runs beside us; start it again after it died, stop it with its whole group."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, watchdog: Watchdog) -> None:
        self.name, self.log = name, log
        self._command, self._watchdog = tuple(command), watchdog
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environ: Mapping[str, str]) -> None:
        """Start it; does not wait for anything."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop in order
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - see there
            )
        self._watchdog.started(self._process.pid, ends_on=signal.SIGTERM, group=True)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Return its exit status, None while it runs; 0 when it was never started."""
        return self._process.poll() if self._process else 0

    def ask_to_stop(self) -> None:
        """Send SIGTERM to it; its own children are its business as long as it lives."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it ends within this time."""
        return wait_until(lambda: self.poll() is not None, seconds=seconds)

    def end(self) -> None:
        """Kill what is left of it and of its group."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_KILL_SECONDS)
        self._watchdog.ended(process.pid)
