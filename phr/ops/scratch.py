"""A demo of its own in a folder that is thrown away: for pictures, which must show the same people every time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from phr.ops import runtime
from phr.ops.embedded import account
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.processes import free_port, last_line, wait_until
from phr.ops.layout import Layout
from phr.ops.stack import MANAGE, ROOT

_READY_SECONDS: Final = 240.0
_END_SECONDS: Final = 45.0
# Another server's addresses and keys must not reach into this one.
_OURS: Final = ("PHR_", "DATABASE_URL", "REDIS_URL", "DJANGO_")


@contextmanager
def demo() -> Iterator[str]:
    """Run ``manage.py up --demo`` on a free port, yield its address, and leave nothing behind.

    Raises EmbeddedError when it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="phr-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the servers run as another account, which must pass through
        layout = Layout(folder / "var")
        log = folder / "up.log"
        environ = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        with log.open("w") as said:
            process = subprocess.Popen(
                [*MANAGE, "up", "--demo", "--port", str(free_port())],
                cwd=ROOT,
                env={**environ, "PHR_DATA_DIR": str(layout.data_dir)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(
                lambda: process.poll() is not None or runtime.read(layout) is not None,
                seconds=_READY_SECONDS,
                every=0.2,
            )
            running = runtime.read(layout)
            if running is None:
                raise EmbeddedError(f"The demo did not come up: {last_line(log)}")
            yield running.url
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                print("The demo did not stop by itself; it is ended.", file=sys.stderr)
                process.kill()
                process.wait()
            account.forget(layout.postgres)
