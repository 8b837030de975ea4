"""Kasimir, the grandson: a well child, measured and vaccinated by the calendar, with two sore ears."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, at, dice, rounded
from connectors.sandbox.family.codes import RXNORM, SNOMED, coding, concept
from connectors.sandbox.family.course import Knots, between, on
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.people import KASIMIR, coverage, patient, relatives
from connectors.sandbox.family.problems import allergy, problem
from connectors.sandbox.family.routine import SYMPTOM, WELL_CHILD, Checkup, checkup
from connectors.sandbox.family.vaccines import flu_vaccine, vaccinate
from connectors.sandbox.family.visits import appointment, visit

BORN: Final = KASIMIR.birth_date
MONTH: Final = 30.4375


def _months(months: float) -> date:
    return BORN + timedelta(days=round(months * MONTH))


def _curve(*points: tuple[float, float]) -> Knots:
    return tuple((_months(months), value) for months, value in points)


# Near the median of the WHO and CDC growth charts for boys.
WEIGHT: Final = _curve(
    (0, 3.4),
    (2, 5.6),
    (4, 7.0),
    (6, 7.9),
    (9, 8.9),
    (12, 9.6),
    (18, 10.9),
    (24, 12.2),
    (48, 16.3),
    (72, 20.7),
    (96, 25.6),
    (120, 32.0),
    (144, 40.0),
    (180, 56.0),
)
HEIGHT: Final = _curve(
    (0, 50),
    (2, 58.4),
    (4, 63.9),
    (6, 67.6),
    (9, 72.0),
    (12, 75.7),
    (18, 82.3),
    (24, 87.8),
    (48, 102.5),
    (72, 115.5),
    (96, 128),
    (120, 138.5),
    (144, 149),
    (180, 170),
)
HEAD: Final = _curve(
    (0, 34.5), (2, 39.1), (4, 41.6), (6, 43.3), (9, 45.0), (12, 46.1), (18, 47.4), (24, 48.3)
)

BABY_VISITS: Final[Mapping[int, tuple[str, ...]]] = {
    2: ("hepb", "dtap", "ipv", "hib", "pcv13", "rota"),
    4: ("dtap", "ipv", "hib", "pcv13", "rota"),
    6: ("hepb", "dtap", "ipv", "pcv13"),
    9: (),
    12: ("mmr", "varicella", "hepa", "hib", "pcv13"),
    18: ("hepa", "dtap"),
    24: (),
}
FOUR_YEARS: Final = ("dtap", "ipv", "mmr", "varicella")
AMOXICILLIN: Final = Prescription(
    "amoxicillin",
    "amoxicillin",
    "amoxicillin 400 mg/5 mL suspension",
    "Take 5 mL by mouth twice daily for 10 days",
    2,
    date(2018, 11, 20),
    date(2018, 11, 30),
    unit="mL",
)


def tell(charts: Mapping[str, Chart], *, until: date) -> None:
    """Fill Kasimir's three charts."""
    hospital, clinic, pharmacy = charts["mercy"], charts["lakeside"], charts["northern"]
    for chart in (hospital, clinic, pharmacy):
        patient(chart, KASIMIR)
    relatives(clinic)
    coverage(clinic, KASIMIR, since=BORN)
    _birth(hospital, clinic)
    for months, vaccines in BABY_VISITS.items():
        day = _months(months) + timedelta(days=dice(clinic.seed, "well child", months).randrange(9))
        _well_child(clinic, day, words=f"Well child check, {months} months", vaccines=vaccines)
    for year in range(BORN.year + 3, until.year + 1):
        day = on(year, 2, 14, seed=clinic.seed, name="well child")
        if day < until:
            age = year - BORN.year
            _well_child(
                clinic, day, words=f"Well child check, {age} years", vaccines=FOUR_YEARS if age == 4 else ()
            )
    _sick(clinic)
    _shots(clinic, pharmacy, until=until)
    coming = on(until.year + 1, 2, 14, seed=clinic.seed, name="well child")
    appointment(
        clinic,
        f"well child {coming.year}",
        start=at(coming, 15, 40),
        minutes=30,
        what="Well child check",
        by="dvorak",
        place="lakeside_rooms",
    )


def _birth(hospital: Chart, clinic: Chart) -> None:
    stay = visit(
        hospital,
        "birth",
        start=at(BORN, 9, 42),
        minutes=2 * 24 * 60 - 450,
        kind=("32485007", "Hospital admission (procedure)", "Hospital Encounter"),
        reason="Newborn",
        by="haugen",
        place="mercy_ward",
        setting="IMP",
        discharge="Discharged to home with mother",
    )
    vaccinate(
        hospital,
        "hepb",
        vaccine="hepb",
        when=hospital.desk.instant(at(BORN, 14, 5)),
        words="Hepatitis B Ped/Adol 3-dose",
        visit=stay,
        fact="hepatitis B at birth",
    )
    vaccinate(
        clinic,
        "hepb at birth",
        vaccine="hepb",
        when=BORN.isoformat(),
        words="Hep B #1 (hospital)",
        given_here=False,
        fact="hepatitis B at birth",
    )


def _well_child(clinic: Chart, day: date, *, words: str, vaccines: tuple[str, ...]) -> None:
    chance = dice(clinic.seed, "Kasimir", day)
    vitals: dict[str, Decimal] = {
        "weight": rounded(between(day, WEIGHT) + chance.uniform(-0.15, 0.15), 2 if day < _months(25) else 1),
        "height": rounded(between(day, HEIGHT) + chance.uniform(-0.4, 0.4), 1),
    }
    if day < _months(25):
        vitals["head"] = rounded(between(day, HEAD) + chance.uniform(-0.2, 0.2), 1)
    old_enough = day >= _months(36)
    upper = chance.randint(92, 102)
    seen = Checkup(
        day.isoformat(),
        at(day, chance.randint(9, 15), 0),
        words,
        WELL_CHILD,
        "dvorak",
        "lakeside_rooms",
        pressure=(upper, round(upper * 0.62)) if old_enough else None,
        vitals=vitals,
        minutes=30,
    )
    address = checkup(clinic, seen, note=("Growing along his curve, development as it should be.",))
    for vaccine in vaccines:
        vaccinate(
            clinic,
            f"{vaccine} {day.isoformat()}",
            vaccine=vaccine,
            when=clinic.desk.instant(seen.start + timedelta(minutes=25)),
            words=vaccine.upper(),
            visit=address,
            by="dvorak",
        )


def _sick(clinic: Chart) -> None:
    for day, reason, what, words in (
        (AMOXICILLIN.since, "Fever, pulling at the left ear", "otitis", "Ear infection"),
        (date(2019, 3, 5), "Fever and crying at night", "otitis", "Ear infection"),
        (date(2023, 1, 17), "Sore throat since yesterday", "strep", "Strep throat"),
    ):
        chance = dice(clinic.seed, "sick", day)
        seen = Checkup(
            day.isoformat(),
            at(day, 9, 20),
            reason,
            SYMPTOM,
            "dvorak",
            "lakeside_rooms",
            vitals={
                "temperature": rounded(chance.uniform(38.1, 39.3), 1),
                "weight": rounded(between(day, WEIGHT), 1),
            },
        )
        address = checkup(clinic, seen)
        problem(
            clinic,
            day.isoformat(),
            what=what,
            words=words,
            onset=day.isoformat(),
            abated=(day + timedelta(days=10)).isoformat(),
            state="resolved",
            category="encounter-diagnosis",
            visit=address,
            by="dvorak",
        )
        if day == AMOXICILLIN.since:
            order(clinic, AMOXICILLIN, by="dvorak", today=AMOXICILLIN.until or day, visit=address)
    allergy(
        clinic,
        "amoxicillin",
        code=concept(coding(RXNORM, "723", "amoxicillin"), text="Amoxicillin"),
        certainty="refuted",
        state="inactive",
        recorded="2018-11-28",
        reaction={"manifestation": [concept(coding(SNOMED, "271807003", "Eruption of skin"), text="Rash")]},
        by="dvorak",
    )


def _shots(clinic: Chart, pharmacy: Chart, *, until: date) -> None:
    for year in range(2021, until.year + 1):
        day = on(year, 11, 2, seed=clinic.seed, name="Ingrid flu")
        if day >= until:
            continue
        for chart, when in ((pharmacy, pharmacy.desk.instant(at(day, 12, 25))), (clinic, day.isoformat())):
            here = chart is pharmacy
            vaccinate(
                chart,
                f"flu {year}",
                vaccine=flu_vaccine(day=day, born=BORN),
                when=when,
                words="INFLUENZA VACCINE" if here else "Influenza vaccine (from pharmacy)",
                given_here=here,
                by="fontaine" if here else "",
                fact=f"flu {year}",
            )
