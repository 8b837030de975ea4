"""A timeline of any length for one person, written by the database itself."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import connections

# A visit every few hours with its results inside, and one line in eight that stands alone: the proportions of the
# large patient that the sandbox serves, spread over forty years.
_FILL: Final = """
    INSERT INTO timeline_fact (person_id, id, kind, sort_at, date_text, precision, year, title, detail, value, unit,
        flag, flag_text, status, sources, members, rule, evidence, conflicts, visit_id)
    SELECT %(person)s, md5(%(person)s || i)::uuid,
        CASE WHEN i %% 10 = 0 THEN 'visit'
             ELSE (ARRAY['result', 'result', 'result', 'vital', 'vital', 'condition', 'medication', 'procedure',
                         'report'])[1 + i %% 9] END,
        at, to_char(at, 'YYYY-MM-DD'), 'day', extract(year FROM at)::int,
        'Hemoglobin A1c in Blood ' || i %% 500, 'Dr. Ada Winter, North Clinic', (4 + i %% 97 / 10.0)::text, '%%',
        CASE WHEN i %% 11 = 0 THEN 'high' ELSE '' END, CASE WHEN i %% 11 = 0 THEN 'above 4.0-5.6' ELSE '' END, 'final',
        (%(sources)s::uuid[])[1 + i %% 3 : 1 + i %% 3 + (i %% 5 = 0)::int], 1 + (i %% 5 = 0)::int, '', '[]', '[]',
        CASE WHEN i %% 10 <> 0 AND i %% 8 <> 1 THEN md5(%(person)s || (i - i %% 10))::uuid END
    FROM generate_series(0, %(n)s - 1) AS i,
        LATERAL (SELECT timestamptz '1986-01-01' + (i / 10) * (interval '40 years' / (%(n)s / 10 + 1))
                 + (i %% 10) * interval '1 minute' AS at) AS moment
"""


def fill(*, person_id: uuid.UUID, sources: list[uuid.UUID], n: int) -> None:
    """Write ``n`` facts of a person with three sources, as the owner, and let Postgres look at them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_FILL, {"person": str(person_id), "sources": sources, "n": n})
        cursor.execute("VACUUM ANALYZE timeline_fact")
