"""What was billed for a visit and what the insurer answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from connectors.sandbox.family.chart import Chart, refer
from connectors.sandbox.family.codes import HL7, coding, concept, hl7
from connectors.sandbox.split import Resource

CURRENCY = "USD"
COPAY = Decimal("25.00")


def bill(
    chart: Chart,
    name: str,
    *,
    visit: str,
    day: datetime,
    by: str,
    coverage: str,
    items: Sequence[tuple[str, Decimal]],
    diagnoses: Sequence[str] = (),
) -> tuple[str, str]:
    """Record the Claim for a visit and its ExplanationOfBenefit; ``items``: words and charges in dollars."""
    total = sum((charge for _, charge in items), Decimal("0.00"))
    created = chart.desk.instant(day + timedelta(days=2))
    common: Resource = {
        "status": "active",
        "type": hl7("claim-type", "professional", "Professional"),
        "use": "claim",
        "patient": chart.subject,
        "billablePeriod": {"start": day.date().isoformat(), "end": day.date().isoformat()},
        "created": created,
    }
    lines: list[Resource] = [
        {
            "sequence": number,
            "productOrService": {"text": words},
            "servicedDate": day.date().isoformat(),
            "net": {"value": charge, "currency": CURRENCY},
            "encounter": [refer(visit)],
        }
        for number, (words, charge) in enumerate(items, start=1)
    ]
    claim: Resource = {
        "identifier": [{"system": chart.system("claim"), "value": chart.number(f"claim {name}", 10)}],
        **common,
        "insurer": chart.who("payer"),
        "provider": chart.who(by),
        "priority": hl7("processpriority", "normal", "Normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": refer(coverage)}],
        "item": lines,
        "total": {"value": total, "currency": CURRENCY},
    }
    if diagnoses:
        claim["diagnosis"] = [
            {"sequence": number, "diagnosisReference": refer(address)}
            for number, address in enumerate(diagnoses, start=1)
        ]
    billed = chart.add("Claim", name, claim)
    allowed = (total * Decimal("0.72")).quantize(Decimal("0.01"))
    answer: Resource = {
        "identifier": [
            {
                "type": concept(coding(f"{HL7}/v2-0203", "UC", "Unique Claim ID")),
                "system": "https://greatlakesmutual.example/claims",
                "value": chart.number(f"answer {name}", 11),
            }
        ],
        **common,
        "insurer": chart.who("payer"),
        "provider": chart.who(by),
        "claim": refer(billed),
        "outcome": "complete",
        "disposition": "Paid in network. This is not a bill.",
        "insurance": [{"focal": True, "coverage": refer(coverage)}],
        "item": [
            {
                **line,
                "adjudication": [
                    {
                        "category": hl7("adjudication", "submitted", "Submitted Amount"),
                        "amount": line["net"],
                    }
                ],
            }
            for line in lines
        ],
        "total": [
            {"category": hl7("adjudication", code, display), "amount": {"value": value, "currency": CURRENCY}}
            for code, display, value in (
                ("submitted", "Submitted Amount", total),
                ("eligible", "Eligible Amount", allowed),
                ("copay", "CoPay", COPAY),
                ("benefit", "Benefit Amount", allowed - COPAY),
            )
        ],
        "payment": {
            "date": (day + timedelta(days=24)).date().isoformat(),
            "amount": {"value": allowed - COPAY, "currency": CURRENCY},
        },
    }
    return billed, chart.add("ExplanationOfBenefit", name, answer)
