"""What a profile's query may leave open until it is asked (PURE): a day so many years back.

"date=ge{years_ago:10}" asks for the last ten years. There is no other form.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

_BRACES: Final = re.compile(r"\{[^{}]*\}?|\}")
_YEARS_AGO: Final = re.compile(r"\{years_ago:([1-9][0-9]?|1[0-4][0-9]|150)\}")


def unknown_placeholders(text: str) -> Iterator[str]:
    """Yield everything in braces that is none of our placeholders, and braces without a partner."""
    yield from _BRACES.findall(_YEARS_AGO.sub("", text))


def filled(text: str, *, today: date) -> str:
    """Return `text` with the day of each placeholder in place of it, as FHIR writes a date."""
    return _YEARS_AGO.sub(lambda found: _years_ago(today, int(found[1])).isoformat(), text)


def _years_ago(today: date, years: int) -> date:
    # 29 February has no anniversary in most years; the day before asks for a little more, never for less.
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return date(max(today.year - years, 1), today.month, day)
