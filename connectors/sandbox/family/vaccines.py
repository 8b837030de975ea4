"""Vaccinations, and which flu vaccine was given in which year."""

from datetime import date

from connectors.sandbox.family.chart import Chart, digits, refer
from connectors.sandbox.family.codes import CVX, SNOMED, VACCINES, coding, concept, hl7
from connectors.sandbox.split import Resource

# From 2014 thimerosal-free, 2015 to 2023 of four strains, since 2024 of three again.
FREE_SINCE, FOUR_SINCE, THREE_AGAIN = 2014, 2015, 2024
HIGH_DOSE_AGE = 65


def flu_vaccine(*, day: date, born: date) -> str:
    """Name the flu vaccine that somebody of that age was given in that season."""
    if day.year - born.year >= HIGH_DOSE_AGE and day.year >= FOUR_SINCE:
        return "flu_high_quad" if 2020 <= day.year < THREE_AGAIN else "flu_high"
    if FOUR_SINCE <= day.year < THREE_AGAIN:
        return "flu_quad"
    return "flu_free" if day.year >= FREE_SINCE else "flu"


def vaccinate(
    chart: Chart,
    name: str,
    *,
    vaccine: str,
    when: str,
    words: str,
    visit: str = "",
    by: str = "",
    state: str = "completed",
    why_not: str = "",
    given_here: bool = True,
    fact: str = "",
) -> str:
    """Record an Immunization: ``when`` as this portal knows it, a date or a moment."""
    code, display = VACCINES[vaccine]
    body: Resource = {"status": state}
    if why_not:
        body["statusReason"] = {"text": why_not}
    body["vaccineCode"] = concept(coding(CVX, code, display), text=words)
    body["patient"] = chart.subject
    if visit:
        body["encounter"] = refer(visit)
    body["occurrenceDateTime"] = when
    body["primarySource"] = given_here
    if not given_here:
        body["reportOrigin"] = hl7("immunization-origin", "provider", "Other Provider")
    if state == "completed" and given_here:
        body["lotNumber"] = f"L{digits(f'{chart.desk.slug}{name}', 5)}"
        body["site"] = concept(coding(SNOMED, "368208006", "Left upper arm structure"), text="left arm")
        body["route"] = concept(coding(SNOMED, "78421000", "Intramuscular route"), text="IM")
    if by:
        body["performer"] = [{"actor": chart.who(by)}]
    return chart.add("Immunization", name, body, fact=fact)
