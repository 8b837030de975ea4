"""Small truths about processes, ports and files that both launchers and the supervisor need."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
# Loaded here: between fork and exec nothing may allocate more than it must.
_LIBC: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if platform.system() == "Linux" else None


def dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that has Linux send ``number`` when the thread that started the child ends.

    None elsewhere: there the watchdog alone does it. Runs after the change of user, which would clear it.
    """
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def alive(pid: int) -> bool:
    """Whether a process with this id exists (a zombie, which nobody has waited for yet, does not count)."""
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return state.rpartition(")")[2].split()[0] not in {"Z", "X"}
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def wait_until(done: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Ask ``done`` until it says yes (True) or the time is over (False)."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = LOOPBACK) -> int:
    """Return a port that nobody listens on at this moment."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def last_line(log: Path) -> str:
    """Return the last line of a log that says something, shortened; for a sentence about a failed start."""
    with suppress(OSError):
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        said = [line for line in lines if line]
        if said:
            return said[-1][:200]
    return "nothing was logged"
