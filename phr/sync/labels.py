"""FHIR's types in a patient's words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_LABELS: Final[dict[str, Promise]] = {
    "Patient": _("Who you are"),
    "Encounter": _("Visits"),
    "Condition": _("Problems"),
    "Observation": _("Results and measurements"),
    "MedicationRequest": _("Prescriptions"),
    "MedicationDispense": _("Pharmacy fills"),
    "MedicationStatement": _("Medications you reported"),
    "MedicationAdministration": _("Medications given"),
    "Medication": _("Medication details"),
    "AllergyIntolerance": _("Allergies"),
    "Immunization": _("Vaccines"),
    "Procedure": _("Procedures"),
    "DiagnosticReport": _("Reports"),
    "DocumentReference": _("Documents"),
    "Binary": _("Document files"),
    "CarePlan": _("Care plans"),
    "CareTeam": _("Care teams"),
    "Goal": _("Goals"),
    "Device": _("Devices"),
    "Coverage": _("Insurance"),
    "ExplanationOfBenefit": _("Insurance statements"),
    "Claim": _("Claims"),
    "Appointment": _("Appointments"),
    "ServiceRequest": _("Orders"),
    "Specimen": _("Samples"),
    "QuestionnaireResponse": _("Questionnaires"),
    "FamilyMemberHistory": _("Family history"),
    "RelatedPerson": _("Related people"),
    "Provenance": _("Origins of records"),
    "Practitioner": _("Doctors and nurses"),
    "PractitionerRole": _("Roles of doctors and nurses"),
    "Organization": _("Organizations"),
    "Location": _("Places"),
    "ImagingStudy": _("Images"),
    "Communication": _("Messages"),
    "NutritionOrder": _("Diets"),
}


def type_label(resource_type: str, kind: str = "search") -> str:
    """Return the words for a type, or for a step that follows what others point at."""
    if kind == "references":
        return str(_("People and places referred to"))
    if kind == "everything":
        return str(_("Your whole record"))
    if kind == "attachments":
        return str(_("Files of documents"))
    return str(_LABELS.get(resource_type, resource_type))
