"""Visits past and to come."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.sandbox.family.chart import Chart, refer
from connectors.sandbox.family.codes import HL7, SNOMED, coding, concept, hl7
from connectors.sandbox.split import Resource

CLASSES = {
    "AMB": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient encounter",
    "VR": "virtual",
}


def visit(
    chart: Chart,
    name: str,
    *,
    start: datetime,
    minutes: int,
    kind: tuple[str, str, str],
    reason: str,
    by: str,
    place: str,
    setting: str = "AMB",
    diagnoses: Sequence[str] = (),
    discharge: str = "",
    fact: str = "",
) -> str:
    """Record an Encounter. ``kind`` is a SNOMED code, its display, and the words this portal uses instead."""
    code, display, words = kind
    body: Resource = {
        "identifier": [{"system": chart.system("visit"), "value": chart.number(f"visit {name}")}],
        "status": "finished",
        "class": coding(f"{HL7}/v3-ActCode", setting, CLASSES[setting]),
        "type": [concept(coding(SNOMED, code, display), text=words)],
        "subject": chart.subject,
        "participant": [
            {
                "type": [hl7("v3-ParticipationType", "PPRF", "primary performer")],
                "individual": chart.who(by),
            }
        ],
        "period": {
            "start": chart.desk.instant(start),
            "end": chart.desk.instant(start + timedelta(minutes=minutes)),
        },
        "reasonCode": [{"text": reason}],
        "location": [{"location": chart.who(place)}],
        "serviceProvider": chart.who(chart.desk.slug),
    }
    if diagnoses:
        body["diagnosis"] = [
            {
                "condition": refer(condition),
                "use": hl7("diagnosis-role", "DD", "Discharge diagnosis"),
                "rank": rank,
            }
            for rank, condition in enumerate(diagnoses, start=1)
        ]
    if discharge:
        body["hospitalization"] = {
            "dischargeDisposition": concept(
                coding(f"{HL7}/discharge-disposition", "home", "Home"), text=discharge
            )
        }
    return chart.add("Encounter", name, body, fact=fact)


def appointment(
    chart: Chart, name: str, *, start: datetime, minutes: int, what: str, by: str, place: str
) -> str:
    """Record a booked Appointment."""
    body: Resource = {
        "identifier": [{"system": chart.system("appointment"), "value": chart.number(f"appointment {name}")}],
        "status": "booked",
        "serviceType": [{"text": what}],
        "description": what,
        "start": chart.desk.instant(start),
        "end": chart.desk.instant(start + timedelta(minutes=minutes)),
        "participant": [
            {"actor": chart.subject, "status": "accepted"},
            {"actor": chart.who(by), "status": "accepted"},
            {"actor": chart.who(place), "status": "accepted"},
        ],
    }
    return chart.add("Appointment", name, body)
