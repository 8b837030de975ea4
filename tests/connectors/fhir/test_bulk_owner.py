"""About whom a resource is: the place that says so decides, in every form a reference may have."""

import json
from typing import Any

import pytest

from connectors.fhir.bulk_owner import Owner, names_of, owner_of, points_at

BASE = "https://portal.example/fhir"
PATIENT = {"reference": "Patient/rosa"}
ROSA = Owner("patient", ("rosa",))
NOBODY = Owner("none")


def owner(
    resource_type: str, *, base_url: str = BASE, members: dict[str, Any] | None = None, **more: Any
) -> Owner:
    raw = json.dumps({"resourceType": resource_type, "id": "x", **(members or {}), **more}).encode()
    return owner_of(raw, resource_type=resource_type, resource_id="x", base_url=base_url)


@pytest.mark.parametrize(
    ("resource_type", "place"),
    [
        ("Account", "subject"),
        ("AdverseEvent", "subject"),
        ("AllergyIntolerance", "patient"),
        ("AppointmentResponse", "actor"),
        ("Binary", "securityContext"),
        ("CarePlan", "subject"),
        ("Claim", "patient"),
        ("Consent", "patient"),
        ("Coverage", "beneficiary"),
        ("Device", "patient"),
        ("DocumentReference", "subject"),
        ("Encounter", "subject"),
        ("EnrollmentRequest", "candidate"),
        ("EpisodeOfCare", "patient"),
        ("ExplanationOfBenefit", "patient"),
        ("FamilyMemberHistory", "patient"),
        ("Goal", "subject"),
        ("Immunization", "patient"),
        ("MedicationDispense", "subject"),
        ("Observation", "subject"),
        ("RelatedPerson", "patient"),
        ("ResearchSubject", "individual"),
        ("Specimen", "subject"),
        ("Task", "for"),
        ("VisionPrescription", "patient"),
    ],
)
def test_each_type_says_it_in_its_place(resource_type: str, place: str) -> None:
    assert owner(resource_type, members={place: PATIENT}) == ROSA


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"reference": "Patient/rosa"}, ROSA),
        ({"reference": " Patient/rosa "}, ROSA),
        ({"reference": "Patient/rosa/_history/3"}, ROSA),
        ({"reference": "https://portal.example/fhir/Patient/rosa"}, ROSA),
        ({"reference": "https://PORTAL.example:443/fhir/Patient/rosa/_history/3"}, ROSA),
        ({"reference": "urn:uuid:rosa"}, ROSA),
        ({"reference": "urn:uuid:rosa", "type": "Patient"}, ROSA),
        ({"reference": "Patient?identifier=http://mrn|7"}, Owner("identifier", ("http://mrn|7",))),
        (
            {"reference": f"{BASE}/Patient?identifier=http://mrn|7"},
            Owner("identifier", ("http://mrn|7",)),
        ),
        ({"reference": "https://elsewhere.example/fhir/Patient?identifier=http://mrn|7"}, NOBODY),
        ({"identifier": {"system": "http://mrn", "value": "7"}}, Owner("identifier", ("http://mrn|7",))),
        ({"identifier": {"value": "7"}, "type": "Patient"}, Owner("identifier", ("|7",))),
        ({"reference": "https://elsewhere.example/fhir/Patient/rosa"}, NOBODY),
        ({"reference": "https://portal.example.evil/fhir/Patient/rosa"}, NOBODY),
        ({"reference": "https://portal.example/other/Patient/rosa"}, NOBODY),
        ({"reference": "Group/7"}, NOBODY),
        ({"reference": "Device/7", "type": "Device"}, NOBODY),
        ({"reference": "urn:uuid:rosa", "type": "Group"}, NOBODY),
        ({"identifier": {"value": "7"}, "type": "Group"}, NOBODY),
        ({"identifier": {"system": "http://mrn"}}, NOBODY),
        ({"reference": "Practitioner?identifier=http://npi|7"}, NOBODY),
        ({"reference": "#rosa"}, NOBODY),
        ({"reference": "urn:oid:1.2.3"}, NOBODY),
        ({"reference": ""}, NOBODY),
        ({"reference": 7}, NOBODY),
        ({"display": "Rosa"}, NOBODY),
        ("Patient/rosa", NOBODY),
        (None, NOBODY),
    ],
)
def test_every_form_of_a_reference(said: Any, expected: Owner) -> None:
    assert owner("Observation", subject=said) == expected


def test_of_a_server_whose_address_is_unknown_an_absolute_reference_names_nobody() -> None:
    said = {"reference": "https://any.example/fhir/r4/Patient/rosa/_history/2"}
    assert owner("Observation", base_url="", subject=said) == NOBODY
    assert (
        owner("Observation", base_url="", subject={"reference": "http://any.example/Patient/rosa"}) == NOBODY
    )
    assert owner("Observation", base_url="", subject=PATIENT) == ROSA
    assert owner("Provenance", base_url="", target=[said]) == NOBODY


def test_who_made_it_or_received_it_does_not_own_it() -> None:
    """A child's observation that her mother made stands in both compartments, and is the child's."""
    mother = {"reference": "Patient/mother"}
    assert owner("Observation", subject=PATIENT, performer=[mother]) == ROSA
    assert owner("DocumentReference", subject=PATIENT, author=[mother]) == ROSA
    assert owner("Communication", subject=PATIENT, sender=mother, recipient=[mother]) == ROSA
    assert owner("Coverage", beneficiary=PATIENT, subscriber=mother, policyHolder=mother) == ROSA
    assert owner("Procedure", subject=PATIENT, performer=[{"actor": mother}]) == ROSA
    assert owner("Observation", performer=[mother]) == NOBODY
    assert owner("Coverage", subscriber=mother) == NOBODY


def test_a_patient_is_its_own_and_other_people_are_nobodys() -> None:
    assert owner("Patient", link=[{"other": PATIENT}]) == Owner("patient", ("x",))
    practitioner = {"link": [{"target": PATIENT}], "actor": [PATIENT], "member": [{"entity": PATIENT}]}
    for kind in ("Practitioner", "Organization", "Location", "Medication", "Person", "Group", "Schedule"):
        assert owner(kind, members=practitioner) == NOBODY, kind
    assert owner("AuditEvent", subject=PATIENT) == NOBODY


def test_what_is_about_several_says_so() -> None:
    two = [
        {"actor": PATIENT},
        {"actor": {"reference": "Patient/ana"}},
        {"actor": {"reference": "Location/1"}},
    ]
    assert owner("Appointment", participant=two) == Owner("several", ("rosa", "ana"))
    assert owner("Appointment", participant=[*two[:1], *two[:1], two[2]]) == ROSA
    assert owner("Appointment", participant=two[2:]) == NOBODY
    assert owner("Account", subject=[PATIENT, {"reference": "Patient/ana"}]).kind == "several"


def test_what_speaks_of_others_is_theirs() -> None:
    targets = [
        {"reference": "Observation/1"},
        {"reference": f"{BASE}/Condition/2/_history/1"},
        {"reference": "#c"},
    ]
    assert owner("Provenance", target=targets) == Owner("about", ("Observation/1", "Condition/2"))
    assert owner("Provenance", target=[{"reference": "#c"}]) == NOBODY
    for unknown in (
        {"reference": "https://other.example/fhir/Observation/2"},
        {"identifier": {"value": "7"}},
    ):
        assert owner("Provenance", target=[targets[0], unknown]).kind == "several"
    assert owner("Provenance", target=[PATIENT]) == Owner("about", ("Patient/rosa",))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"subject":{"reference":"\xff"}}', b"[" * 5000])
def test_what_cannot_be_read_is_nobodys(raw: bytes) -> None:
    assert owner_of(raw, resource_type="Observation", resource_id="x", base_url=BASE) == NOBODY
    assert points_at(raw, base_url=BASE) == frozenset()


def test_ids_do_not_show() -> None:
    assert "rosa" not in repr(ROSA)


def test_a_reference_finds_the_resource_by_each_of_its_names() -> None:
    raw = json.dumps(
        {
            "resourceType": "Encounter",
            "identifier": [{"value": "own"}],
            "participant": [
                {"individual": {"reference": "Practitioner?identifier=http://npi|99"}},
                {"individual": {"reference": "Practitioner/doc/_history/2"}},
            ],
            "location": [
                {"location": {"type": "Location", "identifier": {"system": "http://loc", "value": "1"}}}
            ],
            "serviceProvider": {"identifier": {"system": "http://org", "value": "2"}},
            "hospitalization": {"origin": {"reference": "https://elsewhere.example/Location/3"}},
            "contained": [{"resourceType": "Location", "partOf": {"reference": f"{BASE}/Location/4"}}],
        }
    ).encode()
    assert points_at(raw, base_url=BASE) == {
        "Practitioner?http://npi|99",
        "Practitioner/doc",
        "Location?http://loc|1",
        "?http://org|2",
        "Location/4",
    }
    doc = json.dumps({"identifier": [{"system": "http://npi", "value": "99"}, {"system": "x"}]}).encode()
    names = names_of(doc, resource_type="Practitioner", resource_id="doc")
    assert names == {
        "Practitioner/doc",
        "Practitioner?http://npi|99",
        "Practitioner?|99",
        "?http://npi|99",
    }
