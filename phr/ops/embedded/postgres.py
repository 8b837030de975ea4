"""PostgreSQL from a pip wheel: initialise, start, stop, and the sentences for what can be wrong.

It listens on a unix socket in a private folder of the data (no port that others see), or on loopback where
that path would be longer than a socket's may be; a password (scram-sha-256) is asked for either way.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from phr.core.environment import DatabaseAddress
from phr.ops.embedded import account as accounts
from phr.ops.embedded.binaries import POSTGRES_MAJOR, postgres_install
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.processes import (
    LOOPBACK,
    alive,
    dies_with_parent,
    free_port,
    last_line,
    port_is_free,
    wait_until,
    write_private,
)

OWNER = "phr_owner"
DATABASE = "phr"
_SOCKET_PORT = 5432
_SOCKET_PATH_MAX = 103  # bytes of sockaddr_un.sun_path on macOS; Linux has 107
_START_SECONDS = 60.0  # crash recovery replays at most max_wal_size
_STOP_SECONDS = 30.0
_SURVIVORS_SECONDS = 5.0
_ATTEMPTS = 3  # a port that was free may be taken before the server has it

# For one small server: some 200 MB with everything else beside it.
_SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # A failing statement and its DETAIL line may quote somebody's record.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "io_method": "sync",
}


class Postgres:
    """One embedded server; ``data_dir`` holds its files, or a pointer to where they had to go.

    ``port`` None: a unix socket if its path is short enough, else any free loopback port. ``durable`` False
    is for tests: faster, and a crash of the machine loses data. ``log`` None: ``server.log`` beside the data.
    """

    def __init__(
        self, data_dir: Path, port: int | None = None, *, durable: bool = True, log: Path | None = None
    ) -> None:
        self._asked, self._port, self._durable = data_dir.absolute(), port, durable
        self._home: Path | None = None
        self._account: accounts.Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log = log

    def initialise(self) -> None:
        """Make the data directory once; afterwards only check that this program can use it.

        Raises EmbeddedError: wrong major version, no room, no account to run as.
        """
        if self._cluster.is_dir():
            self._check_version()
            return
        # Made beside and renamed: an interrupted initdb leaves nothing that looks like data.
        partial = self._folder / "cluster.partial"
        shutil.rmtree(partial, ignore_errors=True)
        password = self._folder / "password"
        write_private(password, secrets.token_urlsafe(32))
        self._owner.own(password)
        command = [
            self._program("initdb"),
            f"--pgdata={partial}",
            f"--username={OWNER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            # Ours and not the system's: the same order and case rules on every machine, after every upgrade.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
        ]
        if not self._durable:
            command.append("--no-sync")
        done = subprocess.run(command, capture_output=True, check=False, **self._options())
        if done.returncode:
            shutil.rmtree(partial, ignore_errors=True)
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise EmbeddedError(f"The database could not be made in {self._folder}: {said[-1][:200]}")
        partial.rename(self._cluster)

    def start(self, *, orphan: bool | Callable[[int], None] = False) -> None:
        """Start and wait until it takes connections; the database exists then.

        ``orphan``: the server outlives this process, and somebody else will stop it; a function is told its
        pid the moment that there is one. Raises EmbeddedError when it is running already, does not become
        ready, or the port is taken.
        """
        self.initialise()
        pid = self.pid()
        if pid is not None:
            raise EmbeddedError(f"Postgres is running already on {self._folder} (pid {pid}).")
        self._clear_stale_locks()
        if self._port is not None and not port_is_free(self._port):
            raise EmbeddedError(f"Port {self._port} is taken: choose another for Postgres.")
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or (free_port() if self._socket_folder() is None else _SOCKET_PORT)
            if self._launch(port, orphan=orphan):
                if orphan:
                    self._let_go()
                break
            if attempt == _ATTEMPTS or self._port is not None or port == _SOCKET_PORT:
                raise EmbeddedError(f"Postgres did not start; its log {self.log} ends: {last_line(self.log)}")
        self._ensure_database()

    def stop(self) -> None:
        """Stop at once but orderly: sessions are ended, everything is written. Nothing running is no
        error.
        """
        pid = self._process.pid if self._process else self.pid()
        if pid is None or not self._signal(pid, signal.SIGINT):
            self._process = None
            return
        if not wait_until(lambda: self._gone(pid), seconds=_STOP_SECONDS):
            self._signal(pid, signal.SIGQUIT)  # without a checkpoint; the next start recovers
            if not wait_until(lambda: self._gone(pid), seconds=5):
                raise EmbeddedError(f"Postgres (pid {pid}) does not stop; see {self.log}.")
        self._process = None

    def destroy(self) -> None:
        """Stop, and remove every file of it."""
        self.stop()
        accounts.forget(self._asked)

    def running(self) -> bool:
        """Whether it takes connections."""
        return self.pid() is not None and self._status() == "ready"

    def poll(self) -> int | None:
        """Return the exit status of the server that we started, None while it runs."""
        return self._process.poll() if self._process else 0

    def pid(self) -> int | None:
        """Return the id of the live server of this data directory, whoever started it."""
        lines = self._pid_lines()
        if not lines or not lines[0].isdecimal():
            return None
        pid = int(lines[0])
        return pid if alive(pid) and self._is_postgres(pid) else None

    @property
    def url(self) -> str:
        """The address for the superuser ``phr_owner``, password included; known once it has been started."""
        return self._address(DATABASE).url

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self._log or self._folder / "server.log"

    @property
    def pid_file(self) -> Path:
        """Where the server writes its pid and its state."""
        return self._cluster / "postmaster.pid"

    @property
    def folder(self) -> Path:
        """Where the files really are."""
        return self._folder

    # -- where and who

    @property
    def _folder(self) -> Path:
        if self._home is None:
            self._home, self._account = accounts.home(self._asked)
        return self._home

    @property
    def _owner(self) -> accounts.Account:
        _ = self._folder
        assert self._account is not None
        return self._account

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    def _program(self, name: str) -> str:
        install, folders = postgres_install()
        return str(accounts.reachable(install / "bin" / name, folders, self._owner))

    def _options(self) -> dict[str, Any]:
        # A clean environment: PGPORT, PGDATA, LC_ALL of the caller are none of its business.
        environ = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return {**self._owner.popen_options(), "cwd": str(self._folder), "env": environ}

    def _socket_folder(self) -> Path | None:
        folder = self._folder / "socket"
        name = folder / f".s.PGSQL.{_SOCKET_PORT}.lock"
        return folder if len(os.fsencode(name)) <= _SOCKET_PATH_MAX and self._port is None else None

    # -- starting

    def _launch(self, port: int, *, orphan: bool | Callable[[int], None]) -> bool:
        settings = {**_SETTINGS, **(_DURABLE if self._durable else _FORGETFUL), "port": str(port)}
        folder = self._socket_folder()
        if folder is None:
            settings |= {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}
        else:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._owner.own(folder)
            settings |= {"listen_addresses": "", "unix_socket_directories": str(folder)}
        command = [self._program("postgres"), "-D", str(self._cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if orphan else dies_with_parent(signal.SIGINT),  # noqa: PLW1509 - see there
                **self._options(),
            )
        process = self._process
        if callable(orphan):
            orphan(process.pid)
        wait_until(
            lambda: process.poll() is not None or self._ready_as(process.pid),
            seconds=_START_SECONDS,
            every=0.01,
        )
        if self._ready_as(process.pid):
            return True
        self.stop()
        return False

    def _let_go(self) -> None:
        assert self._process is not None
        # Not ours to wait for; `subprocess` would warn of a child that it believes it lost.
        self._process.returncode = 0
        self._process = None

    def _ready_as(self, pid: int) -> bool:
        lines = self._pid_lines()
        return bool(lines) and lines[0] == str(pid) and self._status() == "ready"

    def _ensure_database(self) -> None:
        import psycopg  # noqa: PLC0415 - 50 ms that only a start should pay

        with psycopg.connect(self._address("postgres").url, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute("CREATE DATABASE phr")

    def _address(self, database: str) -> DatabaseAddress:
        lines = self._pid_lines()
        socket_folder = self._socket_folder()
        # Lines of postmaster.pid: pid, data directory, start time, port, socket folder, address, shared
        # memory.
        port = int(lines[3]) if len(lines) > 3 and lines[3].isdecimal() else self._port or _SOCKET_PORT
        password = (self._folder / "password").read_text(encoding="utf-8").strip()
        return DatabaseAddress(
            host=LOOPBACK if socket_folder is None else str(socket_folder),
            port=port,
            name=database,
            user=OWNER,
            password=password,
        )

    # -- what a former run left

    def _check_version(self) -> None:
        with suppress(OSError):
            found = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
            if found == str(POSTGRES_MAJOR):
                return
            raise EmbeddedError(
                f"The data in {self._folder} were made by PostgreSQL {found}, and this version brings "
                f"{POSTGRES_MAJOR}: back up with the version that made them, then restore here."
            )
        raise EmbeddedError(f"{self._cluster} is not a database: move it away, or restore a backup over it.")

    def _pid_lines(self) -> list[str]:
        with suppress(OSError):
            text = self.pid_file.read_text(encoding="utf-8", errors="replace")
            return [line.strip() for line in text.splitlines()]
        return []

    def _status(self) -> str:
        lines = self._pid_lines()
        return lines[7] if len(lines) > 7 else ""

    def _clear_stale_locks(self) -> None:
        """Remove the pid files of a crashed run: their number may be another program's by now.

        Postgres itself trusts a number that is alive and refuses to start. A backend that outlives its
        postmaster still works in the data folder: then we wait a little, and refuse too.
        """
        if self._process is not None:
            self._process.poll()  # a zombie of ours would count as alive
        if not self._pid_lines():
            return
        if not wait_until(lambda: not self._survivors(), seconds=_SURVIVORS_SECONDS, every=0.1):
            raise EmbeddedError(
                f"A process of a former Postgres (pid {self._survivors()[0]}) still works in {self._folder}: "
                "wait for it, or end it."
            )
        self.pid_file.unlink(missing_ok=True)
        for left in (self._folder / "socket").glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _survivors(self) -> list[int]:
        import psutil  # noqa: PLC0415 - only after a crash

        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if "postgres" in process.name() and Path(process.cwd()).resolve() == self._cluster.resolve():
                    found.append(process.pid)
        return found

    def _is_postgres(self, pid: int) -> bool:
        if self._process and self._process.pid == pid:
            return True
        import psutil  # noqa: PLC0415 - only for a server that we did not start

        with suppress(psutil.Error, OSError):
            words = psutil.Process(pid).cmdline()
            return bool(words) and "postgres" in Path(words[0]).name and str(self._cluster) in words
        return False

    def _signal(self, pid: int, number: signal.Signals) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def _gone(self, pid: int) -> bool:
        if self._process and self._process.pid == pid:
            return self._process.poll() is not None
        return not alive(pid)
