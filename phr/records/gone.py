"""What a portal says it has deleted. What we hold of it stays, marked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from phr.accounts.access import Sight
from phr.sources.models import Source


def mark_gone(*, sight: Sight, source: Source, keys: Iterable[tuple[str, str]], now: datetime) -> int:
    """Mark resources (type, id) as no longer shown by their portal; return how many were not marked yet.

    The Sight is open. One that the portal shows again loses the mark when it is stored (records.store).
    """
    wanted = sorted(set(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE records_resource AS r SET gone_at = %s
               FROM unnest(%s::text[], %s::text[]) AS asked (resource_type, fhir_id)
               WHERE r.person_id = %s AND r.source_id = %s AND r.resource_type = asked.resource_type
                 AND r.fhir_id = asked.fhir_id AND r.gone_at IS NULL""",
            [now, [key[0] for key in wanted], [key[1] for key in wanted], sight.person_id, source.pk],
        )
        marked: int = cursor.rowcount
    return marked
