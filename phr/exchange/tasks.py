"""Celery tasks of exports: thin, with ids for arguments. Each one is safe to lose and safe to run twice."""

from __future__ import annotations

import uuid
from typing import Final

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from phr.core.network import egress
from phr.exchange import session

_RING_AGAIN_SECONDS: Final = 30
_RINGS: Final = 100

_DUE: Final = """
    UPDATE exchange_exportdue SET rung_at = clock_timestamp() WHERE connection_id IN (
        SELECT connection_id FROM exchange_exportdue
        WHERE due_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until < clock_timestamp())
          AND (rung_at IS NULL OR rung_at < clock_timestamp() - make_interval(secs => %s))
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING connection_id
"""


@shared_task
def ring_exports() -> int:
    """Ring for every connection that is due and that nobody works; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE, [_RING_AGAIN_SECONDS, _RINGS])
        ids = [row[0] for row in cursor.fetchall()]
    for connection_id in ids:
        work_export.delay(connection_id=str(connection_id))
    return len(ids)


@shared_task
def work_export(*, connection_id: str) -> str:
    """Work one connection for half a minute at most."""
    outcome = session.work(connection_id=uuid.UUID(connection_id), egress=egress(), clock=timezone.now)
    if outcome is session.Outcome.AGAIN:
        work_export.delay(connection_id=connection_id)
    return outcome


def ring_for_export(*, connection_id: uuid.UUID) -> None:
    """Ring for one connection once the transaction that asked for it is committed; beat rings where this does not."""
    transaction.on_commit(lambda: work_export.delay(connection_id=str(connection_id)), robust=True)
