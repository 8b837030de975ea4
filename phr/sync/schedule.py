"""When a source is due again (PURE)."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Final

# A portal learns little between two nights, and a person who waits for a result asks by hand.
INTERVAL: Final = timedelta(hours=12)
_FIRST_BACK_OFF: Final = timedelta(seconds=5)
_LONGEST_BACK_OFF: Final = timedelta(hours=6)
# Spread over a sixth of the interval, so that sources connected together do not ring together for ever.
_JITTER: Final = 6


def after_success(*, source_id: uuid.UUID, now: datetime) -> datetime:
    """Return the next due time, with a jitter that is the source's own."""
    share = int.from_bytes(hashlib.sha256(source_id.bytes).digest()[:4]) / 2**32
    jitter = INTERVAL.total_seconds() / _JITTER * share
    due_at: datetime = now + INTERVAL + timedelta(seconds=jitter)
    return due_at


def after_failure(*, failures: int, asked: float | None, now: datetime) -> datetime:
    """Return when to try again: what the portal asked for in seconds, else doubling from five seconds to six hours.

    ``failures`` counts those in a row, this one included.
    """
    back_off = min(_FIRST_BACK_OFF * (1 << min(failures - 1, 20)), _LONGEST_BACK_OFF)
    if asked is not None:
        back_off = max(back_off, min(timedelta(seconds=asked), _LONGEST_BACK_OFF))
    return now + back_off
