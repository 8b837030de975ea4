"""Stops an embedded Postgres once the last command that used it has gone, even if that one was killed.

Started as a script with no packages (so that it costs milliseconds): LOCK PIDFILE PID. Every user of the
server holds LOCK shared; the kernel frees what a killed process held; when we get it exclusively, nobody is
left.
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
    try:
        first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        if first.strip() != str(pid):
            return False
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    keep(lock=sys.argv[1], pid_file=sys.argv[2], pid=int(sys.argv[3]))
