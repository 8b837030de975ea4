"""Four people of three generations, and how each portal knows them: names, numbers, kin and insurance."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from connectors.sandbox.family.chart import Chart, dice, digits
from connectors.sandbox.family.codes import HL7, US_CORE, coding, concept, hl7
from connectors.sandbox.family.directory import address
from connectors.sandbox.split import Resource

RACE: Final = {
    "white": ("2106-3", "White"),
    "black": ("2054-5", "Black or African American"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the family; ``names`` says how a portal spells them where it differs from the rest."""

    slug: str
    given: tuple[str, ...]
    family: str
    birth_date: date
    gender: str
    race: tuple[str, ...]
    line: str
    phone: str
    marital: str = "M"
    names: tuple[tuple[str, tuple[str, ...], str], ...] = ()

    @property
    def full_name(self) -> str:
        """Give the name as the family says it."""
        return f"{self.given[0]} {self.family}"


RENEE: Final = Person(
    slug="renee",
    given=("Renée", "Adèle"),
    family="Marchetti-Lindqvist",
    birth_date=date(1958, 4, 17),
    gender="female",
    race=("white",),
    line="16 Lighthouse Lane",
    phone="+1 555 0111",
    names=(
        ("lakeside", ("Renée", "A."), "Marchetti-Lindqvist"),
        ("northern", ("RENEE",), "MARCHETTI LINDQVIST"),
    ),
)
TOBIAS: Final = Person(
    slug="tobias",
    given=("Tobias", "Åke"),
    family="Lindqvist",
    birth_date=date(1955, 11, 2),
    gender="male",
    race=("white",),
    line="16 Lighthouse Lane",
    phone="+1 555 0112",
    names=(("northern", ("TOBIAS",), "LINDQVIST"),),
)
INGRID: Final = Person(
    slug="ingrid",
    given=("Ingrid", "Noémie"),
    family="Lindqvist-Adeyemi",
    birth_date=date(1986, 7, 29),
    gender="female",
    race=("white",),
    line="233 Quarry Road",
    phone="+1 555 0125",
    names=(("northern", ("INGRID",), "ADEYEMI"),),
)
KASIMIR: Final = Person(
    slug="kasimir",
    given=("Kasimir", "Olú"),
    family="Adeyemi",
    birth_date=date(2017, 2, 11),
    gender="male",
    race=("white", "black"),
    line="233 Quarry Road",
    phone="+1 555 0125",
    marital="S",
    names=(("northern", ("KASIMIR",), "ADEYEMI"),),
)

KIN: Final = {
    "renee": (
        ("Tobias", "Lindqvist", "SPS", "spouse"),
        ("Ingrid", "Lindqvist-Adeyemi", "DAU", "natural daughter"),
    ),
    "tobias": (("Renée", "Marchetti-Lindqvist", "SPS", "spouse"),),
    "ingrid": (("Renée", "Marchetti-Lindqvist", "MTH", "mother"),),
    "kasimir": (("Ingrid", "Lindqvist-Adeyemi", "MTH", "mother"),),
}


def patient(chart: Chart, person: Person) -> str:
    """Register a person at a portal: own record number, own spelling of the name."""
    given, family = next(
        ((given, family) for slug, given, family in person.names if slug == chart.desk.slug),
        (person.given, person.family),
    )
    body: Resource = {
        "extension": [
            {
                "url": f"{US_CORE}/us-core-race",
                "extension": [
                    *(
                        {
                            "url": "ombCategory",
                            "valueCoding": coding("urn:oid:2.16.840.1.113883.6.238", *RACE[race]),
                        }
                        for race in person.race
                    ),
                    {"url": "text", "valueString": ", ".join(RACE[race][1] for race in person.race)},
                ],
            },
            {
                "url": f"{US_CORE}/us-core-ethnicity",
                "extension": [
                    {
                        "url": "ombCategory",
                        "valueCoding": coding(
                            "urn:oid:2.16.840.1.113883.6.238", "2186-5", "Not Hispanic or Latino"
                        ),
                    },
                    {"url": "text", "valueString": "Not Hispanic or Latino"},
                ],
            },
        ],
        "identifier": [
            {
                "use": "usual",
                "type": concept(coding(f"{HL7}/v2-0203", "MR", "Medical Record Number"), text="MRN"),
                "system": chart.system("mrn"),
                "value": chart.number("mrn", 7),
            }
        ],
        "active": True,
        "name": [
            {"use": "official", "text": f"{' '.join(given)} {family}", "family": family, "given": list(given)}
        ],
        "telecom": [
            {"system": "phone", "value": person.phone, "use": "home"},
            {"system": "email", "value": f"{person.slug}@lindqvist.example", "use": "home"},
        ],
        "gender": person.gender,
        "birthDate": person.birth_date.isoformat(),
        "address": [address(person.line)],
        "communication": [
            {
                "language": concept(coding("urn:ietf:bcp:47", "en", "English"), text="English"),
                "preferred": True,
            }
        ],
    }
    if chart.desk.slug == "mercy":
        body["maritalStatus"] = hl7("v3-MaritalStatus", person.marital)
    if chart.desk.slug == "lakeside":
        body["generalPractitioner"] = [chart.who("okonkwo")]
        body["managingOrganization"] = chart.who("lakeside")
    return chart.add("Patient", "self", body)


def relatives(chart: Chart) -> list[str]:
    """Write down the kin whom this portal may call."""
    written: list[str] = []
    for given, family, code, words in KIN[chart.person]:
        body: Resource = {
            "identifier": [{"system": chart.system("contact"), "value": chart.number(f"kin {given}", 6)}],
            "active": True,
            "patient": chart.subject,
            "relationship": [hl7("v3-RoleCode", code, words)],
            "name": [{"text": f"{given} {family}", "family": family, "given": [given]}],
            "telecom": [{"system": "phone", "value": f"+1 555 01{dice(chart.seed, given).randint(11, 29)}"}],
        }
        written.append(chart.add("RelatedPerson", given, body))
    return written


def member_number(person: Person, seed: int) -> str:
    """Give the insurance member number: one wherever it is written down."""
    household = "tobias" if person.slug == "renee" else "ingrid" if person.slug == "kasimir" else person.slug
    return f"GLM{digits(f'{seed}|member|{household}', 9)}"


def coverage(chart: Chart, person: Person, *, since: date) -> str:
    """Write down the insurance as it stands on the card."""
    member = member_number(person, chart.seed)
    body: Resource = {
        "identifier": [
            {
                "type": hl7("v2-0203", "MB", "Member Number"),
                "system": "https://greatlakesmutual.example/members",
                "value": member,
            }
        ],
        "status": "active",
        "type": concept(
            coding(f"{HL7}/v3-ActCode", "PPO", "preferred provider organization policy"),
            text="PPO" if chart.desk.slug == "mercy" else "Great Lakes Mutual PPO Choice",
        ),
        "subscriberId": member,
        "beneficiary": chart.subject,
        "relationship": hl7("subscriber-relationship", "self" if person.marital == "M" else "child"),
        "period": {"start": since.isoformat()},
        "payor": [chart.who("payer")],
        "class": [
            {
                "type": hl7("coverage-class", "group", "Group"),
                "value": "PA-2210",
                "name": "Port Alder Harbor Workers",
            }
        ],
    }
    return chart.add("Coverage", "card", body, fact="coverage")
