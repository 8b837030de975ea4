"""Whether the servers that the operator named answer, asked before anything waits for them.

The sentences name the variable and the place, never a user's password or a whole address.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from phr.core.environment import DatabaseAddress, WrongSetting

# Each try; together well below the ten seconds after which somebody at a terminal wonders.
_SECONDS = 4


def database(address: DatabaseAddress) -> None:
    """Connect to Postgres once and leave. Raises WrongSetting."""
    import psycopg  # noqa: PLC0415 - 50 ms that only those pay who have a server of their own

    try:
        psycopg.connect(address.url, connect_timeout=_SECONDS).close()
    except psycopg.Error as error:
        place = f"{address.host} port {address.port}" if "/" in address.host else _pair(address)
        raise WrongSetting(f"DATABASE_URL: Postgres at {place} cannot be used: {_reason(error)}.") from None


def broker(url: str) -> None:
    """Ask Redis or Valkey for a sign of life. Raises WrongSetting."""
    import redis  # noqa: PLC0415 - as above
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    parts = urlsplit(url)
    try:
        with redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except redis.RedisError as error:
        place = f"{parts.hostname}:{parts.port or 6379}"
        raise WrongSetting(f"REDIS_URL: the broker at {place} cannot be used: {_reason(error)}.") from None


def _pair(address: DatabaseAddress) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def _reason(error: Exception) -> str:
    """Return the last cause that a client names: ``Connection refused``, ``password authentication failed``."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    causes = [line for line in lines if "failed: " in line] or lines[:1]
    text = causes[-1].rpartition("failed: ")[2].strip()
    text = re.sub(r"FATAL:\s+|Error -?\d+ connecting to \S+\. |\[Errno -?\d+\] ", "", text)
    return text.rstrip(".")[:200]
