"""Who works a source right now: a lease on its Due row, with a fence that rises each time it changes hands.

Times are the database's, so that workers on several machines agree. A worker that was thought dead and comes back
(a zombie) holds a lower fence, and its transaction ends in `Fenced` before it writes anything.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

# Longer than the total deadline of one request, shorter than a person's patience with a killed worker.
SECONDS: Final = 45

_CLAIM: Final = """
    UPDATE sync_due SET leased_until = clock_timestamp() + make_interval(secs => %s), fence = fence + 1
    WHERE source_id = %s AND (leased_until IS NULL OR leased_until < clock_timestamp())
      AND due_at <= greatest(clock_timestamp(), %s)
    RETURNING person_id, portal_id, fence, failures
"""
_HOLD: Final = """
    UPDATE sync_due SET leased_until = clock_timestamp() + make_interval(secs => %s)
    WHERE source_id = %s AND fence = %s
"""
_RELEASE: Final = """
    UPDATE sync_due SET leased_until = NULL, due_at = %s, failures = %s, rung_at = NULL
    WHERE source_id = %s AND fence = %s
"""


class Fenced(Exception):  # noqa: N818 - what happened to us
    """Somebody else works this source by now: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work one source; `fence` tells it from every other holder's."""

    source_id: uuid.UUID
    person_id: uuid.UUID
    portal_id: int | None
    fence: int
    failures: int


def claim(*, source_id: uuid.UUID, now: datetime) -> Lease | None:
    """Take the source; None when somebody holds it, it is not there any more, or it is not due.

    A ring that comes twice, too early for a busy portal, or after everything is done, finds nothing to do.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [SECONDS, source_id, now])
        row = cursor.fetchone()
    if row is None:
        return None
    person_id, portal_id, fence, failures = row
    return Lease(source_id, person_id, portal_id, fence, failures)


def hold(lease: Lease) -> None:
    """Renew within the transaction that writes; raises Fenced, and that transaction must end."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [SECONDS, lease.source_id, lease.fence])
        if cursor.rowcount != 1:
            raise Fenced


def release(lease: Lease, *, due_at: datetime | None, failures: int) -> None:
    """Give the source back and say when it is due again (None: when somebody asks); a lost lease is left alone."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [due_at, failures, lease.source_id, lease.fence])
