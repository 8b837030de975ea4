"""Facts as lines."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import cast

from django.db.models import Case, When
from django.utils.translation import gettext as _

from phr.accounts.access import Sight
from phr.sources.models import Source
from phr.timeline.events import Kind
from phr.timeline.models import Fact
from phr.timeline.queries.shapes import FactLine, FlagName, SourceChip
from phr.timeline.queries.text import chips, date_text

# What a reader of a visit looks for first: what was found, then what was done about it, then what was written.
_WORTH = (
    Kind.CONDITION,
    Kind.ALLERGY,
    Kind.RESULT,
    Kind.PROCEDURE,
    Kind.MEDICATION,
    Kind.VACCINE,
    Kind.IMAGING,
    Kind.REPORT,
    Kind.DOCUMENT,
    Kind.VITAL,
)
_OUT_OF_RANGE = ("critical", "high", "low", "abnormal")


def worth() -> Case:
    """Return the order of lines within a visit, as an expression over facts: lowest first."""
    return Case(
        When(flag__in=_OUT_OF_RANGE, then=0),
        *(When(kind=kind, then=place) for place, kind in enumerate(_WORTH, start=1)),
        default=len(_WORTH) + 1,
    )


def chips_of(sight: Sight) -> dict[uuid.UUID, SourceChip]:
    """Return the marks of all of a person's sources."""
    return chips(Source.objects.filter(person_id=sight.person_id).order_by("created_at"))


def line(fact: Fact, marks: Mapping[uuid.UUID, SourceChip]) -> FactLine:
    """Return a fact as a line of the timeline."""
    kind = Kind(fact.kind)
    return FactLine(
        id=fact.id,
        kind=fact.kind,
        kind_name=_(kind.label),
        title=fact.title,
        date=date_text(written=fact.date_text, precision=fact.precision, starts=fact.sort_at),
        detail=fact.detail,
        value=fact.value,
        unit=_readable(fact.unit),
        flag=cast("FlagName", fact.flag),
        flag_text=fact.flag_text,
        chips=tuple(marks[source] for source in fact.sources if source in marks),
        conflict=bool(fact.conflicts),
        status_text=fact.status.replace("-", " ") if fact.status in _TOLD else "",
    )


def _readable(unit: str) -> str:
    """Return a unit without the marks that only a machine needs: UCUM's mL/min/{1.73_m2} is mL/min/1.73 m2.

    https://ucum.org/ucum#section-Curly-Braces; the fact's page shows the raw resource, as it was sent.
    """
    return unit.translate({ord("{"): None, ord("}"): None, ord("_"): " "}) if "{" in unit else unit


# Statuses that change what a line means; the ordinary ones (final, completed, active) go without saying.
_TOLD = {
    "amended",
    "corrected",
    "preliminary",
    "cancelled",
    "stopped",
    "on-hold",
    "resolved",
    "inactive",
    "remission",
    "planned",
    "in-progress",
    "draft",
    "proposed",
    "unknown",
    "unconfirmed",
    "provisional",
    "differential",
}
