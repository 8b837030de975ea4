"""Whose record a resource belongs into, of an export that holds many (PURE).

The patient compartment of FHIR R4 (https://hl7.org/fhir/R4/compartmentdefinition-patient.html) lists every place where
a resource may name a patient: as its subject, but also as author, performer or recipient. An observation of a child
that her mother made stands in both compartments, and belongs into the child's record alone. So the place that says
*about whom* it is decides; others are not asked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from connectors.fhir.caps import MAX_DEPTH
from connectors.fhir.references import literal_references, relative_reference

OwnerKind = Literal["patient", "identifier", "none", "several", "about"]

# Where a type says about whom it is, the first that is there; all others: `subject`, then `patient`.
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "AppointmentResponse": ("actor",),
    "AuditEvent": (),
    "Binary": ("securityContext",),
    "Coverage": ("beneficiary",),
    "EnrollmentRequest": ("candidate",),
    "Group": (),
    "QuestionnaireResponse": ("subject", "source"),
    "ResearchSubject": ("individual",),
    "Schedule": (),
    "Task": ("for",),
}
_USUAL: Final = ("subject", "patient", "beneficiary", "individual")
# Who takes part: it is about all of them that are patients.
_PARTICIPANTS: Final = frozenset({"Appointment"})
# What speaks of other resources belongs where they do.
_TARGETS: Final[dict[str, str]] = {"Provenance": "target"}
_URN: Final = re.compile(r"urn:uuid:([A-Za-z0-9.-]{1,64})")
_CONDITIONAL: Final = re.compile(r"((?:.*/)?)([A-Z][A-Za-z]{1,63})\?identifier=([^&]+)")
_BROKEN: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Owner:
    """About whom a resource is.

    "patient": the one whose id `names` holds. "identifier": the one who carries the "system|value" in `names`.
    "several": more than one, all in `names`. "about": whoever owns the resources ("Type/id") in `names`.
    "none": nobody of this portal.
    """

    kind: OwnerKind
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say the kind: ids of patients show nowhere by accident."""
        return f"Owner({self.kind})"


NOBODY: Final = Owner("none")


def owner_of(raw: bytes, *, resource_type: str, resource_id: str, base_url: str = "") -> Owner:
    """Say about whom a resource is; `raw` is its JSON.

    References count as "Patient/id", with a version, absolute below `base_url`, as `urn:uuid:` of the patient's id,
    as a search by identifier ("Patient?identifier=system|value") and as a logical reference by identifier. Those to
    another server, to a `Group` or to what is contained name nobody of this portal.
    """
    if resource_type == "Patient":
        return Owner("patient", (resource_id,))
    try:
        found = _members.decode(raw)
    except _BROKEN:
        return NOBODY
    if resource_type in _TARGETS:
        about = found.get(_TARGETS[resource_type])
        # What is contained is part of the resource itself, and nobody else's.
        targets = [
            each for each in _objects(_read(about)) if not str(each.get("reference", "")).startswith("#")
        ]
        return _of_targets([_literal(each, base_url) for each in targets])
    if resource_type in _PARTICIPANTS:
        return _one_of(
            [
                named
                for each in _objects(_read(found.get("participant")))
                if (named := _patient(each.get("actor"), base_url)) is not None
            ]
        )
    for place in _PLACES.get(resource_type, _USUAL):
        said = [
            named
            for each in _objects(_read(found.get(place)))
            if (named := _patient(each, base_url)) is not None
        ]
        if said:
            return _one_of(said)
    return NOBODY


def patient_identifiers(raw: bytes) -> frozenset[str]:
    """Return every "system|value" that a resource carries as its own identifier."""
    try:
        listed = _read(_members.decode(raw).get("identifier"))
    except _BROKEN:
        return frozenset()
    return frozenset(text for each in _objects(listed) if (text := identifier_text(each)))


def points_at(raw: bytes, *, base_url: str = "") -> frozenset[str]:
    """Return what a resource refers to within its server, each as it can be looked up.

    "Type/id" of literal references, "Type?system|value" of searches by identifier and of logical references that
    name a type, "?system|value" of those that name none.
    """
    try:
        found = msgspec.json.decode(raw)
    except (*_BROKEN, msgspec.MsgspecError):
        return literal_references(raw, base_url=base_url)
    return frozenset(_pointed(found, base_url, 0))


def names_of(raw: bytes, *, resource_type: str, resource_id: str) -> frozenset[str]:
    """Return everything that `points_at` may call this resource by."""
    carried = patient_identifiers(raw)
    # A search may leave the system away.
    plain = {f"|{text.partition('|')[2]}" for text in carried}
    return frozenset(
        {
            f"{resource_type}/{resource_id}",
            *(f"{resource_type}?{text}" for text in carried | plain),
            *(f"?{text}" for text in carried),
        }
    )


def _pointed(value: Any, base_url: str, level: int) -> Iterator[str]:
    if level > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _pointed(item, base_url, level + 1)
    elif isinstance(value, dict):
        if level:
            yield from _named(value, base_url)
        for item in value.values():
            if isinstance(item, (dict, list)):
                yield from _pointed(item, base_url, level + 1)


def _named(value: dict[str, Any], base_url: str) -> Iterator[str]:
    """Yield what an object points at, if it is a Reference."""
    text = value.get("reference")
    if isinstance(text, str):
        if literal := within(text, base_url=base_url):
            yield literal
        elif searched := conditional(text, base_url=base_url):
            yield "?".join(searched)
    if identifier := identifier_text(value.get("identifier")):
        kind = value.get("type")
        yield f"{kind if isinstance(kind, str) else ''}?{identifier}"


def identifier_text(value: object) -> str:
    """Write an Identifier as "system|value", "" where it has no value."""
    if not isinstance(value, dict):
        return ""
    system, number = value.get("system"), value.get("value")
    if not isinstance(number, str) or not number:
        return ""
    return f"{system if isinstance(system, str) else ''}|{number}"


def conditional(text: str, *, base_url: str) -> tuple[str, str] | None:
    """Return type and "system|value" of a search by identifier of this server, None for any other reference."""
    match = _CONDITIONAL.fullmatch(text)
    if match is None or ("://" in match[1] and not within(f"{match[1]}{match[2]}/x", base_url=base_url)):
        return None
    system, bar, value = match[3].partition("|")
    return match[2], f"{system}|{value}" if bar else f"|{system}"


def _of_targets(targets: list[str]) -> Owner:
    names = tuple(dict.fromkeys(name for name in targets if name))
    if not names:
        return NOBODY
    # A target that cannot be followed ("") may be anybody's: then the others do not say whose it is.
    return Owner("about" if all(targets) else "several", names)


def _one_of(said: list[Owner]) -> Owner:
    named = list(dict.fromkeys(said))
    if not named:
        return NOBODY
    if len(named) == 1:
        return named[0]
    return Owner("several", tuple(name for each in named for name in each.names))


def _patient(value: object, base_url: str) -> Owner | None:
    if not isinstance(value, dict) or value.get("type") not in {None, "Patient"}:
        return None
    text = value.get("reference")
    if not isinstance(text, str) or not text.strip():
        identifier = identifier_text(value.get("identifier"))
        return Owner("identifier", (identifier,)) if identifier else None
    if urn := _URN.fullmatch(text.strip()):
        return Owner("patient", (urn[1],))
    if named := conditional(text.strip(), base_url=base_url):
        return Owner("identifier", (named[1],)) if named[0] == "Patient" else None
    kind, _, patient = within(text, base_url=base_url).partition("/")
    return Owner("patient", (patient,)) if kind == "Patient" else None


def _literal(value: object, base_url: str) -> str:
    text = value.get("reference") if isinstance(value, dict) else None
    return within(text, base_url=base_url) if isinstance(text, str) else ""


def within(text: str, *, base_url: str) -> str:
    """Return "Type/id" for a reference into the server that an export is of, "" for any other.

    Without `base_url` nobody knows that server's address: then an absolute one may be of any, and names nothing of it.
    """
    text = text.strip()
    if not base_url and "://" in text:
        return ""
    return relative_reference(text, base_url=base_url) or ""


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def _read(raw: msgspec.Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except _BROKEN:
        return None
