"""Problems, allergies and procedures, as sure or unsure as they were written down."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from connectors.sandbox.family.chart import Chart, refer, status
from connectors.sandbox.family.codes import ICD10, PROBLEMS, SNOMED, coding, concept, hl7
from connectors.sandbox.split import Resource

Coded = Literal["both", "snomed", "icd"]


def problem(
    chart: Chart,
    name: str,
    *,
    what: str,
    words: str,
    onset: str = "",
    abated: str = "",
    recorded: str = "",
    state: str = "active",
    certainty: str = "confirmed",
    coded: Coded = "both",
    category: str = "problem-list-item",
    visit: str = "",
    by: str = "",
    note: str = "",
    fact: str = "",
) -> str:
    """Record a Condition. ``coded`` says which terminology this portal uses for it."""
    snomed, display, icd, icd_display = PROBLEMS[what]
    codings: list[Resource] = []
    if coded in {"both", "snomed"}:
        codings.append(coding(SNOMED, snomed, display))
    if coded in {"both", "icd"}:
        codings.append(coding(ICD10, icd, icd_display))
    body: Resource = {
        "identifier": [{"system": chart.system("problem"), "value": chart.number(f"problem {name}", 7)}]
    }
    # FHIR: what was entered in error has no clinical status.
    if certainty != "entered-in-error":
        body["clinicalStatus"] = status("condition-clinical", state)
    body["verificationStatus"] = status("condition-ver-status", certainty)
    body["category"] = [hl7("condition-category", category, category.replace("-", " ").title())]
    body["code"] = concept(*codings, text=words)
    body["subject"] = chart.subject
    if visit:
        body["encounter"] = refer(visit)
    if onset:
        body["onsetDateTime"] = onset
    if abated:
        body["abatementDateTime"] = abated
    if recorded:
        body["recordedDate"] = recorded
    if by:
        body["recorder"] = chart.who(by)
    if note:
        body["note"] = [{"text": note}]
    return chart.add("Condition", name, body, fact=fact)


def allergy(
    chart: Chart,
    name: str,
    *,
    code: Resource,
    state: str = "active",
    certainty: str = "confirmed",
    onset: str = "",
    recorded: str = "",
    reaction: Mapping[str, Any] | None = None,
    criticality: str = "",
    category: str = "medication",
    by: str = "",
    fact: str = "",
) -> str:
    """Record an AllergyIntolerance; the substance may stand in ``code`` or in ``reaction``."""
    body: Resource = {}
    if certainty != "entered-in-error":
        body["clinicalStatus"] = status("allergyintolerance-clinical", state)
    body["verificationStatus"] = status("allergyintolerance-verification", certainty)
    if category:
        body["category"] = [category]
    if criticality:
        body["criticality"] = criticality
    body["code"] = code
    body["patient"] = chart.subject
    if onset:
        body["onsetDateTime"] = onset
    if recorded:
        body["recordedDate"] = recorded
    if by:
        body["recorder"] = chart.who(by)
    if reaction:
        body["reaction"] = [dict(reaction)]
    return chart.add("AllergyIntolerance", name, body, fact=fact)


def procedure(
    chart: Chart,
    name: str,
    *,
    code: tuple[str, str],
    words: str,
    performed: str = "",
    period: tuple[str, str] | None = None,
    state: str = "completed",
    why_not: str = "",
    visit: str = "",
    by: str = "",
    place: str = "",
    reasons: Sequence[str] = (),
    note: str = "",
    fact: str = "",
) -> str:
    """Record a Procedure, also one that was not done."""
    body: Resource = {"status": state}
    if why_not:
        body["statusReason"] = {"text": why_not}
    body["code"] = concept(coding(SNOMED, *code), text=words)
    body["subject"] = chart.subject
    if visit:
        body["encounter"] = refer(visit)
    if performed:
        body["performedDateTime"] = performed
    if period:
        body["performedPeriod"] = {"start": period[0], "end": period[1]}
    if by:
        body["performer"] = [{"actor": chart.who(by)}]
    if place:
        body["location"] = chart.who(place)
    if reasons:
        body["reasonReference"] = [refer(reason) for reason in reasons]
    if note:
        body["note"] = [{"text": note}]
    return chart.add("Procedure", name, body, fact=fact)
