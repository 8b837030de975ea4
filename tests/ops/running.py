"""``manage.py`` in a process of its own, on a data folder of its own, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from phr.ops.embedded.processes import wait_until
from phr.ops.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0  # on a machine that runs other tests beside


def environ(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment of a user who set nothing but the data folder (and ``variables``)."""
    ours = re.compile(r"PHR_|DATABASE_URL|REDIS_URL|DJANGO_|PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not ours.match(name)}
    return {**kept, "PHR_DATA_DIR": str(data_dir), **variables}


def manage(data_dir: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environ(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )


def rings(variables: Mapping[str, str]) -> int:
    """How often the workers of a stack with this environment have rung since they started."""
    asked = subprocess.run(
        [
            sys.executable,
            "-m",
            "celery",
            "--app",
            "phr",
            "--quiet",
            "inspect",
            "--timeout",
            "5",
            "stats",
            "--json",
        ],
        cwd=ROOT,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    if asked.returncode:  # no worker answers, yet
        return 0
    found = json.loads(asked.stdout)
    return sum(int(worker["total"].get("phr.sync.tasks.ring", 0)) for worker in found.values())


class Up:
    """``manage.py up``, and everything that it started."""

    def __init__(self, data_dir: Path, *words: str, **variables: str) -> None:
        self.layout = Layout(data_dir)
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *words],
            cwd=ROOT,
            env=environ(data_dir, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._family: list[psutil.Process] = []

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            self._lines.extend(iter(said.readline, ""))

    @property
    def said(self) -> str:
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, words: str) -> None:
        """Wait until it has said this; fails with all it said when it ends or the time is over."""
        wait_until(lambda: words in self.said or self._process.poll() is not None, seconds=READY_SECONDS)
        if words not in self.said:
            self.kill()
            raise AssertionError(f"it never said {words!r}, but:\n{self.said}")
        self._family = psutil.Process(self.pid).children(recursive=True)

    def family(self) -> list[psutil.Process]:
        """Those of its processes that live."""
        if self._process.poll() is None:
            known = {process.pid for process in self._family}
            now = psutil.Process(self.pid).children(recursive=True)
            self._family += [process for process in now if process.pid not in known]
        return [process for process in self._family if _lives(process)]

    def child(self, *words: str) -> psutil.Process:
        """The direct child whose command line holds all these words."""
        for process in psutil.Process(self.pid).children():
            line = " ".join(process.cmdline())
            if all(word in line for word in words):
                return process
        raise AssertionError(f"no child with {words} among {self.family()}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = 45.0) -> int:
        """Wait for its end; returns the exit status."""
        status = self._process.wait(seconds)
        self._reader.join(5)
        return status

    def kill(self) -> None:
        """End it and all of its own, however the test left them."""
        if self._process.poll() is None:
            self.family()
            self._process.kill()
        self.wait()
        for process in self.family():
            # The watchdog may be quicker.
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
