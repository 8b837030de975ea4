"""How one body fares over thirty years: what a cuff, a scale and a laboratory would read on a given day.

Everything that tells of a value (a result, its copy at another house, the sentence in a note) asks here, so
that they agree. Values are drawn by the day's own dice: a later end of the story moves nothing already told.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from connectors.sandbox.family.chart import at, dice, rounded
from connectors.sandbox.family.codes import ANALYTES, PANELS
from connectors.sandbox.family.findings import Drawing

Knots = Sequence[tuple[date, float]]

HBA1C: Final[Knots] = (
    (date(2011, 2, 1), 8.6),
    (date(2012, 4, 1), 7.1),
    (date(2015, 4, 1), 7.3),
    (date(2019, 10, 1), 8.1),
    (date(2021, 6, 1), 8.3),
    (date(2022, 10, 1), 7.0),
    (date(2026, 1, 1), 6.7),
)
SYSTOLIC: Final[Knots] = (
    (date(1996, 1, 1), 124),
    (date(2004, 3, 1), 154),
    (date(2005, 1, 1), 138),
    (date(2009, 5, 1), 148),
    (date(2010, 5, 1), 132),
    (date(2021, 6, 1), 139),
    (date(2023, 1, 1), 127),
)
WEIGHT: Final[Knots] = (
    (date(1996, 1, 1), 68.0),
    (date(2004, 1, 1), 77.0),
    (date(2011, 1, 1), 88.5),
    (date(2021, 6, 1), 90.0),
    (date(2024, 6, 1), 81.5),
)
LDL: Final[Knots] = (
    (date(2008, 4, 1), 162),
    (date(2010, 4, 1), 121),
    (date(2021, 4, 1), 118),
    (date(2022, 4, 1), 72),
    (date(2026, 1, 1), 66),
)
CREATININE: Final[Knots] = ((date(2011, 1, 1), 0.78), (date(2026, 1, 1), 0.96))
HEMOGLOBIN: Final[Knots] = (
    (date(2011, 1, 1), 13.2),
    (date(2016, 10, 1), 13.0),
    (date(2017, 4, 1), 10.4),
    (date(2017, 12, 1), 12.8),
    (date(2023, 9, 1), 13.2),
)
HEIGHT_CM: Final = Decimal("163.5")
FIRST_LIPIDS, DIAGNOSED, YEARLY_SINCE = 2008, 2011, 2021


def between(day: date, knots: Knots) -> float:
    """Give the course's value on ``day``: straight between the knots, level beyond them."""
    if day <= knots[0][0]:
        return knots[0][1]
    for (start, before), (end, after) in pairwise(knots):
        if day <= end:
            return before + (after - before) * ((day - start) / (end - start))
    return knots[-1][1]


def on(year: int, month: int, day: int, *, seed: int, name: str, spread: int = 12) -> date:
    """Give a working day near the given one: visits fall where the calendar had room."""
    found = date(year, month, day) + timedelta(days=dice(seed, "day", name, year).randrange(spread))
    return found + timedelta(days=(7 - found.weekday()) % 7 if found.weekday() >= 5 else 0)


def morning(day: date, *, seed: int, name: str) -> datetime:
    """Give the moment of a drawing that morning."""
    chance = dice(seed, "morning", name, day)
    return at(day, chance.randint(7, 9), chance.randrange(60))


def pressure(day: date, *, seed: int) -> tuple[int, int]:
    """Give systolic and diastolic pressure in mmHg."""
    chance = dice(seed, "pressure", day)
    systolic = round(between(day, SYSTOLIC) + chance.uniform(-5, 5))
    return systolic, round(systolic * 0.58 + chance.uniform(-3, 3))


def weight(day: date, *, seed: int) -> Decimal:
    """Give the weight in kg."""
    return rounded(between(day, WEIGHT) + dice(seed, "weight", day).uniform(-0.9, 0.9), 1)


def body_mass(kilograms: Decimal) -> Decimal:
    """Give the body mass index in kg/m2."""
    return rounded(float(kilograms) / (float(HEIGHT_CM) / 100) ** 2, 1)


def values(panel: str, day: date, *, seed: int) -> dict[str, Decimal]:
    """Give what the laboratory found for a panel that day, as it prints it."""
    chance = dice(seed, panel, day)
    ldl, hdl, triglycerides = (
        between(day, LDL) + chance.uniform(-6, 6),
        chance.uniform(44, 53),
        chance.uniform(132, 214),
    )
    creatinine, hemoglobin = between(day, CREATININE) + chance.uniform(-0.05, 0.05), between(day, HEMOGLOBIN)
    age = day.year - 1958
    found = {
        "hba1c": between(day, HBA1C) + chance.uniform(-0.15, 0.15),
        "ldl": ldl,
        "hdl": hdl,
        "triglycerides": triglycerides,
        "cholesterol": round(ldl) + round(hdl) + round(triglycerides) / 5,
        "glucose": between(day, HBA1C) * 28.7 - 46.7 + chance.uniform(-25, 12),
        "creatinine": creatinine,
        # CKD-EPI 2009 for women above 0.7 mg/dL.
        "egfr": 144 * (creatinine / 0.7) ** -1.209 * 0.993**age,
        "sodium": chance.uniform(137, 142),
        "potassium": chance.uniform(3.9, 4.6),
        "acr": max(4.0, 12 + (day.year - 2012) * 1.4 + chance.uniform(-5, 6)),
        "hemoglobin": hemoglobin,
        "hematocrit": hemoglobin * 3.02,
        "leukocytes": chance.uniform(5.4, 8.2),
        "platelets": chance.uniform(210, 305),
    }
    return {name: rounded(found[name], ANALYTES[name].places) for name in PANELS[panel][3]}


def drawings(*, seed: int, until: date) -> Iterator[Drawing]:
    """Give every drawing that the clinic ordered at the laboratory, oldest first."""
    for year in range(FIRST_LIPIDS, until.year + 1):
        spring = on(year, 4, 6, seed=seed, name="spring") if year != DIAGNOSED else date(2011, 2, 10)
        autumn = on(year, 10, 5, seed=seed, name="autumn")
        panels = [
            ("hba1c", spring, year >= DIAGNOSED),
            ("lipid", spring, year >= YEARLY_SINCE or year % 2 == 0),
            ("basic", spring, year >= YEARLY_SINCE or (year >= DIAGNOSED and year % 2 == 1)),
            ("acr", spring, year >= 2016),
            ("cbc", spring, year == 2017),
            ("hba1c", autumn, year >= DIAGNOSED),
            ("cbc", autumn, year in {2017, 2018}),
            ("cbc", date(2023, 9, 19), year == 2023),
            # A second opinion: on one morning of 2022 two laboratories measured the same sugar.
            ("hba1c", date(2022, 9, 13), year == 2022),
        ]
        for panel, day, wanted in sorted(panels, key=lambda row: row[1]):
            if wanted and day < until:
                yield Drawing(
                    name=day.isoformat(),
                    taken=morning(day, seed=seed, name="draw"),
                    panel=panel,
                    values=values(panel, day, seed=seed),
                )
