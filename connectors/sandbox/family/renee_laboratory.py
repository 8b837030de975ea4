"""Renée at the laboratory with the pharmacy beside it: no visits here, only tubes, numbers and bottles."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from connectors.sandbox.family import course
from connectors.sandbox.family.chart import Chart, at, dice
from connectors.sandbox.family.codes import ANALYTES, LOINC, PANELS, SNOMED, coding, concept
from connectors.sandbox.family.findings import Drawing, report, result, specimen, taken_from
from connectors.sandbox.family.medications import fill, order
from connectors.sandbox.family.notes import letter, provenance
from connectors.sandbox.family.people import RENEE, coverage, patient
from connectors.sandbox.family.plans import order_service
from connectors.sandbox.family.problems import allergy
from connectors.sandbox.family.renee_prescriptions import PRESCRIPTIONS
from connectors.sandbox.family.vaccines import flu_vaccine, vaccinate
from connectors.sandbox.split import Resource

TUBES_SINCE, ORDERS_SINCE, PAPER_SINCE = 2020, 2025, 2024
PHARMACY_SINCE: Final = date(2023, 1, 9)
FILLED_EVERY: Final = timedelta(days=90)


def tell(chart: Chart, *, until: date, drawn: list[Drawing]) -> None:
    """Tell the laboratory's part of the story."""
    patient(chart, RENEE)
    coverage(chart, RENEE, since=date(2015, 1, 1))
    allergy(
        chart,
        "none",
        code=concept(coding(SNOMED, "716186003", "No known allergy"), text="NO KNOWN ALLERGIES"),
        recorded="2022-01-10",
        category="",
    )
    orders: dict[str, str] = {}
    past: list[Drawing] = []
    for drawing in drawn:
        past.append(drawing)
        _analyse(chart, drawing, orders=orders, past=past)
    _pharmacy(chart, until=until)
    _shots(chart, until=until)


def _analyse(chart: Chart, drawing: Drawing, *, orders: dict[str, str], past: list[Drawing]) -> None:
    taken, year = drawing.taken, drawing.taken.year
    code, display, text, _ = PANELS[drawing.panel]
    ordered = ""
    if year >= ORDERS_SINCE:
        day = (taken.date() - timedelta(days=6)).isoformat()
        ordered = order_service(
            chart,
            f"{drawing.name} {drawing.panel}",
            code=concept(coding(LOINC, code, display), text=text),
            written=day,
            by="okonkwo",
        )
    tube = ""
    if year >= TUBES_SINCE:
        kind = "urine" if drawing.panel == "acr" else "blood"
        tube = orders.get(f"{drawing.name} {kind}", "") or specimen(
            chart, f"{drawing.name} {kind}", taken=taken, kind=taken_from(kind), accession=drawing.accession
        )
        orders[f"{drawing.name} {kind}"] = tube
    issued = chart.desk.instant(taken + timedelta(hours=6, minutes=40))
    corrected = drawing.panel == "basic" and year == 2022
    written: list[str] = []
    for analyte, value in drawing.values.items():
        further: dict[str, object] = {"specimen": {"reference": tube}} if tube else {}
        amended = corrected and analyte == "creatinine"
        if amended:
            further["identifier"] = [
                {
                    "system": "https://northern.example/identifiers/result",
                    "value": f"{drawing.accession}-{ANALYTES[analyte].loinc}",
                }
            ]
            further["note"] = [
                {"text": "Corrected: first report (1.18) was read from a neighbouring sample."}
            ]
        written.append(
            result(
                chart,
                f"{drawing.name} {analyte}",
                analyte=analyte,
                value=value,
                when=chart.desk.instant(taken),
                by="nystrom",
                issued=issued,
                status="amended" if amended else "final",
                fact=f"{drawing.name} {analyte}",
                further=further,
            )
        )
    done = report(
        chart,
        drawing,
        results=written,
        when=chart.desk.instant(taken),
        by="northern",
        specimen=tube,
        order=ordered,
        pdf=_paper(drawing, past) if drawing.panel == "hba1c" and year >= PAPER_SINCE else None,
        status="amended" if corrected else "final",
    )
    if year >= PAPER_SINCE and drawing.panel == "hba1c":
        provenance(
            chart, drawing.name, targets=(done, *written), recorded=taken + timedelta(hours=7), by="nystrom"
        )


def _paper(drawing: Drawing, past: list[Drawing]) -> Resource:
    """Print the report as the laboratory mails it: today's value and those before."""
    lines = ["Patient: Renée Marchetti-Lindqvist, born 1958-04-17", ""]
    lines += [f"Hemoglobin A1c   {drawing.values['hba1c']} %   (range 4.0-5.6)", "", "Earlier results:"]
    lines += [
        f"{earlier.taken:%d %b %Y}   {earlier.values['hba1c']} %"
        for earlier in reversed(past[:-1])
        if earlier.panel == "hba1c"
    ][:8]
    lines += ["", "Method: HPLC, NGSP certified. Released by Halvard Nyström, MD."]
    return letter(f"Laboratory report {drawing.accession}", lines).attachment()


def _pharmacy(chart: Chart, *, until: date) -> None:
    words: Mapping[str, str] = {
        "lisinopril 20": "LISINOPRIL 20MG TAB",
        "metformin 1000": "METFORMIN HCL 1000MG TAB",
        "atorvastatin": "ATORVASTATIN CALCIUM 40MG TAB",
    }
    for number, entry in enumerate(e for e in PRESCRIPTIONS if e.name in words):
        written = order(
            chart,
            entry,
            by="okonkwo",
            today=until,
            words=words[entry.name],
            fact=f"prescription {entry.name}",
        )
        day, count = PHARMACY_SINCE + timedelta(days=30 * number), 1
        while day < until:
            chance = dice(chart.seed, entry.name, count)
            fill(
                chart,
                entry,
                ordered=written,
                handed_over=at(day, chance.randint(9, 18), chance.randrange(60)),
                number=count,
                words=words[entry.name],
            )
            day, count = day + FILLED_EVERY - timedelta(days=chance.randrange(4)), count + 1


def _shots(chart: Chart, *, until: date) -> None:
    for year in range(2016, until.year + 1):
        day = course.on(year, 10, 2, seed=chart.seed, name="flu")
        if day < until:
            vaccinate(
                chart,
                f"flu {year}",
                vaccine=flu_vaccine(day=day, born=RENEE.birth_date),
                when=chart.desk.instant(at(day, 17, 35)),
                words="INFLUENZA VACCINE",
                by="fontaine",
                fact=f"flu {year}",
            )
    given = (
        ("zoster 1", "zoster", date(2018, 9, 11), "ZOSTER RECOMBINANT (SHINGRIX) #1"),
        ("zoster 2", "zoster", date(2018, 12, 4), "ZOSTER RECOMBINANT (SHINGRIX) #2"),
        ("covid 1", "covid", date(2021, 3, 18), "COVID-19 PFIZER #1"),
        ("covid 2", "covid", date(2021, 4, 8), "COVID-19 PFIZER #2"),
        ("covid 3", "covid", date(2021, 11, 5), "COVID-19 PFIZER BOOSTER"),
        ("covid 4", "covid_bivalent", date(2022, 9, 30), "COVID-19 PFIZER BIVALENT"),
        ("covid 5", "covid_tris", date(2023, 11, 20), "COVID-19 PFIZER 2023-24"),
    )
    for name, vaccine, day, words in given:
        vaccinate(
            chart,
            name,
            vaccine=vaccine,
            when=chart.desk.instant(at(day, 12, 15)),
            words=words,
            by="fontaine",
            fact=name if name in {"zoster 1", "zoster 2", "covid 1", "covid 2"} else "",
        )
