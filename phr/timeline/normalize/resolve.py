"""Names that stand in other resources: a visit's practitioner, an order's Medication.

A resource is normalised alone; once the supporting resources of the same source are at hand, its events are completed
with what those say. Nothing that the resource itself says is replaced.
"""

from collections.abc import Mapping

import msgspec

from phr.timeline.events import Event, Kind, Ref
from phr.timeline.normalize.draft import joined

_NAMELESS = {"Medication without a name", ""}


def supporting_of(event: Event) -> frozenset[str]:
    """The "Type/id" targets whose events `with_supporting` wants for this one."""
    return frozenset(ref.target for ref in event.refs if ref.target.partition("/")[0] in _WANTED)


def with_supporting(event: Event, supporting: Mapping[str, Event]) -> Event:
    """`event` completed from `supporting` ("Type/id" -> that resource's event, of the same source).

    Fills displays of refs, comparable tokens of participants, the organization's name and a drug's name and codes.
    Returns the same object where there is nothing to add.
    """
    if not event.refs:
        return event
    tokens = set(event.participants)
    refs: list[Ref] = []
    organization = event.organization
    drug: Event | None = None
    for ref in event.refs:
        found = supporting.get(ref.target)
        if found is None:
            refs.append(ref)
            continue
        if found.kind in _NAMING and ref.role not in _NOT_TAKING_PART:
            tokens.update(found.participants)
            tokens.update(_of_role(found, supporting))
        if found.kind is Kind.ORGANIZATION and ref.role in {"organization", "managingOrganization"}:
            organization = organization or found.title
        if ref.role == "medication" and found.kind is Kind.SUBSTANCE:
            drug = drug or found
        refs.append(ref if ref.display else Ref(ref.role, ref.target, found.title))
    changes: dict[str, object] = {}
    if len(tokens) != len(event.participants):
        changes["participants"] = tuple(sorted(tokens))
    if tuple(refs) != event.refs:
        changes["refs"] = tuple(refs)
    if organization != event.organization:
        changes["organization"] = organization
        if event.kind is Kind.VISIT:
            changes["detail"] = joined(event.detail, organization)
    if drug is not None:
        changes |= _drug(event, drug)
    return msgspec.structs.replace(event, **changes) if changes else event


def _of_role(found: Event, supporting: Mapping[str, Event]) -> set[str]:
    """A PractitionerRole stands for its practitioner, whose resource says the name."""
    if found.resource_type != "PractitionerRole":
        return set()
    inner = [supporting.get(ref.target) for ref in found.refs if ref.role in {"practitioner", "organization"}]
    return {token for each in inner if each is not None for token in each.participants}


def _drug(event: Event, drug: Event) -> dict[str, object]:
    changes: dict[str, object] = {}
    if event.title in _NAMELESS:
        changes["title"] = drug.title
    if not event.codes and drug.codes:
        changes["codes"] = drug.codes
    if not event.text:
        changes["text"] = drug.text or drug.title
    return changes


_NAMING = {Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.LOCATION}
_NOT_TAKING_PART = {"care", "manufacturer"}
_WANTED = {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"}
