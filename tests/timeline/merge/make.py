"""Resources as portals send them, in as few words as a test can say them, and what merging makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from phr.timeline.merge import Group, Member, Origin, Override, member_of, merge
from phr.timeline.normalize import normalize

Json = dict[str, Any]
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CVX = "http://hl7.org/fhir/sid/cvx"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def concept(*codings: tuple[str, str] | str, text: str = "") -> Json:
    """`concept((LOINC, "4548-4"), text="Hemoglobin A1c")`; a lone text is a display without a code."""
    made = [
        {"display": each} if isinstance(each, str) else {"system": each[0], "code": each[1]}
        for each in codings
    ]
    return {**({"coding": made} if made else {}), **({"text": text} if text else {})}


def lab(
    code: Json,
    when: str | None,
    value: str | None = None,
    *,
    unit: str = "mg/dL",
    status: str = "final",
    identifier: tuple[str, str] | None = None,
    **more: Any,
) -> Json:
    made: Json = {"resourceType": "Observation", "status": status, "code": code, **more}
    if when:
        made["effectiveDateTime"] = when
    if value is not None:
        made["valueQuantity"] = {"value": value, "unit": unit}
    if identifier:
        made["identifier"] = [{"system": identifier[0], "value": identifier[1]}]
    return made


def sent(**sources: Iterable[Json]) -> list[Member]:
    """`sent(a=[...], b=[...])`: each source is a portal of its own; resources are numbered in their order."""
    return [member for source, resources in sources.items() for member in received(source, list(resources))]


def received(source: str, resources: Sequence[Json], *, base_url: str = "", as_of: str = "") -> list[Member]:
    origin = Origin(source, base_url or f"https://{source}.example/fhir", "p1")
    members = []
    for number, resource in enumerate(resources):
        for event in normalize(resource):
            key = f"{source}|{event.resource_type}|{resource.get('id', number)}|{event.ordinal}"
            members.append(member_of(key=key, origin=origin, event=event, as_of=as_of))
    return members


def keys(members: Iterable[Member]) -> frozenset[str]:
    """Members as "a0", "b1": source and number."""
    return frozenset(f"{m.origin.source_id}{m.key.split('|')[2]}" for m in members)


def together(members: Iterable[Member], overrides: Iterable[Override] = ()) -> set[frozenset[str]]:
    """The groups as sets of "a0", "b1"."""
    return {keys(group.members) for group in merge(members, overrides)}


def only(members: Iterable[Member]) -> Group:
    """The one group that all members form."""
    groups = merge(members)
    assert len(groups) == 1
    return groups[0]


def sets(*groups: str) -> set[frozenset[str]]:
    """`sets("a0 b0", "a1")`."""
    return {frozenset(group.split()) for group in groups}


def changed(resource: Mapping[str, Any], **fields: Any) -> Json:
    return {**resource, **fields}
