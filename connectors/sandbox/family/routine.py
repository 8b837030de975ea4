"""The visit that everybody knows: a reason, a cuff, a scale, and a note about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from connectors.sandbox.family.chart import Chart
from connectors.sandbox.family.findings import blood_pressure, vital
from connectors.sandbox.family.notes import Writing, document, page, plain
from connectors.sandbox.family.visits import visit

CHECKUP = ("185349003", "Encounter for check up (procedure)", "Office visit, established patient")
PHYSICAL = ("162673000", "General examination of patient (procedure)", "Annual physical exam")
SYMPTOM = ("185345009", "Encounter for symptom (procedure)", "Office visit, acute concern")
FOLLOW_UP = ("390906007", "Follow-up encounter (procedure)", "Follow-up visit")
WELL_CHILD = ("410620009", "Well child visit (procedure)", "Well child check")


@dataclass(frozen=True, slots=True)
class Checkup:
    """One visit and what was measured at it; ``pressure`` is systolic and diastolic in mmHg."""

    name: str
    start: datetime
    reason: str
    kind: tuple[str, str, str]
    by: str
    place: str
    pressure: tuple[int, int] | None = None
    vitals: Mapping[str, Decimal] | None = None
    minutes: int = 20
    setting: str = "AMB"


def checkup(chart: Chart, seen: Checkup, *, note: Sequence[str] = (), as_page: bool = False) -> str:
    """Record the visit, its vital signs, and a note when there is one to write."""
    address = visit(
        chart,
        seen.name,
        start=seen.start,
        minutes=seen.minutes,
        kind=seen.kind,
        reason=seen.reason,
        by=seen.by,
        place=seen.place,
        setting=seen.setting,
    )
    when = chart.desk.instant(seen.start)
    if seen.pressure:
        blood_pressure(
            chart, seen.name, systolic=seen.pressure[0], diastolic=seen.pressure[1], when=when, visit=address
        )
    for what, value in (seen.vitals or {}).items():
        vital(chart, seen.name, what=what, value=value, when=when, visit=address)
    if note:
        title = f"Progress note: {seen.reason}"
        rows = [("Blood pressure", f"{seen.pressure[0]}/{seen.pressure[1]} mmHg")] if seen.pressure else []
        rows += [
            (what.replace("_", " ").capitalize(), str(value)) for what, value in (seen.vitals or {}).items()
        ]
        writing: Writing = page(title, note, rows=rows) if as_page else plain(title, note)
        document(
            chart,
            f"note {seen.name}",
            writing=writing,
            kind="progress",
            written=seen.start,
            by=seen.by,
            visit=address,
        )
    return address
