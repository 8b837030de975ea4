"""The three houses of Port Alder and who works there: invented, all of them.

Each house has its own ids, numbers and spelling for those it knows. One surgeon is known to two houses and
carries one national number at both; its checksum holds, and it begins with a digit that is never issued.
"""

from dataclasses import dataclass
from typing import Final

from connectors.sandbox.family.chart import Chart, Desk, refer
from connectors.sandbox.family.codes import SNOMED, coding, concept, hl7
from connectors.sandbox.family.model import DemoPortal
from connectors.sandbox.split import Resource

MERCY: Final = Desk("mercy", "Mercy Hospital of Port Alder", "opaque", "utc", announces_profiles=True)
LAKESIDE: Final = Desk("lakeside", "Lakeside Family Clinic", "prefixed", "offset")
NORTHERN: Final = Desk("northern", "Northern Laboratory & Pharmacy", "short", "milliseconds")
DESKS: Final = (MERCY, LAKESIDE, NORTHERN)
PORTALS: Final = tuple(DemoPortal(desk.slug, desk.name, desk.id_style) for desk in DESKS)

SURGEON_NPI: Final = "9000000023"
NPI: Final = "http://hl7.org/fhir/sid/us-npi"


@dataclass(frozen=True, slots=True)
class House:
    """An organization as one portal writes it."""

    name: str
    phone: str
    line: str
    kind: tuple[str, str] = ("prov", "Healthcare Provider")


@dataclass(frozen=True, slots=True)
class Doctor:
    """Somebody who treats, as one portal writes the name."""

    family: str
    given: tuple[str, ...]
    text: str
    house: str
    taxonomy: tuple[str, str]
    qualification: str = "MD"
    npi: str = ""
    line: str = ""


HOUSES: Final = {
    "mercy": House("Mercy Hospital of Port Alder", "+1 555 0100", "1200 Harbor Boulevard"),
    "lakeside": House("Lakeside Family Clinic", "+1 555 0140", "48 Birch Street, Suite 3"),
    "northern": House("Northern Laboratory & Pharmacy", "+1 555 0177", "901 Foundry Road"),
    "payer": House("Great Lakes Mutual Health", "+1 555 0190", "77 Exchange Place", ("pay", "Payer")),
}

# What a house calls a neighbour that it knows only from letters and orders.
LOCATIONS: Final = {
    "mercy_ed": ("Mercy Emergency Department", "mercy"),
    "mercy_ward": ("Mercy 4 West, Orthopedics", "mercy"),
    "mercy_clinic": ("Mercy Diabetes & Endocrine Center", "mercy"),
    "mercy_imaging": ("Mercy Imaging, Ground Floor", "mercy"),
    "lakeside_rooms": ("Lakeside Family Clinic, Birch Street", "lakeside"),
    "northern_draw": ("Northern Patient Service Center, Foundry Road", "northern"),
    "northern_pharmacy": ("Northern Pharmacy, Foundry Road", "northern"),
}

FAMILY_MEDICINE: Final = ("207Q00000X", "Family Medicine Physician")
DOCTORS: Final = {
    ("lakeside", "harcourt"): Doctor(
        "Harcourt", ("Wendell",), "Wendell Harcourt, MD", "lakeside", FAMILY_MEDICINE
    ),
    ("lakeside", "okonkwo"): Doctor(
        "Okonkwo-Reyes", ("Amara",), "Amara Okonkwo-Reyes, MD", "lakeside", FAMILY_MEDICINE
    ),
    ("lakeside", "dvorak"): Doctor(
        "Dvořák", ("Josefína",), "Josefína Dvořák, NP", "lakeside", ("363L00000X", "Nurse Practitioner"), "NP"
    ),
    ("lakeside", "surgeon"): Doctor(
        "BERGQVIST",
        ("LARS", "E"),
        "BERGQVIST, LARS E MD",
        "mercy",
        ("207X00000X", "Orthopaedic Surgery Physician"),
        npi=SURGEON_NPI,
        line="1200 Harbor Boulevard",
    ),
    ("mercy", "surgeon"): Doctor(
        "Bergqvist",
        ("Lars", "Emil"),
        "Lars Emil Bergqvist, MD",
        "mercy",
        ("207X00000X", "Orthopaedic Surgery Physician"),
        npi=SURGEON_NPI,
    ),
    ("mercy", "raghunathan"): Doctor(
        "Raghunathan",
        ("Priya",),
        "Priya Raghunathan, MD",
        "mercy",
        ("207RE0101X", "Endocrinology, Diabetes & Metabolism Physician"),
    ),
    ("mercy", "echeverria"): Doctor(
        "Echeverría",
        ("Tomás",),
        "Tomás Echeverría, MD",
        "mercy",
        ("207P00000X", "Emergency Medicine Physician"),
    ),
    ("mercy", "mbeki"): Doctor(
        "Mbeki", ("Chantal",), "Chantal Mbeki, MD", "mercy", ("207R00000X", "Internal Medicine Physician")
    ),
    ("mercy", "castells"): Doctor(
        "Castells",
        ("Núria",),
        "Núria Castells, MD",
        "mercy",
        ("2085R0202X", "Diagnostic Radiology Physician"),
    ),
    ("mercy", "haugen"): Doctor(
        "Haugen",
        ("Solveig",),
        "Solveig Haugen, MD",
        "mercy",
        ("207V00000X", "Obstetrics & Gynecology Physician"),
    ),
    ("northern", "nystrom"): Doctor(
        "Nyström", ("Halvard",), "Halvard Nyström, MD", "northern", ("207ZP0102X", "Pathology Physician")
    ),
    ("northern", "fontaine"): Doctor(
        "Fontaine", ("Odile",), "Odile Fontaine, PharmD", "northern", ("183500000X", "Pharmacist"), "PharmD"
    ),
    ("northern", "okonkwo"): Doctor(
        "OKONKWO REYES", ("A",), "OKONKWO REYES A", "lakeside", FAMILY_MEDICINE, line="48 Birch St Ste 3"
    ),
}


def enter(chart: Chart, name: str) -> str:
    """Enter a house, a place or a person of the portal's directory, once, and return its address."""
    if name in HOUSES:
        return _house(chart, name)
    if name in LOCATIONS:
        return _location(chart, name)
    return _doctor(chart, name)


def _house(chart: Chart, name: str) -> str:
    known = chart.address("Organization", name, ours=False)
    if known in chart.resources:
        return known
    house = HOUSES[name]
    body: Resource = {
        "identifier": [{"system": chart.system("organization"), "value": chart.house_number(name, 6)}],
        "active": True,
        "type": [hl7("organization-type", *house.kind)],
        "name": house.name,
        "telecom": [{"system": "phone", "value": house.phone, "use": "work"}],
        "address": [address(house.line)],
    }
    # A house is known by name and address wherever it is named, so it may be joined; a payer's too.
    return chart.add("Organization", name, body, fact=f"organization {name}", ours=False)


def _location(chart: Chart, name: str) -> str:
    known = chart.address("Location", name, ours=False)
    if known in chart.resources:
        return known
    text, house = LOCATIONS[name]
    body: Resource = {
        "identifier": [{"system": chart.system("location"), "value": chart.house_number(name, 5)}],
        "status": "active",
        "name": text,
        "telecom": [{"system": "phone", "value": HOUSES[house].phone}],
        "address": address(HOUSES[house].line),
        "managingOrganization": {**chart.who(house)},
    }
    return chart.add("Location", name, body, ours=False)


def _doctor(chart: Chart, name: str) -> str:
    known = chart.address("Practitioner", name, ours=False)
    if known in chart.resources:
        return known
    doctor = DOCTORS[chart.desk.slug, name]
    identifiers: list[Resource] = [{"system": chart.system("provider"), "value": chart.house_number(name, 6)}]
    if doctor.npi:
        identifiers.insert(0, {"use": "official", "system": NPI, "value": doctor.npi})
    house = HOUSES[doctor.house]
    body: Resource = {
        "identifier": identifiers,
        "active": True,
        "name": [{"text": doctor.text, "family": doctor.family, "given": list(doctor.given)}],
        "telecom": [{"system": "phone", "value": house.phone, "use": "work"}],
        "address": [address(doctor.line or house.line)],
        "qualification": [{"code": {"text": doctor.qualification}}],
    }
    written = chart.add(
        "Practitioner", name, body, fact=f"practitioner {name}" if doctor.npi else "", ours=False
    )
    role: Resource = {
        "identifier": [{"system": chart.system("role"), "value": chart.house_number(f"{name} role", 6)}],
        "active": True,
        "practitioner": {"reference": written, "display": doctor.text},
        "organization": {**chart.who(doctor.house)},
        "code": [concept(coding(SNOMED, "158965000", "Medical practitioner"), text=doctor.taxonomy[1])],
        "specialty": [concept(coding("http://nucc.org/provider-taxonomy", *doctor.taxonomy))],
        "telecom": [{"system": "phone", "value": house.phone, "use": "work"}],
    }
    if doctor.house == "lakeside" and chart.desk.slug == "lakeside":
        role["location"] = [refer(enter(chart, "lakeside_rooms"))]
    # Whoever is known by a national number is known in the same part, too.
    chart.add("PractitionerRole", name, role, fact=f"role of {name}" if doctor.npi else "", ours=False)
    return written


def address(line: str) -> Resource:
    """Make an address in the family's town, which is on no map."""
    return {
        "line": [line],
        "city": "Port Alder",
        "state": "WI",
        "postalCode": "54999",
        "country": "US",
    }
