"""Any other type: an honest line from what its fields are usually called, marked `generic`."""

import re
from typing import Any

from phr.timeline.events import Event, Kind, When
from phr.timeline.normalize import codes, dates, read
from phr.timeline.normalize.draft import Draft

_TITLES = ("code", "title", "name", "type", "category", "description", "topic", "reasonCode", "serviceType")
_DATES = (
    "effectiveDateTime",
    "effectivePeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "performedDateTime",
    "performedPeriod",
    "period",
    "start",
    "started",
    "date",
    "dateTime",
    "authoredOn",
    "created",
    "recorded",
    "recordedDate",
    "issued",
    "sent",
)
_PEOPLE = ("author", "performer", "requester", "recorder", "provider")
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One line for a type that nothing here knows."""
    resource = draft.resource
    draft.meet_all(*_PEOPLE)
    return (
        draft.event(
            Kind.OTHER,
            title=read.title(*(_words(resource.get(name)) for name in _TITLES), named(draft.resource_type)),
            detail=named(draft.resource_type),
            when=_date(resource),
            until=dates.until(resource, "period", "effectivePeriod", "occurrencePeriod", "performedPeriod"),
            codes=codes.codings(resource.get("code")) or codes.codings(resource.get("type")),
            text=read.text(resource, "code", "text"),
            generic=True,
        ),
    )


def named(resource_type: str) -> str:
    """A type's name as words: "NutritionIntake" -> "Nutrition intake"."""
    words = _WORD.sub(" ", resource_type).split()
    return " ".join([words[0], *(word.lower() for word in words[1:])]) if words else "Unnamed record"


def _words(value: Any) -> str:
    if isinstance(value, list | dict):
        return codes.words(value)
    return read.string(value) if isinstance(value, str) else ""


def _date(resource: read.Json) -> When:
    return dates.first(resource, *_DATES)
