"""What a ConnectAttempt is bound to, as digests."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Final

from phr.sources.models import ConnectAttempt

# SMART asks for a short life; people look for a forgotten password within ten minutes, or begin again.
LIFETIME: Final = timedelta(minutes=10)
# Kept for a day after that, so that a late callback is told that it is late.
KEPT: Final = timedelta(days=1)


def digest(text: str) -> bytes:
    """Return the SHA-256 under which a state or a session key is kept: both are random, so a plain hash will
    do.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_of(*, attempt: ConnectAttempt, session_key: str) -> bool:
    """Say whether a journey was begun in this session."""
    return hmac.compare_digest(bytes(attempt.session_digest), digest(session_key))
