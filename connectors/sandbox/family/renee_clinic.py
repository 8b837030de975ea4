"""Renée at the family clinic: thirty years of visits, and the results that were filed there."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family import course
from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.claims import bill
from connectors.sandbox.family.codes import ANALYTES, PANELS
from connectors.sandbox.family.findings import Drawing, mood, report, result, smoking, vital
from connectors.sandbox.family.medications import order
from connectors.sandbox.family.people import RENEE, coverage, patient, relatives
from connectors.sandbox.family.problems import problem
from connectors.sandbox.family.renee_history import history, intentions, problems, vaccines
from connectors.sandbox.family.renee_prescriptions import PRESCRIPTIONS
from connectors.sandbox.family.routine import CHECKUP, PHYSICAL, SYMPTOM, Checkup, checkup

FIRST_YEAR: Final = 1996
# The paper chart was typed in later, without pulse and body mass.
ELECTRONIC_SINCE: Final = 2012
NEW_DOCTOR: Final = date(2004, 1, 1)
NOTES_SINCE, PAGES_SINCE, BILLS_SINCE = 2006, 2019, 2023
# From these years on the laboratory's results are filed in the clinic's own chart.
COPIES_SINCE: Final = 2021

# The insurer's answer and payment come weeks after the visit, and only then does the portal show the bill.
SETTLED_AFTER: Final = timedelta(days=25)
# What was decided at a visit, where it was more than to go on.
TURNS: Final = {
    date(
        2008, 5, 6
    ): "LDL above 160 and a fasting sugar in the gray zone: simvastatin 20 mg, weight, walking.",
    date(2009, 5, 12): "Pressure not controlled on lisinopril 10 mg: increased to 20 mg.",
    date(2011, 2, 15): "HbA1c 8.6 % confirms type 2 diabetes: metformin 500 mg twice daily, eye examination.",
    date(2013, 5, 7): "Metformin increased to 1,000 mg twice daily.",
    date(2017, 4, 25): "Hemoglobin 10.4: naproxen stopped, iron started, colonoscopy at Mercy arranged.",
}

ACUTE: Final = (
    (date(1999, 11, 9), "Facial pain and congestion for ten days", "sinusitis", "Acute sinusitis"),
    (date(2007, 2, 13), "Cough for two weeks", "bronchitis", "Acute bronchitis"),
    (date(2018, 1, 23), "Cough and low fever since the weekend", "bronchitis", "Acute bronchitis"),
)


def tell(chart: Chart, *, until: date, drawn: list[Drawing]) -> dict[str, str]:
    """Tell the clinic's part of the story; returns its problem list."""
    patient(chart, RENEE)
    relatives(chart)
    card = coverage(chart, RENEE, since=date(2015, 1, 1))
    listed = problems(chart)
    history(chart)
    visits = _visits(chart, until=until, drawn=drawn, problems=listed, card=card)
    for entry in PRESCRIPTIONS:
        order(
            chart,
            entry,
            by="okonkwo",
            today=until,
            visit=visits.get(entry.since, ""),
            reasons=(listed["hypertension"],) if "lisinopril" in entry.name else (),
            fact=f"prescription {entry.name}",
        )
    vaccines(chart, until=until)
    _copies(chart, drawn=drawn)
    intentions(chart, until=until, problems=listed)
    return listed


def _visits(
    chart: Chart, *, until: date, drawn: list[Drawing], problems: dict[str, str], card: str
) -> dict[date, str]:
    told: dict[date, str] = {}
    special = {
        2004: date(2004, 3, 9),
        2008: date(2008, 5, 6),
        2009: date(2009, 5, 12),
        2013: date(2013, 5, 7),
    }
    special |= {2011: date(2011, 2, 15), 2017: date(2017, 4, 25)}
    for year in range(FIRST_YEAR, until.year + 1):
        spring = special.get(year) or course.on(year, 4, 20, seed=chart.seed, name="physical")
        days = [(spring, "Yearly check-up" if year != 2020 else "Telephone check during the pandemic")]
        if year >= course.DIAGNOSED:
            days.append(
                (
                    course.on(year, 10, 20, seed=chart.seed, name="follow-up"),
                    "Diabetes and blood pressure follow-up",
                )
            )
        for day, reason in days:
            if day < until:
                told[day] = _visit(
                    chart, day, until=until, reason=reason, drawn=drawn, problems=problems, card=card
                )
    told |= _acute(chart)
    knee = Checkup(
        "2014-09-16",
        at(date(2014, 9, 16), 10, 40),
        "Right knee pain on stairs, since the summer",
        SYMPTOM,
        "okonkwo",
        "lakeside_rooms",
        pressure=course.pressure(date(2014, 9, 16), seed=chart.seed),
    )
    told[date(2014, 9, 16)] = checkup(
        chart,
        knee,
        note=(
            "56-year-old with three months of right knee pain, worse on stairs, brief morning stiffness.",
            "Crepitus, no effusion, full extension. Impression: osteoarthritis of the right knee.",
            "Plan: weight-bearing X-ray at Mercy, naproxen as needed with food, physical therapy.",
        ),
    )
    stopped = Checkup(
        "2021-06-22",
        at(date(2021, 6, 22), 9, 20),
        "After the emergency visit for chest pain",
        CHECKUP,
        "okonkwo",
        "lakeside_rooms",
        pressure=course.pressure(date(2021, 6, 22), seed=chart.seed),
    )
    told[date(2021, 6, 22)] = checkup(
        chart,
        stopped,
        note=(
            "Seen one week after Mercy's emergency department. Two troponins normal. No pain since.",
            "Simvastatin stopped, atorvastatin 40 mg started; aspirin 81 mg as begun there.",
            "HbA1c above goal: referred to Mercy Diabetes & Endocrine Center.",
        ),
    )
    return told


def _visit(
    chart: Chart,
    day: date,
    *,
    until: date,
    reason: str,
    drawn: list[Drawing],
    problems: dict[str, str],
    card: str,
) -> str:
    by = "harcourt" if day < NEW_DOCTOR else "okonkwo"
    remote = reason.startswith("Telephone")
    chance = dice(chart.seed, "clinic", day)
    kilograms = course.weight(day, seed=chart.seed)
    start = at(day, chance.randint(8, 15), chance.choice((0, 20, 40)))
    vitals: dict[str, Decimal] = {} if remote else {"weight": kilograms}
    annual = reason == "Yearly check-up"
    if annual and day.year >= ELECTRONIC_SINCE:
        vitals |= {"bmi": course.body_mass(kilograms), "heart_rate": Decimal(chance.randint(62, 84))}
    if annual and (day.year == FIRST_YEAR or day.year % 10 == 5):
        vitals["height"] = course.HEIGHT_CM
    name = day.isoformat()
    cuff = None if remote else course.pressure(day, seed=chart.seed)
    seen = Checkup(
        name,
        start,
        reason,
        PHYSICAL if annual else CHECKUP,
        by,
        "lakeside_rooms",
        pressure=cuff,
        vitals=vitals,
        minutes=40 if annual else 20,
        setting="VR" if remote else "AMB",
    )
    address = checkup(
        chart,
        seen,
        note=_note(day, cuff, kilograms, drawn) if day.year >= NOTES_SINCE else (),
        as_page=day.year >= PAGES_SINCE,
    )
    if annual and day.year >= PAGES_SINCE:
        answers = (chance.choice((0, 0, 1)), chance.choice((0, 0, 1)))
        mood(chart, f"mood {name}", answers=answers, when=chart.desk.instant(start), visit=address, by=by)
    if annual and day.year % 5 == 0:
        smoking(chart, f"smoking {name}", code="8517006", display="Former smoker", when=name, visit=address)
    if day.year >= BILLS_SINCE and day + SETTLED_AFTER < until:
        charges = [("Office visit, level 4", Decimal("214.00"))]
        charges += [("Depression screening, annual", Decimal("18.50"))] if annual else []
        about = [problems["diabetes"], problems["hypertension"]]
        bill(chart, name, visit=address, day=start, by=by, coverage=card, items=charges, diagnoses=about)
    if day.year == 2012 and not annual:
        wrong = chart.desk.instant(start)
        vital(
            chart,
            f"{name} slip",
            what="weight",
            value=Decimal("885.0"),
            when=wrong,
            visit=address,
            status="entered-in-error",
        )
    return address


def _note(
    day: date, cuff: tuple[int, int] | None, kilograms: Decimal, drawn: list[Drawing]
) -> tuple[str, ...]:
    latest: dict[str, tuple[Decimal, datetime]] = {}
    for drawing in drawn:
        if drawing.taken.date() <= day:
            latest |= {name: (value, drawing.taken) for name, value in drawing.values.items()}
    told = [f"{day.year - 1958 - (day.month < 4)}-year-old woman."]
    if cuff:
        control = "at goal" if cuff[0] < 130 else "slightly above goal" if cuff[0] < 140 else "above goal"
        told.append(f"Blood pressure {cuff[0]}/{cuff[1]}, {control}. Weight {kilograms} kg.")
    else:
        told.append("By telephone; no vital signs. Home readings about 135/80.")
    if "hba1c" in latest:
        value, taken = latest["hba1c"]
        aim = "at goal" if value <= 7 else "above the goal of 7"
        told.append(f"HbA1c {value} % on {taken.day} {taken:%B %Y}, {aim}. Feet: sensation intact.")
    if "ldl" in latest:
        value, taken = latest["ldl"]
        told.append(f"LDL cholesterol {value} mg/dL ({taken:%B %Y}).")
    decided = TURNS.get(day, "Plan: continue present treatment, laboratory before the next visit.")
    told.append(f"{decided} Back in {'six months' if day.year >= course.DIAGNOSED else 'a year'}.")
    return tuple(told)


def _acute(chart: Chart) -> dict[date, str]:
    told: dict[date, str] = {}
    for day, reason, what, words in ACUTE:
        by = "harcourt" if day < NEW_DOCTOR else "dvorak"
        seen = Checkup(
            day.isoformat(),
            at(day, 11, 20),
            reason,
            SYMPTOM,
            by,
            "lakeside_rooms",
            pressure=course.pressure(day, seed=chart.seed),
            vitals={"temperature": rounded(37.2 + dice(chart.seed, day).uniform(0, 0.9), 1)},
        )
        told[day] = checkup(chart, seen)
        problem(
            chart,
            day.isoformat(),
            what=what,
            words=words,
            onset=day.isoformat(),
            abated=(day + timedelta(days=14)).isoformat(),
            state="resolved",
            category="encounter-diagnosis",
            visit=told[day],
            by=by,
        )
    return told


def _copies(chart: Chart, *, drawn: list[Drawing]) -> None:
    """File the laboratory's results as this clinic does: by day, in its own words and spelling of units."""
    units = {"mg/dL": "mg/dl", "g/dL": "g/dl"}
    words = {"hba1c": "A1C", "ldl": "LDL CHOL CALC", "hdl": "HDL CHOL", "cholesterol": "CHOLESTEROL"}
    for drawing in drawn:
        year = drawing.taken.year
        if (
            year < COPIES_SINCE
            or drawing.panel not in {"hba1c", "lipid", "basic"}
            or drawing.name == "2022-09-13"
        ):
            continue
        if drawing.panel == "basic" and year != 2022:
            continue
        filed: list[str] = []
        for analyte, value in drawing.values.items():
            known = ANALYTES[analyte]
            early = drawing.panel == "basic" and analyte == "creatinine"
            filed.append(
                result(
                    chart,
                    f"{drawing.name} {analyte}",
                    analyte=analyte,
                    # The clinic filed the first report; the laboratory corrected it a day later.
                    value=Decimal("1.18") if early else value,
                    when=drawing.taken.date().isoformat(),
                    unit=units.get(known.unit, known.unit),
                    words=words.get(analyte, known.text.upper()),
                    by="northern",
                    fact=f"{drawing.name} {analyte}",
                    further={
                        "identifier": [
                            {
                                "system": "https://northern.example/identifiers/result",
                                "value": f"{drawing.accession}-{known.loinc}",
                            }
                        ]
                    }
                    if early
                    else None,
                )
            )
        report(
            chart,
            drawing,
            results=filed,
            when=drawing.taken.date().isoformat(),
            by="northern",
            words=PANELS[drawing.panel][2].upper(),
        )
