"""DiagnosticReport. https://hl7.org/fhir/R4/diagnosticreport.html"""

from typing import Any

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, observation, read
from phr.timeline.normalize.attachments import attachments
from phr.timeline.normalize.draft import Draft, joined

_EXCLUSIONS: dict[str, Exclusion] = {"entered-in-error": "entered_in_error", "cancelled": "not_done"}
# Laboratories send whole panels inside the report; more than this in one is damage.
_MOST_CONTAINED = 500


def normalize(draft: Draft) -> tuple[Event, ...]:
    """The report, and as further events the observations that it carries inside itself (`contained`)."""
    resource = draft.resource
    concept = resource.get("code")
    status = codes.first_code(resource.get("status"))
    draft.meet_all("performer", "resultsInterpreter")
    for field, role in (
        ("result", "result"),
        ("basedOn", "order"),
        ("request", "order"),
        ("specimen", "specimen"),
        ("imagingStudy", "imaging"),
        ("study", "imaging"),
    ):
        draft.point(role, resource.get(field))
    draft.point("image", [each.get("link") for each in read.objs(resource, "media")])
    conclusion = read.text(resource, "conclusion")
    categories = codes.listed(resource, "category")
    found = draft.event(
        Kind.REPORT,
        title=read.title(codes.words(concept), categories, "Report without a name"),
        detail=joined(conclusion, codes.listed(resource, "conclusionCode")),
        when=dates.first(resource, "effectiveDateTime", "effectivePeriod", "issued"),
        until=dates.until(resource, "effectivePeriod"),
        recorded=dates.when(resource.get("issued")) if resource.get("issued") else None,
        status=status,
        exclusion=_EXCLUSIONS.get(status, ""),
        category=codes.first_code(resource.get("category")),
        codes=codes.codings(concept),
        text=read.text(concept, "text"),
        attachments=attachments(read.objs(resource, "presentedForm"), base_url=draft.base_url),
        attributes={"conclusion": conclusion, "category": categories},
    )
    return (found, *_inside(draft, found))


def _inside(draft: Draft, report: Event) -> list[Event]:
    """Observations contained in the report: without a status of their own they stand or fall with it."""
    events: list[Event] = []
    for ordinal, inner in enumerate(_contained(draft), start=1):
        filled: dict[str, Any] = {**inner}
        for name in ("status", "encounter", "issued", "effectiveDateTime", "effectivePeriod"):
            already = name.startswith("effective") and any(key.startswith("effective") for key in inner)
            if name in draft.resource and name not in inner and not already:
                filled[name] = draft.resource[name]
        nested = Draft({**filled, "contained": draft.resource.get("contained")}, resource_type="Observation")
        nested.base_url = draft.base_url
        for event in observation.normalize(nested):
            # The identifiers of what is inside are kept; the report itself is where the page leads back to.
            exclusion = event.exclusion or report.exclusion
            events.append(_renumbered(event, ordinal, exclusion))
    return events


def _contained(draft: Draft) -> list[read.Json]:
    named = {draft.target(each) for each in read.objs(draft.resource, "result")}
    inside = [
        inner
        for key, inner in draft.contained.items()
        if inner.get("resourceType") == "Observation" and (key in named or not named)
    ]
    return inside[:_MOST_CONTAINED]


def _renumbered(event: Event, ordinal: int, exclusion: Exclusion) -> Event:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return Event(**{**fields, "ordinal": ordinal, "exclusion": exclusion})
