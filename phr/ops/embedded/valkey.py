"""Valkey from a pip wheel: the broker, which is a doorbell. It writes nothing to disk and may be lost at
any time.

It listens on loopback with a generated password: the one form of address (``redis://``) that the broker
library, the client library and every tool read alike.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from phr.ops.embedded import account as accounts
from phr.ops.embedded.binaries import valkey_server
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.processes import (
    LOOPBACK,
    dies_with_parent,
    free_port,
    last_line,
    port_is_free,
    wait_until,
)

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_ATTEMPTS = 3  # a port that was free may be taken before the server has it
_CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
appendonly no
save ""
maxmemory 64mb
maxmemory-policy noeviction
databases 4
daemonize no
loglevel notice
logfile ""
dir {folder}
enable-debug-command no
enable-module-command no
"""


class Valkey:
    """One embedded broker; ``data_dir`` is its working folder. ``port`` None: any free one on loopback."""

    def __init__(self, data_dir: Path, port: int | None = None, *, log: Path | None = None) -> None:
        self._asked, self._asked_port, self._log = data_dir.absolute(), port, log
        self._port = 0
        self._was_ready = False
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers; once started, its address stays the same over restarts.

        Raises EmbeddedError when the port is taken or the server does not become ready.
        """
        if self._process and self._process.poll() is None:
            raise EmbeddedError(f"Valkey is running already (pid {self._process.pid}).")
        if self._asked_port is not None and not port_is_free(self._asked_port):
            raise EmbeddedError(f"Port {self._asked_port} is taken: choose another for Valkey.")
        self._password = self._password or secrets.token_urlsafe(32)
        for _ in range(_ATTEMPTS):
            self._port = self._port if self._was_ready else self._asked_port or free_port()
            if self._launch():
                self._was_ready = True
                return
            self.stop()
        raise EmbeddedError(f"Valkey did not start; its log {self.log} ends: {last_line(self.log)}")

    def stop(self) -> None:
        """Stop it; nothing running is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)

    def destroy(self) -> None:
        """Stop, and remove its folder."""
        self.stop()
        accounts.forget(self._asked)

    def running(self) -> bool:
        """Whether it answers to its password."""
        with suppress(OSError), socket.create_connection((LOOPBACK, self._port), timeout=1) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\n") < 2 and (part := connection.recv(256)):
                answer += part
            return answer == b"+OK\r\n+PONG\r\n"
        return False

    def poll(self) -> int | None:
        """Return the exit status of the server that we started, None while it runs."""
        return self._process.poll() if self._process else 0

    def pid(self) -> int | None:
        """Return the id of the server that we started, while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def url(self) -> str:
        """Its address, password included; known once it has been started."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self._log or accounts.home(self._asked)[0] / "server.log"

    def _launch(self) -> bool:
        folder, owner = accounts.home(self._asked)
        program = valkey_server()
        server = accounts.reachable(program, (program.parent,), owner)
        # By standard input: the password stands in no file and in no list of processes.
        configuration = _CONFIGURATION.format(
            host=LOOPBACK, port=self._port, password=self._password, folder=f'"{folder}"'
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(server), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - see there
                cwd=folder,
                env={"LC_ALL": "C", "TZ": "UTC"},
                **owner.popen_options(),
            )
        process = self._process
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(configuration.encode())
        wait_until(lambda: process.poll() is not None or self.running(), seconds=_START_SECONDS)
        return process.poll() is None and self.running()
