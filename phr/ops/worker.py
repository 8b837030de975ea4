"""The worker of the embedded stack: Celery's own, with beat in it, saying when it takes work.

Containers run ``celery -A phr worker`` and ``celery -A phr beat`` apart; this is for one machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from celery.signals import worker_ready

from phr.celery import app
from phr.core import environment


def main(ready_file: Path) -> None:
    """Work until told to stop; ``ready_file`` appears once the queue is being read."""

    def announce(**_: object) -> None:
        ready_file.touch()

    worker_ready.connect(announce, weak=False)
    schedule = environment.read().data_dir / "beat-schedule"
    app.worker_main(
        [
            "worker",
            "--beat",
            f"--schedule={schedule}",
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
