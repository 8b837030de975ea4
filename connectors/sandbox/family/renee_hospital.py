"""Renée at the hospital: pictures, one frightening Monday, a diabetes specialist, a new knee."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family import course
from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.codes import LOINC, RXNORM, SNOMED, coding, concept
from connectors.sandbox.family.findings import blood_pressure, result, specimen, taken_from, vital
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import Writing, document, letter, page
from connectors.sandbox.family.people import RENEE, coverage, patient, relatives
from connectors.sandbox.family.plans import imaging, implant, order_service, plan, team
from connectors.sandbox.family.problems import allergy, problem, procedure
from connectors.sandbox.family.routine import FOLLOW_UP, Checkup, checkup
from connectors.sandbox.family.visits import appointment, visit

EMERGENCY: Final = date(2021, 6, 14)
SURGERY: Final = date(2023, 10, 11)
ASPIRIN: Final = Prescription(
    "aspirin",
    "aspirin81",
    "Aspirin 81 mg chewable tablet",
    "Take 1 tablet (81 mg) by mouth daily",
    1,
    EMERGENCY,
)
EMPAGLIFLOZIN: Final = Prescription(
    "empagliflozin",
    "empagliflozin",
    "Empagliflozin 10 mg tablet",
    "Take 1 tablet (10 mg) by mouth every morning",
    1,
    date(2021, 9, 14),
)
OXYCODONE: Final = Prescription(
    "oxycodone",
    "oxycodone",
    "Oxycodone-acetaminophen 5-325 mg tablet",
    "Take 1 tablet by mouth every 6 hours as needed for severe pain, at most 4 a day",
    4,
    date(2023, 10, 14),
    date(2023, 10, 28),
)


@dataclass(frozen=True, slots=True)
class Hospital:
    """What the other houses got to know of these stays."""

    emergency: str
    stay: str
    discharge_letter: Writing
    first_troponin: str
    second_troponin: str
    potassium: tuple[str, str]
    fingersticks: tuple[str, str]
    same_morning_hba1c: str
    hypertension: str


def tell(chart: Chart, *, until: date) -> Hospital:
    """Tell the hospital's part of the story."""
    patient(chart, RENEE)
    relatives(chart)
    coverage(chart, RENEE, since=date(2015, 1, 1))
    allergy(
        chart,
        "penicillin",
        code=concept(
            coding(RXNORM, "7980", "penicillin G"),
            coding(SNOMED, "373270004", "Penicillin -class of antibiotic- (substance)"),
            text="PENICILLINS",
        ),
        recorded="2014-09-18",
        criticality="low",
        reaction={"manifestation": [{"text": "Hives"}]},
        fact="penicillin",
    )
    problems = _problems(chart)
    _pictures(chart, until=until)
    _bowel(chart)
    emergency, troponins, potassium, sticks = _emergency(chart)
    same_morning = _specialist(chart, until=until, problems=problems)
    stay, writing = _surgery(chart, problems=problems)
    return Hospital(
        emergency=emergency,
        stay=stay,
        discharge_letter=writing,
        first_troponin=troponins[0],
        second_troponin=troponins[1],
        potassium=potassium,
        fingersticks=sticks,
        same_morning_hba1c=same_morning,
        hypertension=problems["hypertension"],
    )


def _problems(chart: Chart) -> dict[str, str]:
    return {
        "hypertension": problem(
            chart,
            "hypertension",
            what="hypertension",
            words="Essential hypertension",
            coded="icd",
            by="mbeki",
        ),
        "lipids": problem(
            chart,
            "lipids",
            what="lipids",
            words="Hyperlipidemia, unspecified hyperlipidemia type",
            coded="icd",
            by="raghunathan",
            fact="hyperlipidemia",
        ),
        "diabetes": problem(
            chart,
            "diabetes",
            what="diabetes",
            words="Type 2 diabetes mellitus (HCC)",
            recorded="2021-09-14",
            by="raghunathan",
            fact="type 2 diabetes",
        ),
        "knee": problem(
            chart,
            "knee",
            what="knee",
            words="Primary osteoarthritis of right knee",
            onset="2014-09",
            abated="2023-10-11",
            state="resolved",
            coded="icd",
            by="surgeon",
            fact="knee osteoarthritis",
        ),
        "anemia": problem(
            chart,
            "anemia",
            what="anemia",
            words="Iron deficiency anemia, unspecified iron deficiency anemia type",
            onset="2017-04-18",
            abated="2017-12-20",
            state="resolved",
            by="mbeki",
            fact="iron deficiency anemia",
        ),
    }


def _pictures(chart: Chart, *, until: date) -> None:
    knee = order_service(
        chart,
        "knee film",
        code=concept(text="XR KNEE RIGHT 3 VIEWS WEIGHT BEARING"),
        written="2014-09-17",
        by="surgeon",
        category=("363679005", "Imaging"),
    )
    imaging(
        chart,
        "knee film",
        code=concept(
            coding(LOINC, "18748-4", "Diagnostic imaging study"),
            text="XR KNEE RIGHT 3 VIEWS WEIGHT BEARING WITH COMPARISON VIEW OF THE LEFT KNEE AND PATELLAR SUNRISE",
        ),
        when=at(date(2014, 9, 18), 13, 15),
        order=knee,
        conclusion="Medial joint space narrowing with marginal osteophytes, moderate. No fracture, no effusion.",
        by="castells",
    )
    for year in range(2008, until.year + 1, 2):
        day = course.on(year, 6, 3, seed=chart.seed, name="mammogram")
        if day < until:
            imaging(
                chart,
                f"mammogram {year}",
                code=concept(
                    coding(LOINC, "24606-6", "MG Breast Screening"), text="MAMMO SCREENING BILATERAL"
                ),
                when=at(day, 10, 30),
                conclusion="No mammographic evidence of malignancy. BI-RADS 1, negative.",
                by="castells",
            )


def _bowel(chart: Chart) -> None:
    day = date(2017, 5, 9)
    seen = visit(
        chart,
        "endoscopy",
        start=at(day, 8, 0),
        minutes=150,
        kind=FOLLOW_UP,
        reason="Iron deficiency anemia, search for blood loss",
        by="mbeki",
        place="mercy_clinic",
    )
    procedure(
        chart,
        "colonoscopy",
        code=("73761001", "Colonoscopy (procedure)"),
        words="Colonoscopy, diagnostic",
        period=(chart.desk.instant(at(day, 8, 35)), chart.desk.instant(at(day, 9, 5))),
        visit=seen,
        by="mbeki",
        note="Normal to the cecum. No source of bleeding; naproxen the likely cause.",
    )


def _emergency(chart: Chart) -> tuple[str, tuple[str, str], tuple[str, str], tuple[str, str]]:
    start = at(EMERGENCY, 13, 40)
    pain = problem(
        chart,
        "chest pain",
        what="chest_pain",
        words="Chest pain, unspecified type",
        onset=EMERGENCY.isoformat(),
        abated=EMERGENCY.isoformat(),
        state="resolved",
        coded="both",
        category="encounter-diagnosis",
        by="echeverria",
    )
    stay = visit(
        chart,
        "emergency",
        start=start,
        minutes=400,
        kind=("50849002", "Emergency room admission (procedure)", "Emergency Department Visit"),
        reason="Chest pressure while carrying groceries, gone after twenty minutes",
        by="echeverria",
        place="mercy_ed",
        setting="EMER",
        diagnoses=(pain,),
        discharge="Discharged to home or self care",
    )
    problem(
        chart,
        "embolism",
        what="embolism",
        words="Pulmonary embolism",
        certainty="refuted",
        state="inactive",
        category="encounter-diagnosis",
        visit=stay,
        recorded=EMERGENCY.isoformat(),
        by="echeverria",
        note="D-dimer below the age-adjusted limit.",
    )
    first, second = at(EMERGENCY, 14, 5), at(EMERGENCY, 17, 5)
    told: dict[str, str] = {}
    for name, moment in (("arrival", first), ("three hours", second)):
        tube = specimen(chart, f"emergency {name}", taken=moment, kind=taken_from("blood"))
        told[name] = result(
            chart,
            f"troponin {name}",
            analyte="troponin",
            value=Decimal(6),
            when=chart.desk.instant(moment),
            visit=stay,
            by="mercy",
            words="HIGH SENSITIVITY TROPONIN I",
            further={"specimen": {"reference": tube}},
        )
        blood_pressure(
            chart,
            f"emergency {name}",
            systolic=158 if name == "arrival" else 141,
            diastolic=92 if name == "arrival" else 84,
            when=chart.desk.instant(moment - timedelta(minutes=10)),
            visit=stay,
        )
    for what, value in (("heart_rate", "92"), ("respiration", "18"), ("spo2", "97"), ("temperature", "36.8")):
        vital(chart, "emergency", what=what, value=Decimal(value), when=chart.desk.instant(start), visit=stay)
    potassium = _twice(chart, "potassium", value="4.1", moment=first, stay=stay, words="POTASSIUM")
    sticks = _twice(
        chart, "glucose_poc", value="187", moment=second, stay=stay, words="GLUCOSE, POINT OF CARE"
    )
    for analyte, found in (
        ("sodium", "139"),
        ("creatinine", "0.90"),
        ("hemoglobin", "13.20"),
        ("platelets", "248"),
    ):
        result(
            chart,
            f"emergency {analyte}",
            analyte=analyte,
            value=Decimal(found),
            when=chart.desk.instant(first),
            visit=stay,
            by="mercy",
        )
    imaging(
        chart,
        "chest film",
        code=concept(coding(LOINC, "36643-5", "XR Chest 2 Views"), text="XR CHEST 2 VIEWS"),
        when=at(EMERGENCY, 14, 25),
        conclusion="No acute cardiopulmonary process.",
        by="castells",
        visit=stay,
    )
    imaging(
        chart,
        "tracing",
        code=concept(coding(LOINC, "11524-6", "EKG study"), text="ECG 12 LEAD"),
        when=at(EMERGENCY, 13, 48),
        conclusion="Sinus rhythm 90/min, no ST changes.",
        by="echeverria",
        visit=stay,
        category=("EC", "Electrocardiac (e.g., EKG, EEC, Holter)"),
    )
    document(
        chart,
        "emergency note",
        writing=page(
            "Emergency Department Note",
            (
                "63-year-old woman with type 2 diabetes, hypertension and hyperlipidemia; pressure in the chest while "
                "carrying groceries, without radiation, gone on arrival.",
                "Troponin I 6 ng/L on arrival and 6 ng/L three hours later. ECG in sinus rhythm without ST changes. "
                "Chest X-ray clear. D-dimer negative: pulmonary embolism excluded.",
                "Aspirin 81 mg daily begun. Follow-up with Dr. Okonkwo-Reyes within a week.",
            ),
            rows=(
                ("Troponin I, 14:05", "6 ng/L"),
                ("Troponin I, 17:05", "6 ng/L"),
                ("Potassium", "4.1 mmol/L"),
            ),
        ),
        kind="emergency",
        written=at(EMERGENCY, 20, 10),
        by="echeverria",
        visit=stay,
        fetched=True,
    )
    order(
        chart,
        ASPIRIN,
        by="echeverria",
        today=EMERGENCY,
        visit=stay,
        written=at(EMERGENCY, 20, 0),
        by_reference=True,
    )
    return stay, (told["arrival"], told["three hours"]), potassium, sticks


def _twice(
    chart: Chart, analyte: str, *, value: str, moment: datetime, stay: str, words: str
) -> tuple[str, str]:
    """Measure twice in one minute with one result: two tubes, two facts."""
    told = [
        result(
            chart,
            f"emergency {analyte} {side}",
            analyte=analyte,
            value=Decimal(value),
            when=chart.desk.instant(moment),
            visit=stay,
            by="mercy",
            words=words,
            further={
                "specimen": {
                    "reference": specimen(
                        chart, f"emergency {analyte} {side}", taken=moment, kind=taken_from("blood")
                    )
                }
            },
        )
        for side in ("left arm", "right arm")
    ]
    return told[0], told[1]


def _specialist(chart: Chart, *, until: date, problems: dict[str, str]) -> str:
    same_morning = ""
    first = ""
    for year in range(2021, until.year + 1):
        day = {2021: date(2021, 9, 14), 2022: date(2022, 9, 13)}.get(year) or course.on(
            year, 9, 8, seed=chart.seed, name="specialist"
        )
        if day >= until:
            continue
        sugar = (course.between(day, course.HBA1C) - 2.15) * 10.929
        found = rounded(sugar, 0)
        start = at(day, 10, 30)
        cuff = course.pressure(day, seed=chart.seed)
        kilograms = course.weight(day, seed=chart.seed)
        seen = Checkup(
            f"specialist {year}",
            start,
            "Type 2 diabetes, consultation" if year == 2021 else "Type 2 diabetes, yearly review",
            FOLLOW_UP,
            "raghunathan",
            "mercy_clinic",
            pressure=cuff,
            vitals={"weight": kilograms, "heart_rate": Decimal(dice(chart.seed, day).randint(64, 80))},
            minutes=45,
        )
        address = checkup(chart, seen)
        first = first or address
        drawn = result(
            chart,
            f"hba1c {year}",
            analyte="hba1c_ifcc",
            value=found,
            when=chart.desk.instant(start - timedelta(minutes=55)),
            visit=address,
            by="mercy",
            words="HEMOGLOBIN A1C, IFCC UNITS",
        )
        if year == 2022:
            same_morning = drawn
        document(
            chart,
            f"specialist note {year}",
            writing=page(
                "Endocrinology Progress Note",
                (
                    f"HbA1c today {found} mmol/mol. Blood pressure {cuff[0]}/{cuff[1]}, weight {kilograms} kg.",
                    "Empagliflozin 10 mg added to metformin."
                    if year == 2021
                    else "Continue metformin, empagliflozin.",
                ),
            ),
            kind="consult" if year == 2021 else "progress",
            written=start + timedelta(hours=2),
            by="raghunathan",
            visit=address,
            fetched=True,
        )
    order(
        chart,
        EMPAGLIFLOZIN,
        by="raghunathan",
        today=EMPAGLIFLOZIN.since,
        visit=first,
        written=at(EMPAGLIFLOZIN.since, 11, 10),
        reasons=(problems["diabetes"],),
        by_reference=True,
    )
    team(
        chart,
        "team",
        words="Longitudinal care team",
        members=(
            ("raghunathan", "158965000", "Medical practitioner"),
            ("surgeon", "158965000", "Medical practitioner"),
        ),
        since=date(2021, 9, 14),
    )
    coming = course.on(until.year + 1, 9, 8, seed=chart.seed, name="specialist")
    appointment(
        chart,
        f"specialist {coming.year}",
        start=at(coming, 10, 30),
        minutes=45,
        what="Endocrinology, yearly review",
        by="raghunathan",
        place="mercy_clinic",
    )
    return same_morning


def _surgery(chart: Chart, *, problems: dict[str, str]) -> tuple[str, Writing]:
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
            "Reason: osteoarthritis of the right knee since 2014, pain at night, walking distance below 300 m.",
            "Procedure, 11 October 2023: total replacement of the right knee, cemented. No complications.",
            "Course: walked with crutches on the first day. Hemoglobin 13.10 g/dL before, lowest 10.40 g/dL on the "
            "second day, 10.60 g/dL at discharge; no transfusion. Blood sugar 126 to 178 mg/dL.",
            "Known: type 2 diabetes, hypertension, hyperlipidemia. Allergy: penicillin (hives).",
            "Medication: metformin, empagliflozin, lisinopril 20 mg, atorvastatin 40 mg, aspirin 81 mg as before; "
            "oxycodone-acetaminophen 5-325 mg as needed for two weeks.",
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
