"""Beat of the embedded stack: rings for what is due, and is a child of the supervisor's own.

Celery's, without Django's models beneath it: it sends names of tasks and never runs one, in half the memory.
"""

from __future__ import annotations

import sys

from celery import Celery
from celery.apps.beat import Beat


def main(schedule: str) -> None:
    """Ring until told to stop; ``schedule``: the file that is written to every three minutes."""
    app = Celery("phr", fixups=[])
    app.config_from_object("phr.settings", namespace="CELERY")
    Beat(app=app, schedule=schedule, loglevel="WARNING", quiet=True).run()


if __name__ == "__main__":
    main(sys.argv[1])
