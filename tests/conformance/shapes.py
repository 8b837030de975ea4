"""The least of each FHIR type that is a record of somebody: a table of facts.

From the resource definitions of R4 and the must-support lists of US Core, not from what any client asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_SNOMED: Final = "http://snomed.info/sct"


def concept(code: str, system: str = _SNOMED, text: str = "") -> dict[str, Any]:
    """A CodeableConcept with one Coding."""
    return {"coding": [{"system": system, "code": code}], "text": text or code}


def category(code: str) -> dict[str, Any]:
    return concept(code, f"{_TERMINOLOGY}category")


# Type -> where it says whose it is.
LINKS: Final[Mapping[str, str]] = {
    "AllergyIntolerance": "patient",
    "Appointment": "participant",
    "BodyStructure": "patient",
    "Claim": "patient",
    "ClaimResponse": "patient",
    "Consent": "patient",
    "Coverage": "beneficiary",
    "DetectedIssue": "patient",
    "Device": "patient",
    "EpisodeOfCare": "patient",
    "ExplanationOfBenefit": "patient",
    "FamilyMemberHistory": "patient",
    "Immunization": "patient",
    "ImmunizationRecommendation": "patient",
    "NutritionOrder": "patient",
    "Person": "link",
    "RelatedPerson": "patient",
    "ResearchSubject": "individual",
    "SupplyDelivery": "patient",
    "VisionPrescription": "patient",
}

# What US Core 3.1.1 to 7.0.0 has of a patient: type -> one resource a line, each found by the search that
# US Core promises for it.
US_CORE: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "AllergyIntolerance": ({"code": concept("91936005"), "recordedDate": "2024-02-03"},),
    "CarePlan": (
        {
            "status": "active",
            "intent": "plan",
            "category": [concept("assess-plan", "http://hl7.org/fhir/us/core/CodeSystem/careplan-category")],
        },
    ),
    "CareTeam": ({"status": "active"},),
    "Condition": (
        {
            "category": [category("problem-list-item")],
            "code": concept("38341003"),
            "recordedDate": "2024-03-01",
        },
        {"category": [category("encounter-diagnosis")], "code": concept("195662009")},
    ),
    "Coverage": ({"status": "active"},),
    "Device": ({"type": concept("14106009")},),
    "DiagnosticReport": (
        {
            "status": "final",
            "category": [concept("LAB", f"{_TERMINOLOGY}v2-0074")],
            "code": concept("58410-2", "http://loinc.org"),
            "effectiveDateTime": "2024-03-04T09:00:00Z",
            "issued": "2024-03-04T12:00:00Z",
        },
    ),
    "DocumentReference": (),
    "Encounter": ({"status": "finished", "class": {"code": "AMB"}, "period": {"start": "2024-03-01"}},),
    "Goal": ({"lifecycleStatus": "active", "description": {"text": "Walk more"}},),
    "Immunization": (
        {"status": "completed", "vaccineCode": concept("140"), "occurrenceDateTime": "2023-10-01"},
    ),
    "MedicationDispense": ({"status": "completed", "whenHandedOver": "2024-03-05"},),
    "MedicationRequest": (
        {"status": "active", "intent": "order", "authoredOn": "2024-03-01"},
        {"status": "active", "intent": "plan", "authoredOn": "2024-03-02"},
    ),
    "Observation": tuple(
        {
            "status": "final",
            "category": [category(name)],
            "code": concept("8867-4", "http://loinc.org"),
            "effectiveDateTime": "2024-03-04",
            "issued": "2024-03-04T12:00:00Z",
        }
        for name in ("laboratory", "vital-signs", "social-history", "survey", "exam", "imaging", "procedure")
    ),
    "Procedure": ({"status": "completed", "code": concept("80146002"), "performedDateTime": "2024-03-01"},),
    "QuestionnaireResponse": ({"status": "completed", "authored": "2024-03-01"},),
    "RelatedPerson": ({"active": True},),
    "ServiceRequest": (
        {"status": "active", "intent": "order", "code": concept("24623002"), "authoredOn": "2024-03-01"},
    ),
}

# Of types beyond that, what makes one of them whole enough to be found.
FURTHER: Final[Mapping[str, dict[str, Any]]] = {
    "Appointment": {"status": "booked", "start": "2026-10-01T09:00:00Z"},
    "Communication": {"status": "completed", "sent": "2024-03-01T09:00:00Z"},
    "EpisodeOfCare": {"status": "active", "period": {"start": "2024-03-01"}},
    "ExplanationOfBenefit": {"status": "active", "created": "2024-03-01"},
    "Media": {"status": "completed", "content": {"title": "a photo"}},
    "MedicationStatement": {"status": "active"},
    "NutritionOrder": {"status": "active", "intent": "order", "dateTime": "2024-03-01"},
}

# Who and where: nobody's, and reached from a patient's resource alone. Type -> (who points at it, how).
SUPPORTING: Final[Mapping[str, tuple[str, str]]] = {
    "Location": ("Encounter", "location"),
    "Medication": ("MedicationRequest", "medicationReference"),
    "Organization": ("Encounter", "serviceProvider"),
    "Practitioner": ("AllergyIntolerance", "recorder"),
    "PractitionerRole": ("CareTeam", "participant"),
    "Specimen": ("DiagnosticReport", "specimen"),
}

# Nothing that is written of one patient: calendars, catalogues, groups, and what servers keep of themselves.
NO_RECORD: Final = frozenset(
    {
        "ActivityDefinition",
        "AuditEvent",
        "Basic",
        "Endpoint",
        "Group",
        "HealthcareService",
        "InsurancePlan",
        "MeasureReport",
        "OperationDefinition",
        "Person",
        "PlanDefinition",
        "Questionnaire",
        "Schedule",
        "Slot",
        "Subscription",
        "Substance",
        "ValueSet",
    }
)
