"""Prescriptions and what the pharmacy handed out."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, refer
from connectors.sandbox.family.codes import DRUGS, HL7, RXNORM, SNOMED, UCUM, coding, concept, hl7
from connectors.sandbox.split import Resource

# Everybody prints the number of an electronic prescription: the one who wrote it and the one who filled it.
PRESCRIPTIONS: Final = "https://lakeside.example/identifiers/prescription"


@dataclass(frozen=True, slots=True)
class Prescription:
    """A drug and how to take it: ``per_day`` times ``tablets``, by mouth unless said otherwise."""

    name: str
    drug: str
    words: str
    sig: str
    per_day: int
    since: date
    until: date | None = None
    why_stopped: str = ""
    route: tuple[str, str] = ("26643006", "Oral route")
    unit: str = "tablet"

    @property
    def number(self) -> str:
        """Give the prescription's number."""
        return f"RX{self.since:%y%m%d}{sum(map(ord, self.name)) % 90 + 10}"


def drug(key: str, words: str) -> Resource:
    """Name a drug in RxNorm and in the words of who wrote it."""
    return concept(coding(RXNORM, *DRUGS[key]), text=words)


def order(
    chart: Chart,
    prescription: Prescription,
    *,
    by: str,
    today: date,
    words: str = "",
    visit: str = "",
    written: datetime | None = None,
    reasons: tuple[str, ...] = (),
    by_reference: bool = False,
    reported: bool = False,
    state: str = "",
    fact: str = "",
) -> str:
    """Record a MedicationRequest; ``by_reference`` puts the drug into a Medication of its own."""
    ended = prescription.until is not None and prescription.until <= today
    body: Resource = {}
    if not reported:
        body["identifier"] = [{"system": PRESCRIPTIONS, "value": prescription.number}]
    body["status"] = state or (
        "stopped" if ended and prescription.why_stopped else "completed" if ended else "active"
    )
    if ended and prescription.why_stopped and not reported:
        body["statusReason"] = {"text": prescription.why_stopped}
    body["intent"] = "plan" if reported else "order"
    body["category"] = [hl7("medicationrequest-category", "community", "Community")]
    if reported:
        body["reportedBoolean"] = True
    if by_reference:
        body["medicationReference"] = {
            "reference": medication(chart, prescription.drug, words or prescription.words),
            "display": words or prescription.words,
        }
    else:
        body["medicationCodeableConcept"] = drug(prescription.drug, words or prescription.words)
    body["subject"] = chart.subject
    if visit:
        body["encounter"] = refer(visit)
    body["authoredOn"] = chart.desk.instant(written) if written else prescription.since.isoformat()
    body["requester"] = chart.who(by)
    if reasons:
        body["reasonReference"] = [refer(reason) for reason in reasons]
    body["dosageInstruction"] = [dosage(prescription)]
    if not reported:
        body["dispenseRequest"] = {
            "numberOfRepeatsAllowed": 3,
            "quantity": {"value": Decimal(90 * prescription.per_day), "unit": prescription.unit},
            "expectedSupplyDuration": {"value": Decimal(90), "unit": "days", "system": UCUM, "code": "d"},
        }
    return chart.add("MedicationRequest", prescription.name, body, fact=fact)


def dosage(prescription: Prescription) -> Resource:
    """Say how to take it, in words and as structure."""
    return {
        "text": prescription.sig,
        "timing": {"repeat": {"frequency": prescription.per_day, "period": Decimal(1), "periodUnit": "d"}},
        "route": concept(coding(SNOMED, *prescription.route)),
        "doseAndRate": [
            {
                "type": hl7("dose-rate-type", "ordered", "Ordered"),
                "doseQuantity": {"value": Decimal(1), "unit": prescription.unit},
            }
        ],
    }


def medication(chart: Chart, key: str, words: str) -> str:
    """Enter a drug of the house's own list."""
    if chart.has("Medication", key, ours=False):
        return chart.address("Medication", key, ours=False)
    body: Resource = {"code": drug(key, words), "status": "active"}
    return chart.add("Medication", key, body, ours=False)


def fill(
    chart: Chart, prescription: Prescription, *, ordered: str, handed_over: datetime, number: int, words: str
) -> str:
    """Record a MedicationDispense of ninety days."""
    body: Resource = {
        "identifier": [
            {"system": chart.system("fill"), "value": f"{prescription.number}-{number:02d}"},
        ],
        "status": "completed",
        "medicationCodeableConcept": drug(prescription.drug, words),
        "subject": chart.subject,
        "performer": [{"actor": chart.who("fontaine")}],
        "location": chart.who("northern_pharmacy"),
        "authorizingPrescription": [refer(ordered)],
        "type": concept(
            coding(f"{HL7}/v3-ActCode", "FFC" if number == 1 else "RFC"),
            text="First fill" if number == 1 else "Refill",
        ),
        "quantity": {"value": Decimal(90 * prescription.per_day), "unit": prescription.unit},
        "daysSupply": {"value": Decimal(90), "unit": "days", "system": UCUM, "code": "d"},
        "whenPrepared": chart.desk.instant(handed_over),
        "whenHandedOver": chart.desk.instant(handed_over),
        "dosageInstruction": [dosage(prescription)],
    }
    return chart.add("MedicationDispense", f"{prescription.name} {number}", body)
