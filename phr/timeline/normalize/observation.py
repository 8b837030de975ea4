"""Observation: a result, a vital sign or another finding. https://hl7.org/fhir/R4/observation.html"""

from phr.timeline.events import LOINC, Component, Event, Exclusion, Flag, Kind
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes

_EXCLUSIONS: dict[str, Exclusion] = {"entered-in-error": "entered_in_error", "cancelled": "not_done"}
_KINDS = {
    "laboratory": Kind.RESULT,
    "lab": Kind.RESULT,
    "vital-signs": Kind.VITAL,
    "vital signs": Kind.VITAL,
    "vitals": Kind.VITAL,
    "social-history": Kind.LIFESTYLE,
    "smartdata": Kind.OBSERVATION,
    "survey": Kind.QUESTIONNAIRE,
    "functional-status": Kind.OBSERVATION,
    "imaging": Kind.OBSERVATION,
    "exam": Kind.OBSERVATION,
    "procedure": Kind.OBSERVATION,
    "activity": Kind.LIFESTYLE,
    "therapy": Kind.OBSERVATION,
}
# The vital signs of http://hl7.org/fhir/us/core/ValueSet/us-core-vital-signs, for portals that send no category.
_VITAL_CODES = frozenset(
    {
        "85353-1", "9279-1", "8867-4", "2708-6", "59408-5", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5",
        "85354-9", "8480-6", "8462-4", "8289-1", "59576-9", "77606-2",
    }
)  # fmt: skip
_STRENGTH: tuple[Flag, ...] = ("critical", "high", "low", "abnormal")
# Longer than this, a value of text is a report: it stays whole in the resource.
_LONGEST_VALUE = 2_000


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One observation with its components; a panel names its members in `refs` (role "member")."""
    resource = draft.resource
    concept = resource.get("code")
    value = values.choice(resource)
    if isinstance(value, str):
        value = value[:_LONGEST_VALUE]
    said, limits, flag, basis, words = values.judged(resource, value)
    components = tuple(component(each) for each in read.objs(resource, "component"))
    if not flag:
        flag, basis, words = next(
            ((c.flag, c.flag_basis, c.flag_text) for s in _STRENGTH for c in components if c.flag == s),
            ("", "", ""),
        )
    draft.meet_all("performer")
    draft.point("member", resource.get("hasMember"))
    draft.point("derived_from", resource.get("derivedFrom"))
    draft.point("order", resource.get("basedOn"))
    draft.point("specimen", resource.get("specimen"))
    draft.point("related", [each.get("target") for each in read.objs(resource, "related")])
    categories = [code for each in read.objs(resource, "category") for code in _category_names(each)]
    status = codes.first_code(resource.get("status"))
    absent = codes.words(resource.get("dataAbsentReason"))
    return (
        draft.event(
            _kind(resource, concept, categories),
            title=read.title(codes.words(concept), "Observation without a name"),
            detail=joined(
                # What the flag says already is not said twice.
                "" if flag else said,
                f"No value: {absent}" if absent and value is None else "",
            ),
            when=dates.first(
                resource,
                "effectiveDateTime",
                "effectiveInstant",
                "effectivePeriod",
                "effectiveTiming",
                "issued",
            ),
            until=dates.until(resource, "effectivePeriod"),
            recorded=dates.when(resource.get("issued")) if resource.get("issued") else None,
            status=status,
            exclusion=_EXCLUSIONS.get(status, ""),
            category=next((name for name in categories if name in _KINDS), next(iter(categories), "")),
            codes=codes.codings(concept),
            text=read.text(concept, "text"),
            value=value,
            value_codes=codes.codings(resource.get("valueCodeableConcept")),
            absent=absent,
            components=components,
            interpretation=said,
            reference_range=limits,
            flag=flag,
            flag_basis=basis,
            flag_text=words,
            attributes={
                "method": codes.words(resource.get("method")),
                "site": codes.words(resource.get("bodySite")),
                "specimen": read.text(resource, "specimen", "display")
                or codes.words(draft.resolved(resource.get("specimen")).get("type")),
                "dated_by": "" if _has_effective(resource) else "issued",
                "note": notes(resource) or read.text(resource, "comments"),
            },
        ),
    )


def component(each: read.Json) -> Component:
    """One entry of Observation.component."""
    value = values.choice(each)
    said, limits, flag, basis, words = values.judged(each, value)
    return Component(
        title=read.title(codes.words(each.get("code")), "Part"),
        codes=codes.codings(each.get("code")),
        value=value,
        interpretation=said,
        reference_range=limits,
        flag=flag,
        flag_basis=basis,
        flag_text=words,
        absent=codes.words(each.get("dataAbsentReason")),
    )


def _has_effective(resource: read.Json) -> bool:
    return any(name.startswith("effective") for name in resource)


def _category_names(concept: read.Json) -> list[str]:
    names = [c.code.lower() for c in codes.codings(concept)]
    return [
        *names,
        *(c.display.lower() for c in codes.codings(concept) if c.display),
        codes.words(concept).lower(),
    ]


def _kind(resource: read.Json, concept: object, categories: list[str]) -> Kind:
    known = [_KINDS[name] for name in categories if name in _KINDS]
    if known:
        # A laboratory result stays one where the portal adds a broader category beside it.
        return min(known, key=[*_KINDS.values()].index)
    if any(c.code in _VITAL_CODES and c.system == LOINC for c in codes.codings(concept)):
        return Kind.VITAL
    looks_measured = any(resource.get(name) for name in ("referenceRange", "interpretation", "specimen"))
    return Kind.RESULT if looks_measured else Kind.OBSERVATION
