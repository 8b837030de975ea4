"""MedicationRequest, MedicationStatement, MedicationDispense, MedicationAdministration (and STU3/DSTU2 forms).

https://hl7.org/fhir/R4/medicationrequest.html. Orders, fills and statements stay events of their own: a fill is no
proof of use, and what is current is told from explicit signals only, elsewhere.
"""

from typing import Any

from phr.timeline.events import Coding, Event, Exclusion, Kind, When
from phr.timeline.normalize import codes, dates, read, values
from phr.timeline.normalize.draft import Draft, joined, notes

_CATEGORIES = {
    "MedicationRequest": "order",
    "MedicationOrder": "order",
    "MedicationStatement": "statement",
    "MedicationDispense": "dispense",
    "MedicationAdministration": "administration",
}
_EXCLUSIONS: dict[str, Exclusion] = {
    "entered-in-error": "entered_in_error",
    "not-done": "not_done",
    "not-taken": "not_done",
    "declined": "not_done",
    "cancelled": "not_done",
}
_STATEMENT_DATES = ("effectiveDateTime", "effectivePeriod", "dateAsserted")
_DATES = {
    "MedicationRequest": ("authoredOn", "dateWritten"),
    "MedicationOrder": ("dateWritten", "authoredOn"),
    "MedicationStatement": _STATEMENT_DATES,
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationAdministration": (
        "effectiveDateTime",
        "effectivePeriod",
        "occurenceDateTime",
        "effectiveTimePeriod",
    ),
}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One event of a drug's life; attributes["event"] is order, statement, dispense or administration."""
    resource, kind = draft.resource, draft.resource_type
    name, text, coded = drug(draft)
    doses = [*read.objs(resource, "dosageInstruction"), *read.objs(resource, "dosage")]
    dose = joined(*(dosage_text(each) for each in doses), by="; ")
    event = _CATEGORIES.get(kind, "order")
    status = codes.first_code(resource.get("status"))
    if resource.get("wasNotTaken") is True or resource.get("wasNotGiven") is True:
        status = "not-taken"
    draft.meet_all(
        "requester", "recorder", "performer", "prescriber", "informationSource", "practitioner", "dispenser"
    )
    draft.point("reason", resource.get("reasonReference"))
    draft.point("order", resource.get("authorizingPrescription") or resource.get("basedOn"))
    return (
        draft.event(
            Kind.MEDICATION,
            title=read.title(name, "Medication without a name"),
            detail=dose,
            when=dates.first(resource, *_DATES.get(kind, ())),
            until=_until(resource),
            recorded=None,
            status=status,
            # An order that was cancelled or is a plan was still given by somebody: only errors and refusals go.
            exclusion=_exclusion(status, event),
            category=event,
            codes=coded,
            text=text,
            attributes={
                "event": event,
                "intent": read.text(resource, "intent"),
                "dose": dose,
                "dose_amount": joined(*(amount_text(each) for each in doses), by="; "),
                "route": joined(*(codes.words(each.get("route")) for each in doses), by=", "),
                "as_needed": _as_needed(doses),
                "quantity": values.quantity_text(_supply(resource).get("quantity")),
                "refills": read.text(_supply(resource), "numberOfRepeatsAllowed"),
                "days_supply": values.quantity_text(resource.get("daysSupply"))
                or values.quantity_text(_supply(resource).get("expectedSupplyDuration")),
                "reason": codes.listed(resource, "reasonCode"),
                "stopped_because": codes.words(resource.get("statusReason")),
                "reported": read.text(resource, "reportedBoolean"),
                "taken": read.text(resource, "taken"),
                "note": notes(resource),
            },
        ),
    )


def drug(draft: Draft) -> tuple[str, str, tuple[Coding, ...]]:
    """(name, text, codings) of the drug: the concept, a contained Medication, or what the reference says."""
    resource = draft.resource
    concept: Any = resource.get("medicationCodeableConcept")
    pointer: Any = resource.get("medicationReference")
    if (either := resource.get("medication")) and isinstance(either, dict):  # R5: CodeableReference
        concept, pointer = either.get("concept") or concept, either.get("reference") or pointer
        concept = either if "coding" in either or "text" in either else concept
        pointer = either if isinstance(either.get("reference"), str) else pointer
    if concept and codes.words(concept):
        draft.point("medication", pointer)
        return codes.words(concept), read.text(concept, "text"), codes.codings(concept)
    said = draft.point("medication", pointer)
    inner = draft.resolved(pointer)
    held = inner.get("code")
    if inner and not codes.words(held):
        held = [i.get("itemCodeableConcept") for i in read.objs(inner, "ingredient")]
        held = held[0] if len(held) == 1 else None
    return codes.words(held) or said, read.text(held, "text") or said, codes.codings(held)


def dosage_text(dosage: read.Json) -> str:
    """How to take it in the portal's words; from structured parts only where it sent no words."""
    said = read.text(dosage, "text") or read.text(dosage, "patientInstruction")
    if said:
        return said
    parts = [amount_text(dosage), _rhythm(dosage), codes.words(dosage.get("route"))]
    return joined(*parts, codes.listed(dosage, "additionalInstruction"), by=", ")


def amount_text(dosage: read.Json) -> str:
    """The dose of one Dosage as amount and unit: "1 tablet"."""
    for holder in (read.obj(dosage, "doseAndRate"), read.obj(dosage, "dose"), dosage):
        said = values.quantity_text(holder.get("doseQuantity") or holder.get("quantity"))
        if said := said or values.range_text(holder.get("doseRange")):
            return said
    return values.quantity_text(dosage.get("dose"))


def _rhythm(dosage: read.Json) -> str:
    timing = read.obj(dosage, "timing")
    if said := codes.words(timing.get("code")):
        return said
    repeat = read.obj(timing, "repeat")
    times, period, unit = (read.text(repeat, name) for name in ("frequency", "period", "periodUnit"))
    word = {
        "s": "second",
        "min": "minute",
        "h": "hour",
        "d": "day",
        "wk": "week",
        "mo": "month",
        "a": "year",
    }.get(unit)
    if not (period and word):
        return ""
    every = f"every {word}" if _is_one(period) else f"every {period} {word}s"
    return every if not times or _is_one(times) else f"{times} times {every}"


def _is_one(number: str) -> bool:
    return values.decimal(number) == 1


def _as_needed(doses: list[read.Json]) -> str:
    for each in doses:
        said = codes.words(each.get("asNeededCodeableConcept"))
        if said or each.get("asNeededBoolean") is True or each.get("asNeeded") is True:
            return said or "as needed"
    return ""


def _supply(resource: read.Json) -> read.Json:
    return read.obj(resource, "dispenseRequest") or resource


def _until(resource: read.Json) -> When | None:
    """Only an end that was sent: how long the supply lasts says nothing about when somebody stopped."""
    return dates.until(resource, "effectivePeriod", "dateEnded")


def _exclusion(status: str, event: str) -> Exclusion:
    found = _EXCLUSIONS.get(status, "")
    return "" if status == "cancelled" and event in {"order", "statement"} else found
