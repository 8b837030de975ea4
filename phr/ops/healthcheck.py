"""Whether the container's one process does its work: ``python -m phr.ops.healthcheck web|beat``.

Loads neither Django nor Celery: it runs every few seconds. (The worker is asked with ``celery inspect
ping``.)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from phr.core import environment
from phr.ops import stack

WEB_PORT = 8000
BEAT_SCHEDULE = Path("/tmp/beat-schedule")  # noqa: S108 - a tmpfs of the container's own
# Beat writes its schedule down every three minutes; three missed ones are a beat that hangs.
BEAT_SECONDS = 600.0


def main(part: str) -> int:
    """Return 0 when ``part`` is well, 1 when not, 2 for a part that there is not."""
    if part == "web":
        return 0 if stack.web_answers(port=WEB_PORT, base_url=environment.read().base_url) else 1
    if part == "beat":
        return 0 if beat_is_well(BEAT_SCHEDULE, now=time.time()) else 1
    print("usage: python -m phr.ops.healthcheck web|beat", file=sys.stderr)
    return 2


def beat_is_well(schedule: Path, *, now: float) -> bool:
    """Whether beat wrote its schedule lately; ``now`` in seconds since the epoch."""
    # The database beneath may add an ending of its own (.db, .dat and .dir).
    written = [file.stat().st_mtime for file in schedule.parent.glob(f"{schedule.name}*")]
    return bool(written) and now - max(written) < BEAT_SECONDS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
