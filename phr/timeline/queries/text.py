"""Dates and sources as they are printed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, cast

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from phr.sources.models import Source
from phr.timeline.events import When
from phr.timeline.queries.shapes import DateText, Precision, SourceChip

_WORD: Final = re.compile(r"[^\W\d_]+")


def date_text(*, written: str, precision: str, starts: datetime | None) -> DateText:
    """Say a date as exactly as the portal wrote it, and no more.

    ``written`` is the portal's text; ``starts`` the first instant that it may mean. A clock time is shown in the zone
    that the portal wrote it in.
    """
    known = cast("Precision", precision)
    if known == "none" or starts is None:
        return DateText(iso="", text="", long_text=_("no date given"), precision="none")
    day = _day(written) or starts.date()
    if known == "year":
        return DateText(iso=f"{day.year:04}", text=str(day.year), long_text=str(day.year), precision=known)
    if known == "month":
        return DateText(
            iso=f"{day.year:04}-{day.month:02}",
            text=date_format(day, _("M")),
            long_text=date_format(day, _("F Y")),
            precision=known,
        )
    long_text = date_format(day, _("j F Y"))
    clock = re.search(r"T(\d\d:\d\d)", written)
    if clock is not None and known in {"minute", "instant"}:
        zone = " UTC" if written.endswith("Z") else ""
        long_text = f"{long_text}, {clock.group(1)}{zone}"
    iso = written if clock is not None else day.isoformat()
    return DateText(iso=iso, text=date_format(day, _("j M")), long_text=long_text, precision=known)


def when_text(when: When | None) -> DateText:
    """Say an event's date."""
    if when is None:
        return date_text(written="", precision="none", starts=None)
    return date_text(written=when.text, precision=when.precision, starts=when.start)


def chips(sources: Iterable[Source]) -> dict[uuid.UUID, SourceChip]:
    """Return the mark of each source: three letters, made different where two would be alike."""
    taken: set[str] = set()
    marks = {}
    for source in sources:
        short = _short(source.name, taken)
        taken.add(short)
        marks[source.pk] = SourceChip(id=str(source.pk), name=source.name, short=short, state=source.state)
    return marks


def _short(name: str, taken: set[str]) -> str:
    words = _WORD.findall(name) or ["SRC"]
    letters = "".join(words)
    candidates = [words[0][:3], "".join(word[0] for word in words)[:3]]
    candidates += [letters[:2] + letter for letter in letters[3:]]
    candidates += [f"{letters[:2]}{number}" for number in range(1, 100)]
    return next((c.upper() for c in candidates if len(c) > 1 and c.upper() not in taken), letters[:3].upper())


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        return None
