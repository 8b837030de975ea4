"""A new knee: the stay, the operation, the implant, the letter."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, at
from connectors.sandbox.family.findings import result
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import Writing, document, letter, page
from connectors.sandbox.family.plans import implant, plan
from connectors.sandbox.family.problems import procedure
from connectors.sandbox.family.routine import FOLLOW_UP, Checkup, checkup
from connectors.sandbox.family.visits import visit

SURGERY: Final = date(2023, 10, 11)
OXYCODONE: Final = Prescription(
    "oxycodone",
    "oxycodone",
    "Oxycodone-acetaminophen 5-325 mg tablet",
    "Take 1 tablet by mouth every 6 hours as needed for severe pain, at most 4 a day",
    4,
    date(2023, 10, 14),
    date(2023, 10, 28),
)


def surgery(chart: Chart, *, problems: dict[str, str]) -> tuple[str, Writing]:
    """Tell the stay; returns it and the discharge letter, which the clinic gets too."""
    leaving = date(2023, 10, 14)
    stay = visit(
        chart,
        "knee",
        start=at(SURGERY, 6, 15),
        minutes=3 * 24 * 60 + 5 * 60,
        kind=("32485007", "Hospital admission (procedure)", "Hospital Encounter"),
        reason="Elective right total knee replacement",
        by="surgeon",
        place="mercy_ward",
        setting="IMP",
        diagnoses=(problems["knee"],),
        discharge="Home with outpatient physical therapy",
    )
    procedure(
        chart,
        "knee",
        code=("609588000", "Total replacement of knee joint (procedure)"),
        words="ARTHROPLASTY, KNEE, TOTAL, RIGHT",
        period=(chart.desk.instant(at(SURGERY, 8, 5)), chart.desk.instant(at(SURGERY, 9, 40))),
        visit=stay,
        by="surgeon",
        reasons=(problems["knee"],),
        fact="knee replacement",
    )
    implant(
        chart,
        "knee",
        code=("303533002", "Knee joint prosthesis, device"),
        words="Cemented total knee system, right, size 5",
        udi="09900000000014",
        made=date(2023, 2, 20),
        lot="K7R2302",
    )
    for number, found in enumerate(("13.10", "10.90", "10.40", "10.60")):
        result(
            chart,
            f"knee hemoglobin {number}",
            analyte="hemoglobin",
            value=Decimal(found),
            when=chart.desk.instant(at(SURGERY + timedelta(days=number), 6, 20)),
            visit=stay,
            by="mercy",
            words="HEMOGLOBIN",
        )
    document(
        chart,
        "operation note",
        writing=page(
            "Operative Report",
            ("Right total knee arthroplasty, cemented, medial parapatellar approach. Blood loss 250 mL.",),
        ),
        kind="operation",
        written=at(SURGERY, 11, 0),
        by="surgeon",
        visit=stay,
        fetched=True,
    )
    writing = letter(
        "Discharge Summary - Mercy Hospital of Port Alder",
        (
            "Patient: Renée Adèle Marchetti-Lindqvist, born 17 April 1958",
            "Admitted 11 October 2023, discharged 14 October 2023. Surgeon: Lars Emil Bergqvist, MD",
            "",
            "Reason: osteoarthritis of the right knee since 2014, pain at night, walks less than 300 m.",
            "Procedure, 11 October 2023: total replacement of the right knee, cemented. No complications.",
            "Course: walked with crutches on the first day. Hemoglobin 13.10 g/dL before, lowest 10.40 g/dL",
            "on the second day, 10.60 g/dL at discharge; no transfusion. Blood sugar 126 to 178 mg/dL.",
            "Known: type 2 diabetes, hypertension, hyperlipidemia. Allergy: penicillin (hives).",
            "As before: metformin, empagliflozin, lisinopril 20 mg, atorvastatin 40 mg, aspirin 81 mg.",
            "New: oxycodone-acetaminophen 5-325 mg as needed for two weeks.",
            "Follow-up: wound check on 28 November 2023; physical therapy twice a week for eight weeks.",
            "",
            "Electronically signed by Chantal Mbeki, MD, 14 October 2023",
        ),
    )
    document(
        chart,
        "discharge letter",
        writing=writing,
        kind="discharge",
        written=at(leaving, 10, 50),
        by="mbeki",
        visit=stay,
        fetched=True,
        fact="discharge letter",
    )
    order(
        chart, OXYCODONE, by="mbeki", today=OXYCODONE.until or leaving, visit=stay, written=at(leaving, 9, 30)
    )
    plan(
        chart,
        "rehabilitation",
        title="Rehabilitation after knee replacement",
        text="Physical therapy twice a week for eight weeks; full weight as tolerated.",
        since=leaving,
        until=date(2023, 12, 15),
        state="completed",
        visit=stay,
        addresses=(problems["knee"],),
        activities=(
            ("completed", "91251008", "Physical therapy procedure", "Physical therapy, 16 sessions"),
        ),
    )
    checkup(
        chart,
        Checkup(
            "knee check",
            at(date(2023, 11, 28), 14, 0),
            "Six weeks after knee replacement",
            FOLLOW_UP,
            "surgeon",
            "mercy_clinic",
            pressure=(128, 74),
        ),
    )
    return stay, writing
