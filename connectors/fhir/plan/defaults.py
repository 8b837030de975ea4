"""What to ask a server of which nothing more is known than that it follows US Core.

Queries are those that US Core makes a server answer (SHALL, versions 3.1.1 to 7.0.0); where it promises a
search by patient alone, that is the one, and where it does not, its categories are asked one by one.
Source: https://hl7.org/fhir/us/core/capability-statements.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# US Core 3.1.1: patient+category. Categories of all US Core versions and of the base specification.
_OBSERVATION: Final = (
    "category=laboratory",
    "category=vital-signs",
    "category=social-history",
    "category=imaging",
    "category=procedure",
    "category=survey",
    "category=exam",
    "category=therapy",
    "category=activity",
    "category=sdoh",
    "category=functional-status",
    "category=disability-status",
    "category=cognitive-status",
    "category=clinical-test",
    "category=observation-adi-documentation",
    "category=care-experience-preference",
    "category=treatment-intervention-preference",
)

# In the order in which they are begun: what gives a timeline its frame first, documents, the largest, last.
US_CORE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Encounter": ("",),
        "Condition": ("",),
        "AllergyIntolerance": ("",),
        # "plan" holds what the patient reports to take.
        "MedicationRequest": ("intent=order", "intent=plan"),
        "MedicationDispense": ("",),
        "Immunization": ("",),
        "Procedure": ("",),
        "Observation": _OBSERVATION,
        "DiagnosticReport": ("",),
        "ServiceRequest": ("",),
        "CarePlan": ("category=assess-plan",),
        "CareTeam": ("status=active", "status=inactive"),
        "Goal": ("",),
        "Coverage": ("",),
        "Device": ("",),
        "QuestionnaireResponse": ("",),
        "RelatedPerson": ("",),
    }
)
LAST: Final = ("DocumentReference",)

# Beyond US Core: asked only where the server says that it answers, or the person granted it by name.
FURTHER: Final = frozenset(
    {
        "Account",
        "AdverseEvent",
        "Appointment",
        "BodyStructure",
        "ChargeItem",
        "Claim",
        "ClaimResponse",
        "ClinicalImpression",
        "Communication",
        "CommunicationRequest",
        "Composition",
        "Consent",
        "Contract",
        "DetectedIssue",
        "DeviceRequest",
        "DeviceUseStatement",
        "EpisodeOfCare",
        "ExplanationOfBenefit",
        "FamilyMemberHistory",
        "Flag",
        "ImagingStudy",
        "ImmunizationRecommendation",
        "InsurancePlan",
        "Invoice",
        "List",
        "Media",
        "MedicationAdministration",
        "MedicationStatement",
        "NutritionOrder",
        "RequestGroup",
        "ResearchSubject",
        "RiskAssessment",
        "Specimen",
        "SupplyDelivery",
        "Task",
        "VisionPrescription",
    }
)
