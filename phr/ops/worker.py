"""The worker of the embedded stack: Celery's own, saying when it takes work.

Beat is no part of it: a worker does not notice the death of a beat that it carries.
"""

from __future__ import annotations

import sys
from pathlib import Path

from celery.signals import worker_ready

from phr.celery import app


def main(ready_file: Path) -> None:
    """Work until told to stop; ``ready_file`` appears once the queue is being read."""

    def announce(**_: object) -> None:
        ready_file.touch()

    worker_ready.connect(announce, weak=False)
    app.worker_main(
        [
            "worker",
            "--loglevel=INFO",
            "--concurrency=2",
            # One worker has nobody to gossip with; each of these is traffic for nothing.
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
