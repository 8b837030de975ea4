"""The vocabulary of the directory: what a misspelt word is compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction

from connectors.directory.names import slips_of

# Shorter ones are found by typing them; a slip in three letters makes any other three.
SHORTEST: Final = 4
_WORD: Final = re.compile(r"[a-z][a-z0-9]*")
_COUNTED: Final = "SELECT word, ndoc FROM ts_stat('SELECT words FROM sources_brand')"


def add(*, words: Sequence[str]) -> None:
    """Add the words of one more brand, before the next refresh counts them rightly."""
    new = [word for word in words if _WORD.fullmatch(word)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sources_brandword (word, slips, brands) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING",
            [(word, slips_of(word) if len(word) >= SHORTEST else []) for word in new],
        )


def refresh() -> int:
    """Bring the vocabulary up to the brands as they are; returns how many words it has."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COUNTED)
        counted = {word: brands for word, brands in cursor.fetchall() if _WORD.fullmatch(word)}
        cursor.execute("SELECT word, brands FROM sources_brandword FOR UPDATE")
        known = dict(cursor.fetchall())
        if gone := [word for word in known if word not in counted]:
            cursor.execute("DELETE FROM sources_brandword WHERE word = ANY(%s)", [gone])
        if moved := [
            (word, counted[word]) for word in known if counted.get(word, known[word]) != known[word]
        ]:
            cursor.execute(
                "UPDATE sources_brandword w SET brands = n.brands"
                " FROM unnest(%s::text[], %s::integer[]) AS n (word, brands) WHERE w.word = n.word",
                [[word for word, _brands in moved], [brands for _word, brands in moved]],
            )
        with cursor.copy("COPY sources_brandword (word, slips, brands) FROM STDIN") as copy:
            for word, brands in counted.items():
                if word not in known:
                    copy.write_row((word, slips_of(word) if len(word) >= SHORTEST else [], brands))
    return len(counted)
