"""Ingrid, their daughter: asthma since childhood, migraine, and the birth of a son."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.codes import SNOMED, coding, concept
from connectors.sandbox.family.course import on
from connectors.sandbox.family.findings import blood_pressure, mood, result, smoking
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import document, page
from connectors.sandbox.family.people import INGRID, coverage, patient, relatives
from connectors.sandbox.family.problems import allergy, problem, procedure
from connectors.sandbox.family.routine import FOLLOW_UP, PHYSICAL, SYMPTOM, Checkup, checkup
from connectors.sandbox.family.vaccines import flu_vaccine, vaccinate
from connectors.sandbox.family.visits import visit

BIRTH: Final = date(2017, 2, 11)
ALBUTEROL: Final = Prescription(
    "albuterol",
    "albuterol",
    "albuterol HFA 90 mcg inhaler",
    "Inhale 2 puffs every 4 hours as needed for wheezing",
    1,
    date(2006, 3, 7),
    route=("447694001", "Respiratory tract route"),
    unit="inhaler",
)
SUMATRIPTAN: Final = Prescription(
    "sumatriptan",
    "sumatriptan",
    "sumatriptan 50 mg tablet",
    "Take 1 tablet at the onset of migraine, may repeat once after 2 hours",
    1,
    date(2013, 10, 8),
)
# Prenatal visits by weeks before the birth, with the pressure measured.
PRENATAL: Final = (
    (30, (112, 68)),
    (24, (110, 66)),
    (18, (114, 70)),
    (12, (116, 70)),
    (6, (118, 74)),
    (2, (122, 78)),
)


def tell(charts: Mapping[str, Chart], *, until: date) -> None:
    """Fill Ingrid's three charts."""
    hospital, clinic, pharmacy = charts["mercy"], charts["lakeside"], charts["northern"]
    for chart in (hospital, clinic, pharmacy):
        patient(chart, INGRID)
        coverage(chart, INGRID, since=date(2014, 6, 1))
    relatives(hospital)
    _clinic(clinic, until=until)
    _pregnancy(hospital)
    _shots(clinic, pharmacy, until=until)
    procedure(
        clinic,
        "birth",
        code=("177184002", "Normal delivery procedure (procedure)"),
        words="Vaginal delivery (Mercy, 2017)",
        performed="2017-02",
    )
    allergy(
        pharmacy,
        "none",
        code=concept(coding(SNOMED, "716186003", "No known allergy"), text="NO KNOWN ALLERGIES"),
        category="",
    )


def _clinic(chart: Chart, *, until: date) -> None:
    asthma = problem(
        chart,
        "asthma",
        what="asthma",
        words="Asthma, mild intermittent",
        onset="1993",
        recorded="2006-03-07",
        by="okonkwo",
        fact="asthma",
    )
    head = problem(
        chart,
        "migraine",
        what="migraine",
        words="Migraine without aura",
        onset="2013-08",
        recorded="2013-10-08",
        by="okonkwo",
    )
    smoking(chart, "smoking", code="266919005", display="Never smoker", when="2006-03-07")
    order(chart, ALBUTEROL, by="okonkwo", today=until, reasons=(asthma,))
    order(chart, SUMATRIPTAN, by="okonkwo", today=until, reasons=(head,))
    days = {
        2006: (ALBUTEROL.since, "Wheezing in the cold"),
        2013: (SUMATRIPTAN.since, "Headaches, one-sided"),
    }
    for year in (2006, 2010, 2013, 2015, *range(2018, until.year + 1)):
        day, reason = days.get(year) or (
            on(year, 9, 4, seed=chart.seed, name="Ingrid physical"),
            "Annual physical",
        )
        if day >= until:
            continue
        chance = dice(chart.seed, "Ingrid", day)
        upper = chance.randint(106, 122)
        annual = reason == "Annual physical"
        seen = Checkup(
            day.isoformat(),
            at(day, chance.randint(8, 15), 40),
            reason,
            PHYSICAL if annual else SYMPTOM,
            "okonkwo" if annual else "dvorak",
            "lakeside_rooms",
            pressure=(upper, round(upper * 0.63)),
            vitals={"weight": rounded(61 + chance.uniform(-1.5, 2.5), 1)},
        )
        address = checkup(
            chart,
            seen,
            note=("Asthma quiet, inhaler less than once a week. About one migraine a month.",)
            if annual
            else (),
        )
        if annual and year >= 2019:
            mood(
                chart,
                f"mood {year}",
                answers=(chance.choice((0, 1)), 0),
                when=chart.desk.instant(seen.start),
                visit=address,
                by="okonkwo",
            )


def _pregnancy(chart: Chart) -> None:
    problem(
        chart,
        "asthma",
        what="asthma",
        words="Asthma",
        onset="1993",
        coded="icd",
        by="haugen",
        fact="asthma",
    )
    problem(
        chart,
        "pregnancy",
        what="pregnancy",
        words="Encounter for supervision of normal first pregnancy",
        onset="2016-07",
        abated=BIRTH.isoformat(),
        state="resolved",
        by="haugen",
    )
    for weeks, (upper, lower) in PRENATAL:
        day = BIRTH - timedelta(weeks=weeks, days=4)
        start = at(day, 11, 0)
        seen = Checkup(
            f"prenatal {weeks}",
            start,
            f"Prenatal visit, about {40 - weeks} weeks",
            FOLLOW_UP,
            "haugen",
            "mercy_clinic",
            pressure=(upper, lower),
            vitals={"weight": rounded(62 + (30 - weeks) * 0.42, 1)},
        )
        address = checkup(chart, seen)
        if weeks in {30, 12}:
            for analyte, value in (("hemoglobin", "12.40" if weeks == 30 else "11.60"), ("glucose", "84")):
                result(
                    chart,
                    f"prenatal {weeks} {analyte}",
                    analyte=analyte,
                    value=Decimal(value),
                    when=chart.desk.instant(start),
                    visit=address,
                    by="mercy",
                )
    stay = visit(
        chart,
        "birth",
        start=at(BIRTH, 2, 10),
        minutes=2 * 24 * 60,
        kind=("32485007", "Hospital admission (procedure)", "Hospital Encounter"),
        reason="Labor at 40 weeks",
        by="haugen",
        place="mercy_ward",
        setting="IMP",
        discharge="Discharged to home with newborn",
    )
    procedure(
        chart,
        "birth",
        code=("177184002", "Normal delivery procedure (procedure)"),
        words="VAGINAL DELIVERY",
        performed=chart.desk.instant(at(BIRTH, 9, 42)),
        visit=stay,
        by="haugen",
    )
    blood_pressure(
        chart, "birth", systolic=126, diastolic=80, when=chart.desk.instant(at(BIRTH, 2, 30)), visit=stay
    )
    document(
        chart,
        "birth note",
        writing=page(
            "Delivery Note",
            ("Spontaneous vaginal delivery of a healthy boy, 3.41 kg, Apgar 9 and 10. Mother well.",),
        ),
        kind="operation",
        words="Delivery note",
        written=at(BIRTH, 12, 0),
        by="haugen",
        visit=stay,
        fetched=True,
    )


def _shots(clinic: Chart, pharmacy: Chart, *, until: date) -> None:
    vaccinate(
        clinic,
        "tdap",
        vaccine="tdap",
        when=clinic.desk.instant(at(date(2016, 12, 6), 16, 0)),
        words="Tdap, third trimester",
        by="dvorak",
    )
    for year in range(2019, until.year + 1):
        day = on(year, 11, 2, seed=clinic.seed, name="Ingrid flu")
        if day >= until:
            continue
        for chart, when in ((pharmacy, pharmacy.desk.instant(at(day, 12, 20))), (clinic, day.isoformat())):
            here = chart is pharmacy
            vaccinate(
                chart,
                f"flu {year}",
                vaccine=flu_vaccine(day=day, born=INGRID.birth_date),
                when=when,
                words="INFLUENZA VACCINE" if here else "Influenza vaccine (from pharmacy)",
                given_here=here,
                by="fontaine" if here else "",
                fact=f"flu {year}",
            )
