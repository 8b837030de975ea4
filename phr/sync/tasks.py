"""Celery tasks: thin, with ids for arguments. Each one is safe to lose and safe to run twice."""

from __future__ import annotations

import logging
import uuid
from typing import Final

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from phr.core.network import egress
from phr.sync.pipeline import session

log = logging.getLogger(__name__)

# A ring that nobody answered is repeated after this: the broker may have lost it.
_RING_AGAIN_SECONDS: Final = 30
_RINGS: Final = 500

_DUE: Final = """
    UPDATE sync_due SET rung_at = clock_timestamp() WHERE source_id IN (
        SELECT source_id FROM sync_due
        WHERE due_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until < clock_timestamp())
          AND (rung_at IS NULL OR rung_at < clock_timestamp() - make_interval(secs => %s))
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING source_id
"""


@shared_task
def ring() -> int:
    """Ring for every source that is due and that nobody works; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE, [_RING_AGAIN_SECONDS, _RINGS])
        source_ids = [row[0] for row in cursor.fetchall()]
    for source_id in source_ids:
        work.delay(source_id=str(source_id))
    return len(source_ids)


@shared_task
def work(*, source_id: str) -> str:
    """Work one source for half a minute at most."""
    outcome = session.work(source_id=uuid.UUID(source_id), egress=egress(), clock=timezone.now)
    if outcome is session.Outcome.AGAIN:
        work.delay(source_id=source_id)
    return outcome


def ring_for(*, source_id: uuid.UUID) -> None:
    """Ring for one source once the transaction that asked for it is committed.

    A broker that is down fails nobody's request: the Due row is written, and beat rings later.
    """
    transaction.on_commit(lambda: work.delay(source_id=str(source_id)), robust=True)
