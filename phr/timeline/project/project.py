"""The projection of a person's resources, in batches, each in the caller's transaction under a lock a person."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import connection

from phr.accounts.access import Sight
from phr.timeline.project import facts, reading

# Resources read in one transaction: large enough that the merge of what they touch is shared, small enough that
# a lock on the person is short.
BATCH: Final = 1000


def project(*, sight: Sight, source_id: uuid.UUID | None = None, batch: int = BATCH) -> int:
    """Read up to ``batch`` due resources into events and facts; return how many are still due.

    The Sight is open; the lock on the person is held until its transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(sight.person_id)])
    touched = reading.read_due(sight=sight, source_id=source_id, limit=batch)
    if touched:
        facts.merge_touched(sight=sight, touched=touched)
    return reading.due(sight=sight, source_id=source_id)


def rebuild(*, sight: Sight) -> None:
    """Forget every event and fact of a person and mark every resource due; the Sight is open.

    Redirects stay: an id that was given out once leads to its fact for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(sight.person_id)])
        for statement in (
            "DELETE FROM timeline_fact WHERE person_id = %s",
            "DELETE FROM timeline_event WHERE person_id = %s",
            "UPDATE records_resource SET projection_due = true WHERE person_id = %s",
        ):
            cursor.execute(statement, [sight.person_id])
