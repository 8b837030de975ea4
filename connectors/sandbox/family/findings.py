"""Observations: laboratory results, vital signs, social history and answers to questionnaires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox.family.chart import Chart, refer
from connectors.sandbox.family.codes import (
    ANALYTES,
    LOINC,
    PANELS,
    SNOMED,
    UCUM,
    VITALS,
    Analyte,
    coding,
    concept,
    hl7,
)
from connectors.sandbox.split import Resource


@dataclass(frozen=True, slots=True)
class Drawing:
    """Blood or urine taken once, and what was found in it: the event that every copy tells of."""

    name: str
    taken: datetime
    panel: str
    values: Mapping[str, Decimal]

    @property
    def accession(self) -> str:
        """Give the laboratory's number, printed on the report and kept by whoever receives it."""
        return f"NL{self.taken:%y%m%d}-{sum(map(ord, self.name + self.panel)) % 900 + 100}"


def observe(
    chart: Chart,
    name: str,
    *,
    code: Resource,
    category: str,
    when: str,
    value: Mapping[str, Any],
    visit: str = "",
    by: str = "",
    status: str = "final",
    fact: str = "",
    further: Mapping[str, Any] | None = None,
) -> str:
    """Record one Observation; ``value`` is its value[x] (or components) and whatever belongs to it."""
    body: Resource = {
        "status": status,
        "category": [hl7("observation-category", category, category.replace("-", " ").title())],
        "code": code,
        "subject": chart.subject,
    }
    if visit:
        body["encounter"] = refer(visit)
    body["effectiveDateTime"] = when
    if by:
        body["performer"] = [chart.who(by)]
    return chart.add("Observation", name, {**body, **value, **(further or {})}, fact=fact)


def quantity(value: Decimal, unit: str, code: str = "") -> Resource:
    """Make a Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def result(
    chart: Chart,
    name: str,
    *,
    analyte: str,
    value: Decimal,
    when: str,
    unit: str = "",
    words: str = "",
    visit: str = "",
    by: str = "",
    status: str = "final",
    fact: str = "",
    issued: str = "",
    further: Mapping[str, Any] | None = None,
) -> str:
    """Record one laboratory value with the range and the flag of the laboratory that measured it."""
    known = ANALYTES[analyte]
    content: Resource = {}
    if issued:
        content["issued"] = issued
    content["valueQuantity"] = quantity(value, unit or known.unit, known.unit)
    mark = flag(known, value)
    if mark:
        content["interpretation"] = [hl7("v3-ObservationInterpretation", *mark)]
    bounds = {
        side: quantity(Decimal(text), unit or known.unit, known.unit)
        for side, text in (("low", known.low), ("high", known.high))
        if text
    }
    if bounds:
        spelled = "-".join(text for text in (known.low, known.high) if text)
        content["referenceRange"] = [
            {**bounds, "text": spelled if len(bounds) > 1 else f"{'<=' if known.high else '>='}{spelled}"}
        ]
    return observe(
        chart,
        name,
        code=concept(coding(LOINC, known.loinc, known.display), text=words or known.text),
        category="laboratory",
        when=when,
        value=content,
        visit=visit,
        by=by,
        status=status,
        fact=fact,
        further=further,
    )


def flag(known: Analyte, value: Decimal) -> tuple[str, str] | None:
    """Say what the laboratory prints beside the value."""
    if known.low and value < Decimal(known.low):
        return ("L", "Low")
    if known.high and value > Decimal(known.high):
        return ("H", "High")
    return ("N", "Normal") if known.low or known.high else None


def report(
    chart: Chart,
    drawing: Drawing,
    *,
    results: Sequence[str],
    when: str,
    visit: str = "",
    by: str,
    specimen: str = "",
    order: str = "",
    words: str = "",
    pdf: Resource | None = None,
    status: str = "final",
) -> str:
    """Record the DiagnosticReport that holds these results, under the laboratory's number."""
    loinc, display, text, _ = PANELS[drawing.panel]
    body: Resource = {
        "identifier": [
            {"system": "https://northern.example/identifiers/accession", "value": drawing.accession}
        ],
        "status": status,
        "category": [hl7("v2-0074", "LAB", "Laboratory")],
        "code": concept(coding(LOINC, loinc, display), text=words or text),
        "subject": chart.subject,
        "effectiveDateTime": when,
        "issued": chart.desk.instant(drawing.taken + timedelta(hours=7)),
        "performer": [chart.who(by)],
        "result": [refer(address) for address in results],
    }
    if visit:
        body["encounter"] = refer(visit)
    if order:
        body["basedOn"] = [refer(order)]
    if specimen:
        body["specimen"] = [refer(specimen)]
    if pdf is not None:
        body["presentedForm"] = [pdf]
    name = f"{drawing.name} {drawing.panel}"
    return chart.add("DiagnosticReport", name, body, fact=f"report {name}")


def specimen(
    chart: Chart, name: str, *, taken: datetime, kind: tuple[str, str, str], accession: str = ""
) -> str:
    """Record what was taken from the body."""
    code, display, words = kind
    body: Resource = {
        "identifier": [{"system": chart.system("specimen"), "value": chart.number(f"specimen {name}", 9)}],
        "status": "available",
        "type": concept(coding(SNOMED, code, display), text=words),
        "subject": chart.subject,
        "receivedTime": chart.desk.instant(taken + timedelta(minutes=50)),
        "collection": {"collectedDateTime": chart.desk.instant(taken)},
    }
    if accession:
        body["accessionIdentifier"] = {"system": chart.system("accession"), "value": accession}
    return chart.add("Specimen", name, body)


def vital(
    chart: Chart,
    name: str,
    *,
    what: str,
    value: Decimal,
    when: str,
    visit: str,
    by: str = "",
    status: str = "final",
) -> str:
    """Record one vital sign."""
    known = VITALS[what]
    unit = {"Cel": "°C", "/min": "beats/min" if what == "heart_rate" else "/min"}.get(known.unit, known.unit)
    return observe(
        chart,
        f"{name} {what}",
        code=concept(coding(LOINC, known.loinc, known.display), text=known.text),
        category="vital-signs",
        when=when,
        value={"valueQuantity": quantity(value, unit, known.unit)},
        visit=visit,
        by=by,
        status=status,
    )


def blood_pressure(
    chart: Chart, name: str, *, systolic: int, diastolic: int, when: str, visit: str, by: str = ""
) -> str:
    """Record a blood pressure: a panel without a value of its own, the numbers in its components."""
    parts = (
        ("8480-6", "Systolic blood pressure", systolic),
        ("8462-4", "Diastolic blood pressure", diastolic),
    )
    return observe(
        chart,
        f"{name} pressure",
        code=concept(
            coding(LOINC, "85354-9", "Blood pressure panel with all children optional"), text="Blood pressure"
        ),
        category="vital-signs",
        when=when,
        value={
            "component": [
                {
                    "code": concept(coding(LOINC, code, display), text=display),
                    "valueQuantity": quantity(Decimal(number), "mmHg", "mm[Hg]"),
                }
                for code, display, number in parts
            ]
        },
        visit=visit,
        by=by,
    )


def smoking(chart: Chart, name: str, *, code: str, display: str, when: str, visit: str = "") -> str:
    """Record whether the person smokes."""
    return observe(
        chart,
        name,
        code=concept(coding(LOINC, "72166-2", "Tobacco smoking status"), text="Smoking status"),
        category="social-history",
        when=when,
        value={"valueCodeableConcept": concept(coding(SNOMED, code, display), text=display)},
        visit=visit,
    )


def mood(chart: Chart, name: str, *, answers: Sequence[int], when: str, visit: str, by: str) -> str:
    """Record two questions on mood: the answers as a QuestionnaireResponse, their sum as an Observation."""
    questions = (
        ("44250-9", "Little interest or pleasure in doing things"),
        ("44255-8", "Feeling down, depressed, or hopeless"),
    )
    words = ("Not at all", "Several days", "More than half the days", "Nearly every day")
    codes = ("LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9")
    response: Resource = {
        "questionnaire": f"https://{chart.desk.slug}.example/questionnaires/phq-2",
        "status": "completed",
        "subject": chart.subject,
        "encounter": refer(visit),
        "authored": when,
        "author": chart.who(by),
        "item": [
            {
                "linkId": f"/{code}",
                "text": text,
                "answer": [{"valueCoding": coding(LOINC, codes[answer], words[answer])}],
            }
            for (code, text), answer in zip(questions, answers, strict=True)
        ],
    }
    written = chart.add("QuestionnaireResponse", name, response)
    return observe(
        chart,
        f"{name} score",
        code=concept(
            coding(LOINC, "55758-7", "Patient Health Questionnaire 2 item (PHQ-2) total score [Reported]"),
            text="PHQ-2 score",
        ),
        category="survey",
        when=when,
        value={"valueInteger": sum(answers)},
        visit=visit,
        by=by,
        further={"derivedFrom": [refer(written)]},
    )


def taken_from(kind: str) -> tuple[str, str, str]:
    """Name a specimen: SNOMED code, its display, the label on the tube."""
    return {
        "blood": ("119297000", "Blood specimen (specimen)", "Venous blood"),
        "urine": ("122575003", "Urine specimen (specimen)", "Urine, spot"),
    }[kind]
