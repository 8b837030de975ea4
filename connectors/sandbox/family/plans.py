"""What is intended and with what help: orders, goals, plans, teams, implants."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.sandbox.family.chart import Chart, refer, status
from connectors.sandbox.family.codes import LOINC, SNOMED, UCUM, US_CORE_CODES, coding, concept, hl7
from connectors.sandbox.split import Resource


def order_service(
    chart: Chart,
    name: str,
    *,
    code: Resource,
    written: str,
    by: str,
    state: str = "completed",
    visit: str = "",
    reason: str = "",
    category: tuple[str, str] = ("108252007", "Laboratory procedure"),
) -> str:
    """Record a ServiceRequest."""
    body: Resource = {
        "identifier": [{"system": chart.system("order"), "value": chart.number(f"order {name}")}],
        "status": state,
        "intent": "order",
        "category": [concept(coding(SNOMED, *category))],
        "code": code,
        "subject": chart.subject,
    }
    if visit:
        body["encounter"] = refer(visit)
    body["occurrenceDateTime"] = written
    body["authoredOn"] = written
    body["requester"] = chart.who(by)
    if reason:
        body["reasonCode"] = [{"text": reason}]
    return chart.add("ServiceRequest", name, body)


def goal(
    chart: Chart,
    name: str,
    *,
    words: str,
    measure: tuple[str, str] | None,
    below: tuple[Decimal, str] | None,
    since: date,
    state: str = "active",
    achieved: str = "in-progress",
    addresses: Sequence[str] = (),
) -> str:
    """Record a Goal; ``measure`` is a LOINC, ``below`` the value and UCUM unit to stay under."""
    body: Resource = {
        "lifecycleStatus": state,
        "achievementStatus": status("goal-achievement", achieved),
        "description": {"text": words},
        "subject": chart.subject,
        "startDate": since.isoformat(),
    }
    target: Resource = {}
    if measure:
        target["measure"] = concept(coding(LOINC, *measure))
    if below:
        target["detailQuantity"] = {
            "value": below[0],
            "comparator": "<",
            "unit": below[1],
            "system": UCUM,
            "code": below[1],
        }
    if target:
        body["target"] = [target]
    if addresses:
        body["addresses"] = [refer(address) for address in addresses]
    return chart.add("Goal", name, body)


def team(chart: Chart, name: str, *, words: str, members: Sequence[tuple[str, str, str]], since: date) -> str:
    """Record a CareTeam of ``(who, SNOMED role, its display)``."""
    body: Resource = {
        "status": "active",
        "name": words,
        "subject": chart.subject,
        "period": {"start": since.isoformat()},
        "participant": [
            {"role": [concept(coding(SNOMED, code, display), text=display)], "member": chart.who(who)}
            for who, code, display in members
        ],
        "managingOrganization": [chart.who(chart.desk.slug)],
    }
    return chart.add("CareTeam", name, body)


def plan(
    chart: Chart,
    name: str,
    *,
    title: str,
    text: str,
    since: date,
    until: date | None = None,
    state: str = "active",
    visit: str = "",
    team: str = "",
    goals: Sequence[str] = (),
    addresses: Sequence[str] = (),
    activities: Sequence[tuple[str, str, str, str]] = (),
) -> str:
    """Record a CarePlan with ``(status, SNOMED, display, words)`` as its activities."""
    period: dict[str, Any] = {"start": since.isoformat()}
    if until:
        period["end"] = until.isoformat()
    body: Resource = {
        "text": {
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>',
        },
        "status": state,
        "intent": "plan",
        "category": [
            concept(
                coding(
                    f"{US_CORE_CODES}/careplan-category",
                    "assess-plan",
                    "Assessment and Plan of Treatment",
                )
            )
        ],
        "title": title,
        "description": text,
        "subject": chart.subject,
    }
    if visit:
        body["encounter"] = refer(visit)
    body["period"] = period
    if team:
        body["careTeam"] = [refer(team)]
    if addresses:
        body["addresses"] = [refer(address) for address in addresses]
    if goals:
        body["goal"] = [refer(address) for address in goals]
    if activities:
        body["activity"] = [
            {
                "detail": {
                    "code": concept(coding(SNOMED, code, display), text=words),
                    "status": state,
                    "description": words,
                }
            }
            for state, code, display, words in activities
        ]
    return chart.add("CarePlan", name, body)


def implant(
    chart: Chart, name: str, *, code: tuple[str, str], words: str, udi: str, made: date, lot: str
) -> str:
    """Record an implanted Device by the carrier on its box."""
    body: Resource = {
        "udiCarrier": [
            {
                "deviceIdentifier": udi,
                "issuer": "http://hl7.org/fhir/NamingSystem/gs1-di",
                "carrierHRF": f"(01){udi}(11){made:%y%m%d}(10){lot}",
            }
        ],
        "status": "active",
        "manufacturer": "Norrsken Orthopaedics",
        "manufactureDate": made.isoformat(),
        "lotNumber": lot,
        "deviceName": [{"name": words, "type": "user-friendly-name"}],
        "modelNumber": "NK-7R",
        "type": concept(coding(SNOMED, *code), text=words),
        "patient": chart.subject,
    }
    return chart.add("Device", name, body)


def imaging(
    chart: Chart,
    name: str,
    *,
    code: Resource,
    when: datetime,
    conclusion: str,
    by: str,
    visit: str = "",
    order: str = "",
    form: Resource | None = None,
    category: tuple[str, str] = ("RAD", "Radiology"),
) -> str:
    """Record the report of a picture or a tracing."""
    body: Resource = {
        "identifier": [{"system": chart.system("report"), "value": chart.number(f"report {name}", 9)}],
        "status": "final",
        "category": [hl7("v2-0074", *category)],
        "code": code,
        "subject": chart.subject,
    }
    if order:
        body["basedOn"] = [refer(order)]
    if visit:
        body["encounter"] = refer(visit)
    stamp = chart.desk.instant(when)
    body["effectiveDateTime"] = stamp
    body["issued"] = stamp
    body["performer"] = [chart.who(by)]
    body["conclusion"] = conclusion
    if form is not None:
        body["presentedForm"] = [form]
    return chart.add("DiagnosticReport", name, body)
