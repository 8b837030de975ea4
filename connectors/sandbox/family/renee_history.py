"""Renée's standing story at the clinic: problems, old events, vaccines, and what is intended with her."""

from datetime import date
from decimal import Decimal
from typing import Final

from connectors.sandbox.family import course
from connectors.sandbox.family.chart import Chart, at
from connectors.sandbox.family.codes import RXNORM, SNOMED, coding, concept
from connectors.sandbox.family.findings import smoking
from connectors.sandbox.family.notes import document, plain, provenance
from connectors.sandbox.family.people import RENEE
from connectors.sandbox.family.plans import goal, order_service, plan, team
from connectors.sandbox.family.problems import allergy, problem, procedure
from connectors.sandbox.family.vaccines import flu_vaccine, vaccinate
from connectors.sandbox.family.visits import appointment

PHARMACY_SHOTS_SINCE: Final = 2016
LONG_TITLE: Final = (
    "Referral to Mercy Diabetes & Endocrine Center for a patient with type 2 diabetes of ten years, "
    "hypertension, hyperlipidemia and a recent emergency visit for chest pain without myocardial injury"
)


def problems(chart: Chart) -> dict[str, str]:
    """Write the problem list; returns each problem by name."""
    told = {
        "hypertension": problem(
            chart,
            "hypertension",
            what="hypertension",
            words="High blood pressure",
            onset="2004-03-09",
            recorded="2004-03-09",
            coded="snomed",
            by="okonkwo",
        ),
        "lipids": problem(
            chart,
            "lipids",
            what="lipids",
            words="Hyperlipidemia",
            onset="2008-05-06",
            recorded="2008-05-06",
            by="okonkwo",
            fact="hyperlipidemia",
        ),
        "prediabetes": problem(
            chart,
            "prediabetes",
            what="prediabetes",
            words="Prediabetes",
            onset="2008",
            abated="2011-02-15",
            state="resolved",
            by="okonkwo",
        ),
        "diabetes": problem(
            chart,
            "diabetes",
            what="diabetes",
            words="Type 2 diabetes",
            onset="2011-02-15",
            recorded="2011-02-15",
            by="okonkwo",
            fact="type 2 diabetes",
        ),
        "knee": problem(
            chart,
            "knee",
            what="knee",
            words="Osteoarthritis, right knee",
            onset="2014-09",
            recorded="2014-09-16",
            by="okonkwo",
            fact="knee osteoarthritis",
        ),
        "anemia": problem(
            chart,
            "anemia",
            what="anemia",
            words="Iron deficiency anemia",
            onset="2017-04-18",
            recorded="2017-04-25",
            by="okonkwo",
            fact="iron deficiency anemia",
        ),
    }
    problem(
        chart,
        "copd",
        what="copd",
        words="COPD",
        recorded="2012-10-30",
        certainty="entered-in-error",
        by="dvorak",
        note="Entered into the wrong chart.",
    )
    return told


def history(chart: Chart) -> None:
    """Write down what the patient told at her first visit and later."""
    allergy(
        chart,
        "penicillin",
        # This house files the kind of allergy as the code, and the drug with the reaction.
        code=concept(text="Drug allergy"),
        onset="1981",
        recorded="1996-04-24",
        reaction={
            "substance": concept(
                coding(RXNORM, "7980", "penicillin G"),
                coding(SNOMED, "373270004", "Penicillin -class of antibiotic- (substance)"),
                text="Penicillin",
            ),
            "manifestation": [concept(coding(SNOMED, "247472004", "Hives"), text="Hives all over")],
            "severity": "moderate",
        },
        by="harcourt",
        fact="penicillin",
    )
    procedure(
        chart,
        "appendectomy",
        code=("80146002", "Excision of appendix (procedure)"),
        words="Appendectomy (reported by patient)",
        performed="1974",
    )
    procedure(
        chart,
        "colonoscopy declined",
        code=("73761001", "Colonoscopy (procedure)"),
        words="Screening colonoscopy",
        performed="2010-06",
        state="not-done",
        why_not="Patient declined; stool test offered",
    )
    smoking(chart, "smoking first", code="8517006", display="Former smoker", when="1996-04-24")


def vaccines(chart: Chart, *, until: date) -> None:
    """Write the vaccines given here, and those that the pharmacy reported."""
    for year in range(2003, until.year + 1):
        day = course.on(year, 10, 2, seed=chart.seed, name="flu")
        if day >= until:
            continue
        declined = year == 2013
        elsewhere = year >= PHARMACY_SHOTS_SINCE
        vaccinate(
            chart,
            f"flu {year}",
            vaccine=flu_vaccine(day=day, born=RENEE.birth_date),
            when=day.isoformat() if elsewhere or declined else chart.desk.instant(at(day, 15, 10)),
            words="Influenza vaccine (from pharmacy)" if elsewhere else "Influenza vaccine",
            state="not-done" if declined else "completed",
            why_not="Patient declined this season" if declined else "",
            given_here=not elsewhere,
            by="" if elsewhere or declined else "dvorak",
            fact=f"flu {year}" if elsewhere else "",
        )
    given = (
        ("td 1999", "td", date(1999, 5, 11), "Td booster"),
        ("tdap 2009", "tdap", date(2009, 5, 12), "Tdap (Adacel)"),
        ("pneumo23", "pneumo23", date(2012, 4, 24), "Pneumovax 23"),
        ("tdap 2019", "tdap", date(2019, 4, 23), "Tdap (Adacel)"),
        ("pneumo20", "pneumo20", date(2023, 5, 3), "Prevnar 20"),
    )
    for name, vaccine, day, words in given:
        vaccinate(
            chart, name, vaccine=vaccine, when=chart.desk.instant(at(day, 10, 5)), words=words, by="dvorak"
        )
    for name, vaccine, day, words in (
        ("zoster 1", "zoster", date(2018, 9, 11), "Shingrix, first dose (from pharmacy)"),
        ("zoster 2", "zoster", date(2018, 12, 4), "Shingrix, second dose (from pharmacy)"),
        ("covid 1", "covid", date(2021, 3, 18), "COVID-19 Pfizer (from pharmacy)"),
        ("covid 2", "covid", date(2021, 4, 8), "COVID-19 Pfizer (from pharmacy)"),
    ):
        vaccinate(
            chart, name, vaccine=vaccine, when=day.isoformat(), words=words, given_here=False, fact=name
        )


def intentions(chart: Chart, *, until: date, problems: dict[str, str]) -> None:
    """Write goals, plans, the team, a referral and the next appointment."""
    treating = team(
        chart,
        "team",
        words="Renée's care team at Lakeside",
        members=(
            ("okonkwo", "158965000", "Medical practitioner"),
            ("dvorak", "224571005", "Nurse practitioner"),
        ),
        since=date(2011, 2, 15),
    )
    sugar = goal(
        chart,
        "sugar",
        words="HbA1c below 7 % without low blood sugars",
        measure=("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"),
        below=(Decimal("7.0"), "%"),
        since=date(2011, 2, 15),
        addresses=(problems["diabetes"],),
    )
    walking = goal(
        chart,
        "walking",
        words="Walk along the harbor for half an hour on five days of the week",
        measure=None,
        below=None,
        since=date(2024, 4, 23),
        achieved="improving",
    )
    plan(
        chart,
        "diabetes",
        title="Diabetes and heart health plan",
        text="HbA1c every six months; urine albumin, eyes and feet every year; blood pressure below 130/80.",
        since=date(2011, 2, 15),
        team=treating,
        goals=(sugar, walking),
        addresses=(problems["diabetes"], problems["hypertension"]),
        activities=(
            (
                "in-progress",
                "61310001",
                "Nutrition education",
                "Carbohydrate counting with the nurse practitioner",
            ),
        ),
    )
    referral = order_service(
        chart,
        "referral",
        code=concept(
            coding(SNOMED, "306206005", "Referral to service (procedure)"), text="Referral to endocrinology"
        ),
        written="2021-06-22",
        by="okonkwo",
        reason="HbA1c above 8 % on full-dose metformin",
        category=("3457005", "Patient referral"),
    )
    written = document(
        chart,
        "referral letter",
        writing=plain(
            LONG_TITLE,
            (
                "Dear colleague,",
                "Thank you for seeing Renée, whose HbA1c is above 8 % on metformin 1,000 mg twice daily.",
                "Penicillin gave her hives in 1981.",
                "With kind regards, Amara Okonkwo-Reyes, MD",
            ),
        ),
        kind="consult",
        words="Referral letter",
        written=at(date(2021, 6, 22), 16, 5),
        by="okonkwo",
    )
    provenance(
        chart, "referral", targets=(referral, written), recorded=at(date(2021, 6, 22), 16, 6), by="okonkwo"
    )
    coming = course.on(until.year + 1, 4, 20, seed=chart.seed, name="physical")
    appointment(
        chart,
        f"physical {coming.year}",
        start=at(coming, 9, 0),
        minutes=40,
        what="Annual physical",
        by="okonkwo",
        place="lakeside_rooms",
    )
