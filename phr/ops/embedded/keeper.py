"""Stops an embedded Postgres once the last command that used it has gone, even if that one was killed.

Started as a script with no packages (so that it costs milliseconds) before the server is: LOCK and PIDFILE as
arguments, the server's pid as one line of standard input. Every user of the server holds LOCK shared; the kernel
frees what a killed process held; when we get it exclusively, nobody is left.
"""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

_PATIENCE_SECONDS = 30.0


def keep(*, lock: str, pid_file: str, pid: int) -> None:
    """Wait for the last user, then stop the server ``pid`` if it still is the one of ``pid_file``."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    end = time.monotonic() + _PATIENCE_SECONDS
    asked = False
    while _serves(Path(pid_file), pid) and time.monotonic() < end:
        if not asked:
            os.kill(pid, signal.SIGINT)
            asked = True
        time.sleep(0.02)


def _serves(pid_file: Path, pid: int) -> bool:
    """Whether ``pid`` lives and is that server: one that just starts has written no file yet."""
    try:
        os.kill(pid, 0)
        words = Path(f"/proc/{pid}/cmdline")
        if words.exists() and b"postgres" not in words.read_bytes():
            return False  # another program has got the number since (or it is a zombie)
        first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return first.strip() in {"", str(pid)}


if __name__ == "__main__":
    line = sys.stdin.readline().strip()
    if line.isdecimal():
        keep(lock=sys.argv[1], pid_file=sys.argv[2], pid=int(line))
