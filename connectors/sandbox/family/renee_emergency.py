"""One frightening Monday: chest pain, two troponins, and home again at night."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from connectors.sandbox.family.chart import Chart, at
from connectors.sandbox.family.codes import LOINC, coding, concept
from connectors.sandbox.family.findings import blood_pressure, result, specimen, taken_from, vital
from connectors.sandbox.family.medications import Prescription, order
from connectors.sandbox.family.notes import document, page
from connectors.sandbox.family.plans import imaging
from connectors.sandbox.family.problems import problem
from connectors.sandbox.family.visits import visit

EMERGENCY: Final = date(2021, 6, 14)
ASPIRIN: Final = Prescription(
    "aspirin",
    "aspirin81",
    "Aspirin 81 mg chewable tablet",
    "Take 1 tablet (81 mg) by mouth daily",
    1,
    EMERGENCY,
)


@dataclass(frozen=True, slots=True)
class Emergency:
    """The visit, and the results of it that look alike and are not one."""

    visit: str
    troponins: tuple[str, str]
    potassium: tuple[str, str]
    fingersticks: tuple[str, str]


def emergency(chart: Chart) -> Emergency:
    """Tell the visit of that day."""
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
                "63-year-old woman with type 2 diabetes, hypertension and hyperlipidemia.",
                "Pressure in the chest while carrying groceries, without radiation, gone on arrival.",
                "Troponin I 6 ng/L on arrival and 6 ng/L three hours later. ECG without ST changes.",
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
    return Emergency(
        visit=stay,
        troponins=(told["arrival"], told["three hours"]),
        potassium=potassium,
        fingersticks=sticks,
    )


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
