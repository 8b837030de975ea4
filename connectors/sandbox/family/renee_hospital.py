"""Renée at the hospital: what it knows of her, pictures, a diabetes specialist."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family import course
from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.codes import LOINC, RXNORM, SNOMED, coding, concept
from connectors.sandbox.family.findings import result
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import Writing, document, page
from connectors.sandbox.family.people import RENEE, coverage, patient, relatives
from connectors.sandbox.family.plans import imaging, order_service, team
from connectors.sandbox.family.problems import allergy, problem, procedure
from connectors.sandbox.family.renee_emergency import Emergency, emergency
from connectors.sandbox.family.renee_surgery import surgery
from connectors.sandbox.family.routine import FOLLOW_UP, Checkup, checkup
from connectors.sandbox.family.visits import appointment, visit

EMPAGLIFLOZIN: Final = Prescription(
    "empagliflozin",
    "empagliflozin",
    "Empagliflozin 10 mg tablet",
    "Take 1 tablet (10 mg) by mouth every morning",
    1,
    date(2021, 9, 14),
)


@dataclass(frozen=True, slots=True)
class Hospital:
    """What the other houses got to know of these stays."""

    emergency: Emergency
    stay: str
    discharge_letter: Writing
    penicillin: str
    same_morning_hba1c: str
    hypertension: str


def tell(chart: Chart, *, until: date) -> Hospital:
    """Tell the hospital's part of the story."""
    patient(chart, RENEE)
    relatives(chart)
    coverage(chart, RENEE, since=date(2015, 1, 1))
    penicillin = allergy(
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
    frightened = emergency(chart)
    same_morning = _specialist(chart, until=until, problems=problems)
    stay, writing = surgery(chart, problems=problems)
    return Hospital(
        emergency=frightened,
        stay=stay,
        discharge_letter=writing,
        penicillin=penicillin,
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
            text="XR KNEE RIGHT 3 VIEWS WEIGHT BEARING WITH COMPARISON VIEW LEFT KNEE AND PATELLAR SUNRISE",
        ),
        when=at(date(2014, 9, 18), 13, 15),
        order=knee,
        conclusion="Moderate medial joint space narrowing with osteophytes. No fracture, no effusion.",
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
                    f"HbA1c today {found} mmol/mol. Blood pressure {cuff[0]}/{cuff[1]}.",
                    f"Weight {kilograms} kg.",
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
