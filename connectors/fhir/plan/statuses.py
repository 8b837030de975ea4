"""Asking for every status by name (PURE).

US Core lets a server demand `status` in a search and answer 400 with an OperationOutcome without it; the
search is then asked again with all values of the type's value set, which leaves nothing out.
Source: https://hl7.org/fhir/us/core/general-guidance.html#search-for-servers-requiring-status, FHIR R4.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connectors.fhir.query import Query

# Type -> (search parameter, all values of its value set in R4).
STATUSES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "AllergyIntolerance": ("clinical-status", "active,inactive,resolved"),
        "Appointment": (
            "status",
            "proposed,pending,booked,arrived,fulfilled,cancelled,noshow,entered-in-error,checked-in,waitlist",
        ),
        "CarePlan": ("status", "draft,active,on-hold,revoked,completed,entered-in-error,unknown"),
        "CareTeam": ("status", "proposed,active,suspended,inactive,entered-in-error"),
        "Condition": ("clinical-status", "active,recurrence,relapse,inactive,remission,resolved"),
        "Coverage": ("status", "active,cancelled,draft,entered-in-error"),
        "Device": ("status", "active,inactive,entered-in-error,unknown"),
        "DiagnosticReport": (
            "status",
            "registered,partial,preliminary,final,amended,corrected,appended,cancelled,entered-in-error,unknown",
        ),
        "DocumentReference": ("status", "current,superseded,entered-in-error"),
        "Encounter": (
            "status",
            "planned,arrived,triaged,in-progress,onleave,finished,cancelled,entered-in-error,unknown",
        ),
        "ExplanationOfBenefit": ("status", "active,cancelled,draft,entered-in-error"),
        "Goal": (
            "lifecycle-status",
            "proposed,planned,accepted,active,on-hold,completed,cancelled,entered-in-error,rejected",
        ),
        "Immunization": ("status", "completed,entered-in-error,not-done"),
        "MedicationDispense": (
            "status",
            "preparation,in-progress,cancelled,on-hold,completed,entered-in-error,stopped,declined,unknown",
        ),
        "MedicationRequest": (
            "status",
            "active,on-hold,cancelled,completed,entered-in-error,stopped,draft,unknown",
        ),
        "MedicationStatement": (
            "status",
            "active,completed,entered-in-error,intended,stopped,on-hold,unknown,not-taken",
        ),
        "Observation": (
            "status",
            "registered,preliminary,final,amended,corrected,cancelled,entered-in-error,unknown",
        ),
        "Procedure": (
            "status",
            "preparation,in-progress,not-done,on-hold,stopped,completed,entered-in-error,unknown",
        ),
        "QuestionnaireResponse": ("status", "in-progress,completed,amended,entered-in-error,stopped"),
        "ServiceRequest": ("status", "draft,active,on-hold,revoked,completed,entered-in-error,unknown"),
    }
)


def with_all_statuses(resource_type: str, query: Query) -> Query | None:
    """Return the query with every status named; None where it names some, or the type has none."""
    name, values = STATUSES.get(resource_type, ("", ""))
    if not name or any(given == name for given, _ in query):
        return None
    return (*query, (name, values))


def covers_all(resource_type: str, name: str, value: str) -> bool:
    """Say whether a parameter excludes nothing, for it names every status there is."""
    known, values = STATUSES.get(resource_type, ("", ""))
    return name == known and set(values.split(",")) <= set(value.split(","))
