"""Invented people, and resources of the size that portals send, made from a number alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from phr.accounts import access
from phr.accounts.models import User
from phr.sources.models import Source

# Of the range that a person's portals measure; the text is what makes a resource 1.3 kB.
_CODES: Final = (
    ("8302-2", "Body Height", "cm"),
    ("29463-7", "Body Weight", "kg"),
    ("2339-0", "Glucose", "mg/dL"),
    ("6299-2", "Urea Nitrogen", "mg/dL"),
    ("38483-4", "Creatinine", "mg/dL"),
    ("2947-0", "Sodium", "mmol/L"),
    ("6298-4", "Potassium", "mmol/L"),
    ("2093-3", "Total Cholesterol", "mg/dL"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
)
_FIRST: Final = datetime(1990, 1, 1, 8, tzinfo=UTC)
# One visit brings so many results.
_OF_VISIT: Final = 40
BASE_URL: Final = "https://portal.invalid/fhir"


def person(*, name: str = "Rosa Marin") -> tuple[access.Sight, Source]:
    """Make a person with one source, and return a worker's sight of them."""
    user, _new = User.objects.get_or_create(email="bench@example.invalid")
    made = access.create_person(user=user, name=name)
    sight = access.for_work(person_id=made.person_id)
    with sight.open():
        source = Source.objects.create(
            person_id=sight.person_id,
            kind=Source.Kind.FILE,
            profile_id="generic",
            name="A portal",
            base_url=BASE_URL,
            patient_fhir_id="pat",
        )
    return sight, source


def bundles(*, n: int, page: int, first: int = 0) -> Iterator[bytes]:
    """Yield the bytes of Bundles that hold ``n`` resources together, ``page`` in each."""
    for start in range(first, first + n, page):
        slices = [b'{"resource":' + resource(i) + b"}" for i in range(start, min(start + page, first + n))]
        yield b'{"resourceType":"Bundle","type":"searchset","entry":[' + b",".join(slices) + b"]}"


def resource(number: int) -> bytes:
    """Return a visit or one of its results, about 1.3 kB of JSON, the same for the same number."""
    visit, place = divmod(number, _OF_VISIT)
    at = _FIRST + timedelta(hours=2 * visit, minutes=place)
    subject = {"reference": "Patient/pat", "display": "Rosa Marin"}
    performer = {"reference": "Practitioner/dr-1", "display": "Dr. Ada Winter"}
    head = {
        "id": f"bench-{number:08}",
        "meta": {"versionId": "1", "lastUpdated": at.isoformat(), "profile": [_profile(visit=place == 0)]},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{_NARRATIVE}</div>',
        },
    }
    if place == 0:
        return msgspec.json.encode(
            {
                "resourceType": "Encounter",
                **head,
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "type": [
                    _concept("http://snomed.info/sct", "185349003", "Encounter for check up (procedure)")
                ],
                "subject": subject,
                "participant": [{"individual": performer}],
                "period": {"start": at.isoformat(), "end": (at + timedelta(hours=1)).isoformat()},
            }
        )
    code, display, unit = _CODES[number % len(_CODES)]
    return msgspec.json.encode(
        {
            "resourceType": "Observation",
            **head,
            "identifier": [{"system": "https://portal.invalid/results", "value": f"R{number:08}"}],
            "status": "final",
            "category": [
                _concept(
                    "http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory"
                )
            ],
            "code": _concept("http://loinc.org", code, display),
            "subject": subject,
            "encounter": {"reference": f"Encounter/bench-{visit * _OF_VISIT:08}"},
            "effectiveDateTime": at.isoformat(),
            "issued": at.isoformat(),
            "performer": [performer],
            "valueQuantity": {
                "value": 4 + number % 97 / 10,
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            },
            "referenceRange": [{"low": {"value": 4.1, "unit": unit}, "high": {"value": 9.7, "unit": unit}}],
        }
    )


_NARRATIVE: Final = "Measured as ordered; compared with the values of the visit before. " * 3


def _profile(*, visit: bool) -> str:
    return "http://hl7.org/fhir/us/core/StructureDefinition/us-core-" + (
        "encounter" if visit else "observation-lab"
    )


def _concept(system: str, code: str, display: str) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
