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
    known = [(ref, supporting[ref.target]) for ref in event.refs if ref.target in supporting]
    if not known:
        return event
    tokens = set(event.participants)
    for ref, found in known:
        if found.kind in _NAMING and ref.role not in _NOT_TAKING_PART:
            tokens.update(found.participants, _of_role(found, supporting))
    changes: dict[str, object] = {
        "participants": tuple(sorted(tokens)),
        "refs": tuple(_named(ref, supporting.get(ref.target)) for ref in event.refs),
    }
    organization = event.organization or _first(
        known, Kind.ORGANIZATION, "organization", "managingOrganization"
    )
    if organization and organization != event.organization:
        changes["organization"] = organization
        if event.kind is Kind.VISIT:
            changes["detail"] = joined(event.detail, organization)
    drug = next((found for ref, found in known if ref.role == "medication"), None)
    if drug is not None:
        changes |= _drug(event, drug)
    if all(getattr(event, name) == value for name, value in changes.items()):
        return event
    return msgspec.structs.replace(event, **changes)


def _named(ref: Ref, found: Event | None) -> Ref:
    return Ref(ref.role, ref.target, found.title) if found is not None and not ref.display else ref


def _first(known: list[tuple[Ref, Event]], kind: Kind, *roles: str) -> str:
    return next((found.title for ref, found in known if found.kind is kind and ref.role in roles), "")


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
