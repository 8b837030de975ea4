"""Renée's life as three houses hold it, and what passed between them."""

from collections.abc import Mapping
from datetime import date

from connectors.sandbox.family import course, renee_clinic, renee_hospital, renee_laboratory
from connectors.sandbox.family.chart import Chart, at
from connectors.sandbox.family.codes import HL7, coding
from connectors.sandbox.family.medications import order
from connectors.sandbox.family.model import LookAlike
from connectors.sandbox.family.notes import document
from connectors.sandbox.family.problems import procedure
from connectors.sandbox.family.renee_emergency import EMERGENCY
from connectors.sandbox.family.renee_hospital import Hospital
from connectors.sandbox.family.renee_prescriptions import PRESCRIPTIONS
from connectors.sandbox.family.renee_surgery import SURGERY
from connectors.sandbox.split import Resource


def tell(charts: Mapping[str, Chart], *, until: date) -> None:
    """Fill Renée's three charts."""
    drawn = list(course.drawings(seed=charts["northern"].seed, until=until))
    clinic, hospital, laboratory = charts["lakeside"], charts["mercy"], charts["northern"]
    known = renee_hospital.tell(hospital, until=until)
    problems = renee_clinic.tell(clinic, until=until, drawn=drawn)
    renee_laboratory.tell(laboratory, until=until, drawn=drawn)
    home = _home_list(hospital)
    emergency = _letters(clinic, hospital, known)
    _what_is_apart(charts, known)
    ledger = clinic.ledger
    ledger.unprovable += [
        LookAlike(
            (("lakeside", emergency), ("mercy", known.emergency.visit)),
            "the clinic's note of the emergency visit carries neither participant nor number, only the day",
        ),
        LookAlike(
            (("lakeside", problems["hypertension"]), ("mercy", known.hypertension)),
            "one high blood pressure, in SNOMED CT here and ICD-10-CM there, without a shared code",
        ),
    ]
    ledger.apart += [
        LookAlike(
            (("mercy", address), ("lakeside", clinic.address("MedicationRequest", name))),
            "the hospital lists what the patient says she takes; the clinic prescribed it: two statements",
        )
        for name, address in home.items()
    ]


def _home_list(hospital: Chart) -> dict[str, str]:
    """Write what the hospital took down from the patient's own mouth: statements, not orders."""
    return {
        entry.name: order(
            hospital,
            entry,
            by="mbeki",
            today=EMERGENCY,
            words=entry.words.capitalize(),
            written=at(SURGERY, 6, 40),
            by_reference=True,
            reported=True,
            state="active",
        )
        for entry in PRESCRIPTIONS
        if entry.name in {"lisinopril 20", "metformin 1000"}
    }


def _letters(clinic: Chart, hospital: Chart, known: Hospital) -> str:
    """File at the clinic what came by mail; returns the emergency visit as the clinic has it."""
    document(
        clinic,
        "discharge letter",
        writing=known.discharge_letter,
        kind="discharge",
        words="Hospital discharge summary (scanned)",
        written=at(date(2023, 10, 16), 8, 15),
        by="surgeon",
        fact="discharge letter",
    )
    procedure(
        clinic,
        "knee",
        code=("609588000", "Total replacement of knee joint (procedure)"),
        words="Right knee replacement (Mercy)",
        performed=SURGERY.isoformat(),
        by="surgeon",
        fact="knee replacement",
    )
    outside: Resource = {
        "status": "finished",
        "class": coding(f"{HL7}/v3-ActCode", "EMER", "emergency"),
        "type": [{"text": "Emergency visit (outside)"}],
        "subject": clinic.subject,
        "period": {"start": EMERGENCY.isoformat(), "end": EMERGENCY.isoformat()},
        "reasonCode": [{"text": "Chest pain"}],
    }
    emergency = clinic.add("Encounter", "outside emergency", outside)
    number = hospital.resources[known.stay]["identifier"][0]
    stay: Resource = {
        "identifier": [{"system": number["system"], "value": number["value"]}],
        "status": "finished",
        "class": coding(f"{HL7}/v3-ActCode", "IMP", "inpatient encounter"),
        "type": [{"text": "Hospital stay (outside)"}],
        "subject": clinic.subject,
        "period": {"start": SURGERY.isoformat(), "end": "2023-10-14"},
        "reasonCode": [{"text": "Knee replacement"}],
    }
    clinic.add("Encounter", "outside stay", stay, fact="hospital stay for the knee")
    hospital.ledger.facts["Encounter", "hospital stay for the knee"]["mercy"] = known.stay
    return emergency


def _what_is_apart(charts: Mapping[str, Chart], known: Hospital) -> None:
    northern = charts["northern"]
    charts["mercy"].ledger.apart += [
        LookAlike(
            tuple(("mercy", address) for address in known.emergency.troponins),
            "two troponins of one value, three hours apart",
        ),
        LookAlike(
            tuple(("mercy", address) for address in known.emergency.potassium),
            "two tubes of one minute with one result",
        ),
        LookAlike(
            tuple(("mercy", address) for address in known.emergency.fingersticks),
            "two fingersticks of one minute with one result",
        ),
        LookAlike(
            (
                ("mercy", known.same_morning_hba1c),
                ("northern", northern.address("Observation", "2022-09-13 hba1c")),
            ),
            "two laboratories, one morning: mmol/mol by one method, percent by the other",
        ),
        LookAlike(
            (("mercy", known.penicillin), ("northern", northern.address("AllergyIntolerance", "none"))),
            "the pharmacy knows of no allergy; the hospital knows of penicillin",
        ),
    ]
