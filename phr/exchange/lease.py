"""Who works a connection right now: a lease on its ExportDue row, with a fence, as sync.lease is for a source."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

# Longer than a file's sender may stay silent (connectors.fhir.bulk_client), or its reader would lose the lease for it.
SECONDS: Final = 120

_ASK: Final = """
    INSERT INTO exchange_exportdue (connection_id, due_at, fence, failures) VALUES (%s, %s, 0, 0)
    ON CONFLICT (connection_id) DO UPDATE
    SET due_at = least(exchange_exportdue.due_at, excluded.due_at), rung_at = NULL, failures = 0
"""
_CLAIM: Final = """
    UPDATE exchange_exportdue
    SET leased_until = clock_timestamp() + make_interval(secs => %s), fence = fence + 1
    WHERE connection_id = %s AND (leased_until IS NULL OR leased_until < clock_timestamp())
      AND due_at <= greatest(clock_timestamp(), %s)
    RETURNING fence, failures, due_at
"""
_HOLD: Final = """
    UPDATE exchange_exportdue SET leased_until = clock_timestamp() + make_interval(secs => %s)
    WHERE connection_id = %s AND fence = %s
"""
# Somebody who asked while we worked is not forgotten: their due time stays.
_RELEASE: Final = """
    UPDATE exchange_exportdue SET leased_until = NULL, failures = %s, rung_at = NULL,
        due_at = CASE WHEN due_at IS DISTINCT FROM %s THEN least(due_at, %s) ELSE %s END
    WHERE connection_id = %s AND fence = %s
"""


class Fenced(Exception):  # noqa: N818 - what happened to us
    """Somebody else works this connection by now: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work one connection; `due_at` is what it was due for."""

    connection_id: uuid.UUID
    fence: int
    failures: int
    due_at: datetime


def ask(*, connection_id: uuid.UUID, due_at: datetime) -> None:
    """Say that a connection wants a worker from then on."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [connection_id, due_at])


def claim(*, connection_id: uuid.UUID, now: datetime) -> Lease | None:
    """Take a connection; None when somebody holds it, or it is not due."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [SECONDS, connection_id, now])
        row = cursor.fetchone()
    return None if row is None else Lease(connection_id, *row)


def hold(lease: Lease) -> None:
    """Renew within the transaction that writes; raises Fenced, and that transaction must end."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [SECONDS, lease.connection_id, lease.fence])
        if cursor.rowcount != 1:
            raise Fenced


def release(lease: Lease, *, due_at: datetime | None, failures: int = 0) -> None:
    """Give the connection back and say when it is due again (None: when somebody asks)."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [failures, lease.due_at, due_at, due_at, lease.connection_id, lease.fence])
