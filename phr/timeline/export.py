"""The timeline as data: every fact with its members, and everything that is left out, by name."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from phr.accounts.access import Sight
from phr.sources.models import Source
from phr.timeline.models import Event, Fact


def facts(*, sight: Sight) -> Iterator[dict[str, Any]]:
    """Yield each fact, newest first; the Sight is open.

    id, person: uuids as text. kind, title, value, unit, flag: as the timeline shows them. date: as the portal wrote
    it, with its precision. members: source, name, resourceType, id. rule: what joined them, "" for one member.
    """
    members = _members(sight)
    for fact in Fact.objects.filter(person_id=sight.person_id).order_by("-sort_at", "-id"):
        yield {
            "id": str(fact.id),
            "person": str(fact.person_id),
            "kind": fact.kind,
            "date": fact.date_text,
            "precision": fact.precision,
            "title": fact.title,
            "value": fact.value,
            "unit": fact.unit,
            "flag": fact.flag,
            "visit": str(fact.visit_id) if fact.visit_id else None,
            "members": members[fact.id],
            "rule": fact.rule,
        }


def excluded(*, sight: Sight) -> Iterator[dict[str, Any]]:
    """Yield each event that is no fact, with the name of the reason."""
    names = _names(sight)
    for event in Event.objects.filter(person_id=sight.person_id).exclude(exclusion="").order_by("id"):
        yield {
            "kind": "excluded",
            "person": str(event.person_id),
            "reason": event.exclusion,
            "title": event.data.get("title", ""),
            "members": [_member(event, names)],
        }


def _members(sight: Sight) -> dict[uuid.UUID, list[dict[str, str]]]:
    names = _names(sight)
    members: dict[uuid.UUID, list[dict[str, str]]] = defaultdict(list)
    events = Event.objects.filter(person_id=sight.person_id).exclude(fact_id=None)
    for event in events.defer("data").order_by("source_id", "id"):
        if event.fact_id is not None:
            members[event.fact_id].append(_member(event, names))
    return members


def _member(event: Event, names: dict[uuid.UUID, str]) -> dict[str, str]:
    return {
        "source": str(event.source_id),
        "name": names.get(event.source_id, ""),
        "resourceType": event.resource_type,
        "id": event.fhir_id,
    }


def _names(sight: Sight) -> dict[uuid.UUID, str]:
    return dict(Source.objects.filter(person_id=sight.person_id).values_list("pk", "name"))
