"""Ends the children of a supervisor that died without doing so itself, on every system.

Started as a script with no packages. Standard input is a pipe from the supervisor: ``+ PID SIGNAL SCOPE``
for each child that it starts (scope ``group`` or ``alone``), ``- PID`` for each that has ended. When the
pipe closes, whatever is left is asked to end in the reverse order of its start, then made to.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

_ASK_SECONDS = 8.0


def watch(lines: Iterable[str]) -> None:
    """Read the supervisor's lines until they end, then end what is left."""
    children: dict[int, tuple[int, bool]] = {}
    for line in lines:
        words = line.split()
        if words[0] == "+":
            children[int(words[1])] = (int(words[2]), words[3] == "group")
        else:
            children.pop(int(words[1]), None)
    left = list(reversed(children.items()))
    for pid, (number, group) in left:
        _send(pid, number, group=group)
    end = time.monotonic() + _ASK_SECONDS
    while left and time.monotonic() < end:
        left = [(pid, how) for pid, how in left if _send(pid, 0, group=how[1])]
        time.sleep(0.05)
    for pid, (_, group) in left:
        # A Postgres that is killed cannot tell its sessions; SIGQUIT ends it at once and safely.
        _send(pid, signal.SIGKILL if group else signal.SIGQUIT, group=group)


def _send(pid: int, number: int, *, group: bool) -> bool:
    """Send a signal (0: only ask); False when there is nobody any more."""
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    watch(sys.stdin)
