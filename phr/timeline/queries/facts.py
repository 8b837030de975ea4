"""One fact, and one visit, with all that is known of it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from phr.accounts.access import Sight
from phr.records import queries as records
from phr.timeline.events import Event as Said
from phr.timeline.events import Kind
from phr.timeline.merge import Rule
from phr.timeline.models import Event, EventReference, Fact, FactRedirect
from phr.timeline.queries.fields import coding, fields_of, marked
from phr.timeline.queries.lines import chips_of, line
from phr.timeline.queries.shapes import (
    FactDetail,
    FactLine,
    FactMoved,
    MemberDetail,
    SourceChip,
    VersionLine,
    VisitDetail,
    VisitGroup,
)
from phr.timeline.queries.text import when_text

_LINKED_LIMIT = 50


def fact_detail(*, sight: Sight, fact_id: uuid.UUID) -> FactDetail | FactMoved | None:
    """Return a fact; FactMoved when another absorbed it, None when this person has no such fact."""
    fact = Fact.objects.filter(person_id=sight.person_id, id=fact_id).first()
    if fact is None:
        return _moved(sight, fact_id)
    marks = chips_of(sight)
    rows = list(Event.objects.filter(person_id=sight.person_id, fact_id=fact.id).order_by("source_id", "id"))
    said = {row.id: Said.from_row(row.data) for row in rows}
    fields = {row.id: fields_of(said[row.id]) for row in rows}
    stored = records.bodies(sight=sight, resource_ids=[row.resource_id for row in rows])
    members = [
        MemberDetail(
            chip=marks[row.source_id],
            resource_type=row.resource_type,
            fhir_id=row.fhir_id,
            title=said[row.id].title,
            value=_value(said[row.id]),
            date=when_text(said[row.id].when),
            status=said[row.id].status.replace("-", " "),
            fields=tuple(marked(row.id, fields)),
            raw_json=pretty(stored[row.resource_id].body),
            versions=_versions(stored[row.resource_id]),
        )
        for row in rows
        if row.resource_id in stored and row.source_id in marks
    ]
    as_line = line(fact, marks)
    visit = (
        Fact.objects.filter(person_id=sight.person_id, id=fact.visit_id).first() if fact.visit_id else None
    )
    return FactDetail(
        line=as_line,
        statement=_statement(as_line),
        members=tuple(members),
        rule_sentence=_(Rule(fact.rule).sentence) if len(members) > 1 and fact.rule else "",
        evidence=tuple(dict.fromkeys(_evidence(fact.evidence, weakest=fact.rule))),
        visit=line(visit, marks) if visit is not None else None,
        linked=_linked(sight=sight, rows=rows, fact_id=fact.id, marks=marks),
    )


def visit_detail(*, sight: Sight, visit_id: uuid.UUID) -> VisitDetail | FactMoved | None:
    """Return a visit with everything that belongs to it, by kind."""
    fact = Fact.objects.filter(person_id=sight.person_id, id=visit_id, kind=Kind.VISIT).first()
    if fact is None:
        return _moved(sight, visit_id)
    marks = chips_of(sight)
    groups: dict[str, list[FactLine]] = defaultdict(list)
    for inside in Fact.objects.filter(person_id=sight.person_id, visit_id=fact.id).order_by(
        "-sort_at", "-id"
    ):
        groups[inside.kind].append(line(inside, marks))
    as_line = line(fact, marks)
    return VisitDetail(
        fact=as_line,
        statement=_statement(as_line),
        groups=tuple(
            VisitGroup(kind=kind, kind_name=_(kind.plural), lines=tuple(groups[kind]))
            for kind in Kind
            if kind in groups
        ),
        total=sum(len(lines) for lines in groups.values()),
    )


def pretty(body: str) -> str:
    """Return JSON with line breaks and every number's text as it was."""
    return msgspec.json.format(body.encode(), indent=2).decode()


def _moved(sight: Sight, fact_id: uuid.UUID) -> FactMoved | None:
    """Follow where a fact went; a chain of absorptions ends at what stands now."""
    for _step in range(20):
        redirect = FactRedirect.objects.filter(person_id=sight.person_id, old_id=fact_id).first()
        if redirect is None:
            return None
        fact_id = redirect.fact_id
        if Fact.objects.filter(person_id=sight.person_id, id=fact_id).exists():
            return FactMoved(fact_id)
    return None


def _statement(fact: FactLine) -> str:
    """Say who says so and when; the page's head has said what."""
    names = [chip.name for chip in fact.chips]
    if not names:
        return ""
    who = (
        _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}
        if names[1:]
        else names[0]
    )
    if fact.date.precision == "none":
        return _("Recorded by %(who)s, without a date.") % {"who": who}
    return _("Recorded by %(who)s, %(date)s.") % {"who": who, "date": fact.date.long_text}


def _value(event: Said) -> str:
    return f"{event.value_text} {event.unit_text}".strip()


def _evidence(evidence: list[dict[str, Any]], *, weakest: str) -> Iterable[str]:
    """Say what each join rests on; the rule of the whole fact has been said above them."""
    for item in evidence:
        shared = ", ".join(_token(token) for token in item.get("codes", []))
        said = "" if item["rule"] == weakest else _(Rule(item["rule"]).sentence)
        in_common = _("In common: %(codes)s.") % {"codes": shared} if shared else ""
        if said or in_common:
            yield f"{said} {in_common}".strip()


def _token(token: str) -> str:
    """Say what was compared: "system|code" for a code, plain words for a wording."""
    system, bar, code = token.rpartition("|")
    return coding(system, code) if bar else token


def _versions(stored: records.Stored) -> tuple[VersionLine, ...]:
    return tuple(
        VersionLine(
            number=version.number,
            seen_text=date_format(version.changed_at, _("j F Y, H:i")),
            note="" if version.body else _("Only the portal's version mark changed."),
            raw_json=pretty(version.body) if version.body else "",
        )
        for version in stored.versions
    )


def _linked(
    *, sight: Sight, rows: list[Event], fact_id: uuid.UUID, marks: Mapping[uuid.UUID, SourceChip]
) -> tuple[FactLine, ...]:
    """Return the facts that this one names, and those that name it: orders, results, reports, notes."""
    names = EventReference.objects.filter(
        person_id=sight.person_id, event_id__in=[row.id for row in rows]
    ).values_list("source_id", "target")
    fact_ids: set[uuid.UUID | None] = set()
    for source_id, target in names:
        resource_type, _slash, fhir_id = target.partition("/")
        fact_ids.update(
            Event.objects.filter(
                person_id=sight.person_id, source_id=source_id, resource_type=resource_type, fhir_id=fhir_id
            ).values_list("fact_id", flat=True)
        )
    for row in rows:
        naming = EventReference.objects.filter(
            person_id=sight.person_id, source_id=row.source_id, target=f"{row.resource_type}/{row.fhir_id}"
        ).values_list("event_id", flat=True)[:_LINKED_LIMIT]
        fact_ids.update(
            Event.objects.filter(person_id=sight.person_id, id__in=list(naming)).values_list(
                "fact_id", flat=True
            )
        )
    others = [other for other in fact_ids if other is not None and other != fact_id]
    facts = Fact.objects.filter(person_id=sight.person_id, id__in=others).exclude(kind=Kind.VISIT)
    return tuple(line(fact, marks) for fact in facts.order_by("-sort_at", "-id")[:_LINKED_LIMIT])
