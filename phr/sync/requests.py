"""Asking for a sync: a Run that waits, and a Due row that says so. The broker is only a doorbell."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from phr.accounts.access import Sight
from phr.sources.models import Source
from phr.sync.models import Due, Run, Step


def request(
    *, sight: Sight, source_id: uuid.UUID, trigger: Run.Trigger, full: bool = False, now: datetime
) -> Run:
    """Ask for a sync of a source; one that waits or runs already is returned as it is. The Sight is open.

    The caller rings after its commit (`tasks.ring_for`); if nobody does, beat finds the Due row.
    """
    source = Source.objects.get(pk=source_id)
    try:
        with transaction.atomic():
            run = Run.objects.create(
                person_id=sight.person_id, source=source, trigger=trigger, full=full, created_at=now
            )
    except IntegrityError:
        # run_one_open: two that ask at once get one run.
        waiting = open_run(source_id=source_id)
        if waiting is None:
            raise
        run = waiting
    _due(source=source, due_at=now)
    return run


def open_run(*, source_id: uuid.UUID) -> Run | None:
    """Return the run of a source that waits or runs; the Sight is open."""
    return Run.objects.filter(source_id=source_id, state__in=[Run.State.QUEUED, Run.State.RUNNING]).first()


def _due(*, source: Source, due_at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO sync_due (source_id, person_id, portal_id, due_at, fence, failures)
               VALUES (%s, %s, %s, %s, 0, 0)
               ON CONFLICT (source_id) DO UPDATE SET due_at = least(sync_due.due_at, excluded.due_at), failures = 0""",
            [source.pk, source.person_id, source.portal_id, due_at],
        )


def withdraw(*, source_id: uuid.UUID) -> None:
    """Let the schedule forget a disconnected source, and whoever works it write nothing more; the Sight is open.

    The Due row stays, so that fences keep rising, and is written first: workers take their locks in this order.
    """
    Due.objects.filter(source_id=source_id).update(due_at=None, leased_until=None, fence=F("fence") + 1)
    run = open_run(source_id=source_id)
    if run is not None:
        over = {"reason": "disconnected", "finished_at": Now()}
        Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED, **over)
        Step.objects.filter(run=run, state__in=[Step.State.WAITING, Step.State.RUNNING]).update(
            state=Step.State.FAILED, checkpoint=None, **over
        )
