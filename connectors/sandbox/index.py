"""What a resource can be found by: read from its JSON once, when it is stored (PURE)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.sandbox.dates import FOREVER, Span, span

# Where a resource says whose it is. The patient compartment of R4 names more fields; these are those that
# hold one.
PATIENT_FIELDS: Final = ("patient", "subject", "beneficiary", "for", "individual", "source", "policyHolder")
# Readable without belonging to a patient: they describe who and where, not whom.
SHARED_TYPES: Final = frozenset(
    {
        "Endpoint",
        "HealthcareService",
        "InsurancePlan",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "Substance",
    }
)
# Search parameter -> elements it looks at, the first that is there counting for dates.
TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "category": ("category",),
    "clinical-status": ("clinicalStatus",),
    "code": ("code", "vaccineCode", "medicationCodeableConcept"),
    "identifier": ("identifier",),
    "intent": ("intent",),
    "lifecycle-status": ("lifecycleStatus",),
    "status": ("status",),
    "type": ("type",),
    "vaccine-code": ("vaccineCode",),
    "verification-status": ("verificationStatus",),
}
DATES: Final[Mapping[str, tuple[str, ...]]] = {
    "authored": ("authoredOn", "authored"),
    "authoredon": ("authoredOn",),
    "birthdate": ("birthDate",),
    "created": ("created",),
    "date": (
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "performedDateTime",
        "performedPeriod",
        "occurrenceDateTime",
        "occurrencePeriod",
        "period",
        "date",
        "start",
        "authoredOn",
        "recordedDate",
        "created",
    ),
    "issued": ("issued",),
    "onset-date": ("onsetDateTime", "onsetPeriod"),
    "period": ("period",),
    "recorded-date": ("recordedDate",),
    "service-date": ("billablePeriod",),
    "start-date": ("startDate",),
    "target-date": ("target",),
    "whenhandedover": ("whenHandedOver",),
}
# The parameters of dates that R4 has for a type: others are not known for it, unless a vendor adds them.
# Source: https://hl7.org/fhir/R4/searchparameter-registry.html
DATE_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "AllergyIntolerance": ("date",),
    "Appointment": ("date",),
    "CarePlan": ("date",),
    "CareTeam": ("date",),
    "Claim": ("created",),
    "ClinicalImpression": ("date",),
    "Communication": (),
    "Composition": ("date", "period"),
    "Condition": ("onset-date", "recorded-date"),
    "Consent": ("date", "period"),
    "Coverage": (),
    "Device": (),
    "DiagnosticReport": ("date", "issued"),
    "DocumentReference": ("date", "period"),
    "Encounter": ("date",),
    "EpisodeOfCare": ("date",),
    "ExplanationOfBenefit": ("created", "service-date"),
    "FamilyMemberHistory": ("date",),
    "Goal": ("start-date", "target-date"),
    "Immunization": ("date",),
    "List": ("date",),
    "Location": (),
    "Media": ("created",),
    "Medication": (),
    "MedicationDispense": ("whenhandedover",),
    "MedicationRequest": ("authoredon", "date"),
    "Observation": ("date",),
    "Organization": (),
    "Patient": ("birthdate",),
    "Practitioner": (),
    "PractitionerRole": ("date",),
    "Procedure": ("date",),
    "Provenance": (),
    "QuestionnaireResponse": ("authored",),
    "RelatedPerson": (),
    "RiskAssessment": ("date",),
    "ServiceRequest": ("authored",),
    "Specimen": (),
}
REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "encounter": ("encounter", "context"),
    "medication": ("medicationReference",),
    "organization": ("organization", "managingOrganization"),
    "performer": ("performer",),
    "practitioner": ("practitioner",),
    "requester": ("requester",),
    "target": ("target",),
}
BINARY: Final = re.compile(r"(?:^|/)Binary/([A-Za-z0-9.\-]{1,64})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource, ready to be searched. `owners`: the patients it belongs to; none for shared ones."""

    type: str
    id: str
    last_updated: float
    owners: frozenset[str]
    binaries: frozenset[str]
    tokens: Mapping[str, frozenset[str]]
    dates: Mapping[str, Span]
    references: Mapping[str, frozenset[str]]


def row(resource: Mapping[str, Any], *, last_updated: float) -> Row:
    """Index one parsed resource. Content of the wrong shape is left out, never an error."""
    kind, identifier = str(resource.get("resourceType", "")), str(resource.get("id", ""))
    owners = {identifier} if kind == "Patient" else set()
    for name in PATIENT_FIELDS:
        owners.update(_patients(resource.get(name)))
    if kind == "Appointment":
        for participant in _each(resource.get("participant")):
            owners.update(_patients(participant.get("actor") if isinstance(participant, Mapping) else None))
    dates = {}
    for name, fields in DATES.items():
        found = next((value for field in fields if (value := _span(resource.get(field))) is not None), None)
        if found is not None:
            dates[name] = found
    return Row(
        type=kind,
        id=identifier,
        last_updated=last_updated,
        owners=frozenset(owners),
        binaries=frozenset(_binaries(resource)),
        tokens=_collect(resource, TOKENS, _codes),
        dates=dates,
        references=_collect(resource, REFERENCES, _links),
    )


def _collect(
    resource: Mapping[str, Any], table: Mapping[str, tuple[str, ...]], read: Any
) -> dict[str, frozenset[str]]:
    found = {
        name: frozenset(text for field in fields for text in read(resource.get(field)))
        for name, fields in table.items()
    }
    return {name: texts for name, texts in found.items() if texts}


def _each(value: object) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _codes(value: object) -> Iterator[str]:
    """Yield "code" and "system|code" of codes, Codings, CodeableConcepts and Identifiers."""
    for item in _each(value):
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            code = item.get("code", item.get("value"))
            if isinstance(code, str):
                yield code
                yield f"{item.get('system', '')}|{code}"
            yield from _codes(item.get("coding"))


def _links(value: object) -> Iterator[str]:
    for item in _each(value):
        if isinstance(item, Mapping):
            if isinstance(item.get("reference"), str):
                yield item["reference"]
            yield from _links(item.get("actor"))


def _patients(value: object) -> Iterator[str]:
    for reference in _links(value):
        kind, _, identifier = reference.partition("/")
        if kind == "Patient" and identifier:
            yield identifier


def _span(value: object) -> Span | None:
    if isinstance(value, str):
        return span(value)
    if isinstance(value, Mapping):
        start, end = value.get("start"), value.get("end")
        low = span(start) if isinstance(start, str) else None
        high = span(end) if isinstance(end, str) else None
        if low is None and high is None:
            return None
        return Span(low.low if low else -FOREVER, high.high if high else FOREVER)
    return None


def _binaries(value: object) -> Iterator[str]:
    """Yield the ids of Binaries that attachments anywhere in the resource point at."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in {"url", "reference"} and isinstance(inner, str):
                match = BINARY.search(inner)
                if match:
                    yield match[1]
            else:
                yield from _binaries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _binaries(inner)
