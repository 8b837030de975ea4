"""What every normaliser shares: the common fields of a resource, read once."""

from collections.abc import Iterable
from typing import Any

from phr.timeline.events import Event, Exclusion, Kind, Ref
from phr.timeline.normalize import codes, names, read, references

# Identifier types (http://terminology.hl7.org/CodeSystem/v2-0203) that number the patient or the billing account,
# never the event that carries them.
_NOT_THE_EVENTS = frozenset(
    {
        "mr",
        "mrt",
        "pi",
        "pt",
        "ss",
        "an",
        "am",
        "dl",
        "jhn",
        "ppn",
        "mb",
        "mc",
        "ma",
        "npi",
        "prn",
        "nh",
        "hc",
        "pn",
    }
)
# Those that number an order, a specimen or a visit: one number for many results.
_OF_ANOTHER = {
    "vn": frozenset({"Encounter"}),
    "plac": frozenset({"ServiceRequest", "MedicationRequest", "DiagnosticReport", "DeviceRequest"}),
    "pgn": frozenset({"ServiceRequest"}),
    "fill": frozenset({"ServiceRequest", "DiagnosticReport", "MedicationDispense"}),
    "acsn": frozenset({"DiagnosticReport", "ImagingStudy", "ServiceRequest"}),
}
# Values that say "no number" in a field that a portal had to fill.
_EMPTY_VALUES = frozenset({"", "0", "1", "-", "n/a", "na", "none", "null", "unknown", "unk", "test", "temp"})

_PERSON_FIELDS = (
    "performer",
    "asserter",
    "recorder",
    "requester",
    "author",
    "prescriber",
    "practitioner",
    "dispenser",
)
_STATUS_EXCLUSIONS: dict[str, Exclusion] = {
    "entered-in-error": "entered_in_error",
    "nullified": "entered_in_error",
    "not-done": "not_done",
}


class Draft:
    """A resource on its way to an Event: shared context, participants and pointers gathered on the way."""

    __slots__ = ("base_url", "contained", "participants", "refs", "resource", "resource_type")

    def __init__(self, resource: read.Json, *, resource_type: str, base_url: str = "") -> None:
        self.resource = resource
        self.resource_type = resource_type
        self.base_url = base_url
        self.contained = (
            {f"#{read.text(each, 'id')}": each for each in read.objs(resource, "contained")}
            if "contained" in resource
            else {}
        )
        self.refs: list[Ref] = []
        self.participants: list[str] = []

    def target(self, value: Any) -> str:
        """Where a Reference points ("Type/id"), or ""."""
        pointed = read.obj(value).get("reference")
        return references.target(pointed, self.base_url) if isinstance(pointed, str) else ""

    def resolved(self, value: Any) -> read.Json:
        """The contained resource that a Reference points at, or {}."""
        return self.contained.get(self.target(value), read.NOTHING) if self.contained else read.NOTHING

    def point(self, role: str, value: Any) -> str:
        """Keep a Reference (or a list of them) under `role`; returns the first name it says."""
        said = ""
        items = value if isinstance(value, list) else [value]
        for item in items[: read.MOST_ENTRIES]:
            if not isinstance(item, dict):
                continue
            inner = self.resolved(item)
            found = references.ref(item, role, self.base_url)
            if found is None:
                continue
            name = found.display or self._contained_name(inner)
            self.refs.append(Ref(role, found.target, name))
            said = said or name
        return said

    def meet(self, role: str, value: Any) -> str:
        """Keep Reference(s) to somebody who took part: pointer and comparable tokens; returns the first name."""
        said = self.point(role, value)
        for item in (value if isinstance(value, list) else [value])[: read.MOST_ENTRIES]:
            if not isinstance(item, dict):
                continue
            self.participants += references.tokens(item)
            if inner := self.resolved(item):
                self.participants += supporting_tokens(inner, resource_type=read.text(inner, "resourceType"))
        return said

    def meet_all(self, *fields: str) -> None:
        """`meet` for those fields that are present; performers with an inner `actor` or `function` are looked into."""
        for field in fields:
            value = self.resource.get(field)
            if value is None:
                continue
            for item in value if isinstance(value, list) else [value]:
                holder = read.obj(item)
                inner = holder.get("actor") or holder.get("individual") or holder.get("member")
                self.meet(field, inner if isinstance(inner, dict) else item)

    @staticmethod
    def _contained_name(inner: read.Json) -> str:
        if not inner:
            return ""
        named = inner.get("name")
        if isinstance(named, str):
            return read.string(named)
        people = names.human_names(inner)
        return people[0] if people else codes.words(inner.get("code"))

    def event(self, kind: Kind, **fields: Any) -> Event:
        """An Event with the common fields filled where `fields` does not give them."""
        resource = self.resource
        status = fields.pop("status", None)
        if status is None:
            status = codes.first_code(resource.get("status"))
        fields.setdefault("exclusion", _STATUS_EXCLUSIONS.get(status, ""))
        if fields["exclusion"] == "" and resource.get("doNotPerform") is True:
            fields["exclusion"] = "do_not_perform"
        if "identifier" in resource:
            fields.setdefault("identifiers", identifiers(resource, resource_type=self.resource_type))
        if "visit_ref" not in fields:
            fields["visit_ref"] = self.visit_ref()
        attributes = {key: value for key, value in fields.pop("attributes", {}).items() if value}
        return Event(
            kind=kind,
            resource_type=self.resource_type,
            status=status,
            refs=tuple(dict.fromkeys(self.refs)),
            participants=tuple(sorted(set(self.participants))),
            attributes=attributes,
            **fields,
        )

    def visit_ref(self) -> str:
        """The Encounter that the resource belongs to, "Encounter/id" or ""."""
        found = self.target(self.resource.get("encounter")) or self.target(self.resource.get("context"))
        if not found and "context" in self.resource:
            found = self.target(read.obj(self.resource, "context", "encounter"))
        return found if found.startswith(("Encounter/", "urn:")) else ""


def identifiers(resource: read.Json, *, resource_type: str) -> tuple[tuple[str, str], ...]:
    """(system, value) of the business identifiers that name this very event everywhere.

    Left out: without a system (a number means nothing outside its portal), placeholders, and those typed as the
    patient's, an account's, or (by type of resource) an order's, a specimen's or a visit's.
    """
    found: dict[tuple[str, str], None] = {}
    for each in read.objs(resource, "identifier"):
        system, value = each.get("system"), read.text(each, "value")
        if not isinstance(system, str) or not system.strip() or value.lower() in _EMPTY_VALUES:
            continue
        typed = {c.code.lower() for c in codes.codings(each.get("type"))} if "type" in each else set()
        if typed & _NOT_THE_EVENTS and resource_type not in {
            "Practitioner",
            "Organization",
            "Location",
            "Patient",
        }:
            continue
        if any(code in _OF_ANOTHER and resource_type not in _OF_ANOTHER[code] for code in typed):
            continue
        found[codes.system(system), value] = None
    return tuple(found)


def supporting_tokens(resource: read.Json, *, resource_type: str) -> list[str]:
    """The comparable tokens of a Practitioner, Organization or Location itself: its NPI and its names."""
    found = [names.number_token(*pair) for pair in identifiers(resource, resource_type=resource_type)]
    if resource_type == "Practitioner":
        found += [names.token("p", name) for name in names.human_names(resource)]
    elif resource_type in {"Organization", "Location"}:
        found.append(names.token(resource_type[0].lower(), read.text(resource, "name")))
    elif resource_type == "PractitionerRole":
        for field in ("practitioner", "organization"):
            found += references.tokens(resource.get(field))
    return [each for each in found if each]


def joined(*parts: str, by: str = " · ") -> str:
    """The non-empty parts, once each."""
    return by.join(dict.fromkeys(part for part in parts if part))


def notes(resource: read.Json) -> str:
    """The texts of `note`, joined; a lone text counts too."""
    lone = read.text(resource, "note") if isinstance(resource.get("note"), str) else ""
    said: Iterable[str] = (read.text(each, "text") for each in read.objs(resource, "note"))
    return lone or joined(*said, by="\n")
