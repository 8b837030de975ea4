"""FHIR types in a patient's words, for what a portal is asked and for what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a portal is asked for."""

    words: str
    icon: str
    """A heroicon."""


# Several types may be one thing to a patient; each group is said once, in this order.
_GROUPS: Final[tuple[tuple[Promise | str, str, frozenset[str]], ...]] = (
    (
        gettext_lazy("Name, birth date, contact details"),
        "identification",
        frozenset({"Patient", "RelatedPerson"}),
    ),
    (gettext_lazy("Visits and stays"), "building-office-2", frozenset({"Encounter"})),
    (gettext_lazy("Problems and diagnoses"), "tag", frozenset({"Condition"})),
    (gettext_lazy("Lab results and vital signs"), "beaker", frozenset({"Observation", "Specimen"})),
    (
        gettext_lazy("Medications"),
        "eye-dropper",
        frozenset({"MedicationRequest", "MedicationDispense", "MedicationStatement", "Medication"}),
    ),
    (gettext_lazy("Allergies"), "exclamation-triangle", frozenset({"AllergyIntolerance"})),
    (gettext_lazy("Vaccinations"), "shield-check", frozenset({"Immunization"})),
    (gettext_lazy("Procedures and operations"), "scissors", frozenset({"Procedure"})),
    (gettext_lazy("Reports"), "document-chart-bar", frozenset({"DiagnosticReport", "ImagingStudy", "Media"})),
    (
        gettext_lazy("Notes, letters and documents"),
        "document-text",
        frozenset({"DocumentReference", "Binary", "Composition"}),
    ),
    (
        gettext_lazy("Care plans, goals and care team"),
        "user-group",
        frozenset({"CarePlan", "Goal", "CareTeam"}),
    ),
    (gettext_lazy("Orders and referrals"), "pencil-square", frozenset({"ServiceRequest", "Task"})),
    (gettext_lazy("Appointments"), "calendar-days", frozenset({"Appointment"})),
    (gettext_lazy("Implants and devices"), "cpu-chip", frozenset({"Device", "DeviceUseStatement"})),
    (
        gettext_lazy("Insurance, claims and bills"),
        "banknotes",
        frozenset({"Coverage", "Claim", "ExplanationOfBenefit", "Account"}),
    ),
    (gettext_lazy("Family history"), "users", frozenset({"FamilyMemberHistory"})),
    (gettext_lazy("Questionnaires"), "clipboard", frozenset({"QuestionnaireResponse"})),
    (gettext_lazy("Messages"), "envelope", frozenset({"Communication"})),
    (
        gettext_lazy("Who treated you, and where"),
        "map-pin",
        frozenset({"Practitioner", "PractitionerRole", "Organization", "Location"}),
    ),
    (gettext_lazy("Who recorded what, and when"), "finger-print", frozenset({"Provenance"})),
)


def asks(resource_types: Iterable[str]) -> tuple[Ask, ...]:
    """Return what these types mean to a patient, each thing once; no type at all means everything."""
    wanted = frozenset(resource_types)
    if not wanted:
        return (Ask(words=_("Everything in your record that the portal offers"), icon="folder-open"),)
    named = [Ask(words=str(words), icon=icon) for words, icon, types in _GROUPS if types & wanted]
    known = frozenset[str]().union(*(types for _words, _icon, types in _GROUPS))
    if wanted - known:
        named.append(Ask(words=_("Some rarer kinds of records"), icon="ellipsis-horizontal-circle"))
    return tuple(named)
