"""Tobias, Renée's husband: a heart out of rhythm, and six years of finger pricks on warfarin."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.codes import LOINC, SNOMED, coding, concept
from connectors.sandbox.family.course import on
from connectors.sandbox.family.findings import Drawing, report, result, smoking
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import document, page
from connectors.sandbox.family.people import TOBIAS, coverage, patient, relatives
from connectors.sandbox.family.plans import imaging
from connectors.sandbox.family.problems import allergy, problem
from connectors.sandbox.family.routine import CHECKUP, PHYSICAL, Checkup, checkup
from connectors.sandbox.family.vaccines import flu_vaccine, vaccinate
from connectors.sandbox.family.visits import visit

FOUND: Final = date(2012, 6, 5)
WARFARIN: Final = Prescription(
    "warfarin",
    "warfarin",
    "warfarin 5 mg tablet",
    "Take as directed by INR, usually 1 tablet in the evening",
    1,
    date(2012, 6, 12),
    date(2018, 6, 5),
    "Changed to apixaban",
)
APIXABAN: Final = Prescription(
    "apixaban", "apixaban", "apixaban 5 mg tablet", "Take 1 tablet by mouth twice daily", 2, date(2018, 6, 5)
)
METOPROLOL: Final = Prescription(
    "metoprolol",
    "metoprolol",
    "metoprolol succinate ER 50 mg tablet",
    "Take 1 tablet by mouth once daily",
    1,
    date(2012, 6, 5),
)
EYE_DROPS: Final = Prescription(
    "latanoprost",
    "latanoprost",
    "latanoprost 0.005 % eye drops",
    "1 drop in each eye at bedtime",
    1,
    date(2019, 3, 12),
    route=("54485002", "Ophthalmic route"),
    unit="drop",
)
NEVER_CHECKED_LONGER_THAN: Final = timedelta(days=91)
# Copies of the laboratory's INR in the clinic's chart begin with its new software.
COPIES_SINCE: Final = date(2016, 6, 1)


def tell(charts: Mapping[str, Chart], *, until: date) -> None:
    """Fill Tobias's three charts."""
    hospital, clinic, laboratory = charts["mercy"], charts["lakeside"], charts["northern"]
    for chart in (hospital, clinic, laboratory):
        patient(chart, TOBIAS)
        coverage(chart, TOBIAS, since=date(2015, 1, 1))
    relatives(clinic)
    _hospital(hospital)
    _clinic(clinic, until=until)
    _laboratory(clinic, laboratory)
    _shots(clinic, laboratory, until=until)


def _hospital(chart: Chart) -> None:
    start = at(FOUND, 15, 20)
    found = problem(
        chart,
        "fibrillation",
        what="fibrillation",
        words="Atrial fibrillation, unspecified type (HCC)",
        onset=FOUND.isoformat(),
        recorded=FOUND.isoformat(),
        by="mbeki",
        fact="atrial fibrillation",
    )
    stay = visit(
        chart,
        "emergency",
        start=start,
        minutes=310,
        kind=("50849002", "Emergency room admission (procedure)", "Emergency Department Visit"),
        reason="Heart racing since the morning",
        by="echeverria",
        place="mercy_ed",
        setting="EMER",
        diagnoses=(found,),
        discharge="Discharged to home or self care",
    )
    for analyte, value in (("potassium", "4.0"), ("tsh", "1.90"), ("hemoglobin", "14.80"), ("troponin", "4")):
        result(
            chart,
            f"emergency {analyte}",
            analyte=analyte,
            value=Decimal(value),
            when=chart.desk.instant(start + timedelta(minutes=25)),
            visit=stay,
            by="mercy",
        )
    imaging(
        chart,
        "tracing",
        code=concept(coding(LOINC, "11524-6", "EKG study"), text="ECG 12 LEAD"),
        when=start + timedelta(minutes=6),
        conclusion="Atrial fibrillation, ventricular rate 128/min.",
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
                "56-year-old man with palpitations since seven in the morning, no chest pain.",
                "ECG: atrial fibrillation, 128/min. TSH, potassium, troponin normal. Metoprolol given.",
                "Home with metoprolol; anticoagulation to be begun by Dr. Okonkwo-Reyes.",
            ),
        ),
        kind="emergency",
        written=start + timedelta(hours=5),
        by="echeverria",
        visit=stay,
        fetched=True,
    )
    order(chart, METOPROLOL, by="mbeki", today=FOUND, visit=stay, written=start, by_reference=True)


def _clinic(chart: Chart, *, until: date) -> None:
    allergy(
        chart,
        "codeine",
        code=concept(
            coding("http://www.nlm.nih.gov/research/umls/rxnorm", "2670", "codeine"), text="Codeine"
        ),
        onset="1990",
        recorded="2005-05-10",
        reaction={"manifestation": [concept(coding(SNOMED, "422587007", "Nausea"), text="Nausea, vomiting")]},
        category="medication",
        by="okonkwo",
    )
    rhythm = problem(
        chart,
        "fibrillation",
        what="fibrillation",
        words="Atrial fibrillation",
        onset=FOUND.isoformat(),
        recorded="2012-06-12",
        by="okonkwo",
        fact="atrial fibrillation",
    )
    for year in range(2009, until.year + 1):
        day = {2012: WARFARIN.since, 2018: APIXABAN.since}.get(year) or on(
            year, 5, 8, seed=chart.seed, name="Tobias physical"
        )
        if day >= until:
            continue
        chance = dice(chart.seed, "Tobias", day)
        upper = chance.randint(118, 138)
        special = {
            2012: "After the emergency visit: warfarin begun, INR goal 2.0 to 3.0.",
            2018: "INR hard to keep in range: changed from warfarin to apixaban, no more INR checks.",
        }.get(year, "No palpitations, no bleeding. Continue present treatment.")
        seen = Checkup(
            day.isoformat(),
            at(day, chance.randint(8, 15), 20),
            "Annual physical" if year not in {2012, 2018} else "Atrial fibrillation, anticoagulation",
            PHYSICAL if year not in {2012, 2018} else CHECKUP,
            "okonkwo",
            "lakeside_rooms",
            pressure=(upper, round(upper * 0.6)),
            vitals={
                "weight": rounded(84 + (year - 2009) * 0.2 + chance.uniform(-1, 1), 1),
                "heart_rate": Decimal(chance.randint(58, 88)),
            },
        )
        checkup(chart, seen, note=(special,) if year >= FOUND.year else ())
    smoking(chart, "smoking", code="266919005", display="Never smoker", when="2008-05")
    for entry in (WARFARIN, APIXABAN, EYE_DROPS):
        reasons = () if entry is EYE_DROPS else (rhythm,)
        order(chart, entry, by="okonkwo", today=until, reasons=reasons)


def _laboratory(clinic: Chart, laboratory: Chart) -> None:
    day = WARFARIN.since + timedelta(days=7)
    while WARFARIN.until and day < WARFARIN.until:
        chance = dice(clinic.seed, "INR", day)
        drawing = Drawing(
            name=day.isoformat(),
            taken=at(day, 8, chance.randrange(60)),
            panel="inr",
            values={"inr": rounded(chance.uniform(1.7, 3.4), 1)},
        )
        for chart, when, by in (
            (laboratory, laboratory.desk.instant(drawing.taken), "nystrom"),
            (clinic, day.isoformat(), "northern"),
        ):
            if chart is clinic and day < COPIES_SINCE:
                continue
            found = result(
                chart,
                f"{drawing.name} inr",
                analyte="inr",
                value=drawing.values["inr"],
                when=when,
                by=by,
                words="INR" if chart is laboratory else "PROTIME-INR",
                fact=f"{drawing.name} inr",
            )
            if chart is laboratory:
                report(chart, drawing, results=[found], when=when, by="northern")
        day += NEVER_CHECKED_LONGER_THAN - timedelta(days=chance.randrange(14))


def _shots(clinic: Chart, laboratory: Chart, *, until: date) -> None:
    for year in range(2018, until.year + 1):
        day = on(year, 10, 2, seed=clinic.seed, name="flu")
        if day >= until:
            continue
        vaccine = flu_vaccine(day=day, born=TOBIAS.birth_date)
        for chart, when, words in (
            (laboratory, laboratory.desk.instant(at(day, 17, 40)), "INFLUENZA VACCINE"),
            (clinic, day.isoformat(), "Influenza vaccine (from pharmacy)"),
        ):
            here = chart is laboratory
            vaccinate(
                chart,
                f"flu {year}",
                vaccine=vaccine,
                when=when,
                words=words,
                given_here=here,
                by="fontaine" if here else "",
                fact=f"flu {year}",
            )
