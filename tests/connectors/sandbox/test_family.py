"""The demo family: a life that holds together, at three houses that each write it in their own hand."""

import base64
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from connectors.sandbox.family import PORTALS, DemoPerson, Family, family
from connectors.sandbox.family.directory import NPI
from connectors.sandbox.family.pdf import PAGE_LINES, pdf
from connectors.sandbox.records import dump, parse
from connectors.sandbox.split import Resource

UNTIL = date(2026, 11, 23)
US_CORE = {
    "AllergyIntolerance", "Appointment", "Binary", "CarePlan", "CareTeam", "Claim", "Condition", "Coverage", "Device",
    "DiagnosticReport", "DocumentReference", "Encounter", "ExplanationOfBenefit", "Goal", "Immunization", "Location",
    "Medication", "MedicationDispense", "MedicationRequest", "Observation", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "Procedure", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest",
    "Specimen",
}  # fmt: skip
# Nobody's dates of birth, of documents' validity, or of what is only planned.
NO_EVENT = {"Appointment", "Patient"}


@cache
def told(until: date = UNTIL) -> Family:
    return family(seed=1, until=until)


def renee() -> DemoPerson:
    return told().people[0]


def found(slug: str, kind: str, person: DemoPerson | None = None) -> list[Resource]:
    return [r for r in (person or renee()).portals[slug] if r["resourceType"] == kind]


def get(slug: str, address: str) -> Resource:
    kind, _, identifier = address.partition("/")
    return next(r for r in found(slug, kind) if r["id"] == identifier)


def walk(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    yield name, node
    if isinstance(node, list):
        for item in node:
            yield from walk(item, name)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, key)


def code_of(resource: Resource, code: str) -> bool:
    return any(coding.get("code") == code for coding in resource["code"].get("coding", []))


def test_the_same_seed_and_day_give_the_same_bytes() -> None:
    again = family(seed=1, until=UNTIL)
    for one, other in zip(told().people, again.people, strict=True):
        assert one.truth == other.truth
        for slug in one.portals:
            assert [dump(r) for r in one.portals[slug]] == [dump(r) for r in other.portals[slug]]
    elsewhere = family(seed=2, until=UNTIL)
    assert {r["id"] for r in renee().portals["mercy"]}.isdisjoint(
        {r["id"] for r in elsewhere.people[0].portals["mercy"]}
    )


def test_a_later_day_adds_and_moves_nothing_of_the_past() -> None:
    earlier = told(date(2025, 11, 20))
    for before, now in zip(earlier.people, told().people, strict=True):
        for slug, there in before.portals.items():
            today = {(r["resourceType"], r["id"]): r for r in now.portals[slug]}
            for r in there:
                if r["resourceType"] not in NO_EVENT:
                    assert today[r["resourceType"], r["id"]] == r
    assert len(renee().portals["lakeside"]) > len(earlier.people[0].portals["lakeside"])


@pytest.mark.parametrize("until", [date(2025, 1, 1), date(2026, 6, 30), UNTIL, date(2031, 2, 28)])
def test_it_ends_shortly_before_the_day_it_is_told_on(until: date) -> None:
    for person in told(until).people:
        last = ""
        for slug, there in person.portals.items():
            for r in there:
                for name, value in walk(r) if r["resourceType"] not in NO_EVENT else ():
                    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
                        assert value[:10] <= until.isoformat(), (slug, r["resourceType"], name)
                        last = max(last, value[:10])
        assert last > (until - timedelta(days=300)).isoformat()
    fills = [
        r["whenHandedOver"][:10] for r in told(until).people[0].portals["northern"] if "whenHandedOver" in r
    ]
    assert max(fills) > (until - timedelta(days=45)).isoformat()


def test_it_refuses_a_day_before_the_story_is_told() -> None:
    with pytest.raises(ValueError, match="2025-01-01"):
        family(seed=1, until=date(2024, 12, 31))


def test_three_generations_and_thirty_years() -> None:
    people = told().people
    assert [p.birth_date.year for p in people] == [1958, 1955, 1986, 2017]
    visits = sorted(r["period"]["start"] for r in found("lakeside", "Encounter"))
    assert int(visits[-1][:4]) - int(visits[0][:4]) == 30
    assert 400 <= sum(map(len, renee().portals.values())) <= 950
    for person in people[1:]:
        assert 40 <= sum(map(len, person.portals.values())) <= 250


def test_every_us_core_type_is_there() -> None:
    types = {r["resourceType"] for there in renee().portals.values() for r in there}
    assert types >= US_CORE


def test_every_reference_resolves_within_its_portal_and_every_id_is_one() -> None:
    for person in told().people:
        for slug, there in person.portals.items():
            present = Counter(f"{r['resourceType']}/{r['id']}" for r in there)
            assert set(present.values()) == {1}
            for r in there:
                assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", r["id"])
                for name, value in walk(r):
                    if name == "reference" or (name == "url" and str(value).startswith("Binary/")):
                        assert value in present, (slug, r["resourceType"], name)
            assert there[0]["resourceType"] == "Patient"
            assert there[0]["id"] == person.accounts[slug].patient_id


def test_each_house_has_its_own_ids_and_only_the_surgeon_carries_a_national_number() -> None:
    ids = {
        portal.slug: {r["id"] for p in told().people for r in p.portals[portal.slug]} for portal in PORTALS
    }
    assert ids["mercy"].isdisjoint(ids["lakeside"] | ids["northern"])
    assert ids["lakeside"].isdisjoint(ids["northern"])
    nationals = {
        (slug, r["name"][0]["family"])
        for slug in ids
        for r in found(slug, "Practitioner")
        for identifier in r["identifier"]
        if identifier["system"] == NPI
    }
    assert nationals == {("mercy", "Bergqvist"), ("lakeside", "BERGQVIST")}


def test_a_house_writes_its_directory_alike_in_everybodys_chart() -> None:
    directory: dict[tuple[str, str, str], bytes] = {}
    shared = {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"}
    for person in told().people:
        for slug, there in person.portals.items():
            for r in there:
                if r["resourceType"] in shared:
                    key = (slug, r["resourceType"], r["id"])
                    assert directory.setdefault(key, dump(r)) == dump(r)


def test_decimals_keep_their_text() -> None:
    hemoglobin = [r["valueQuantity"]["value"] for r in found("mercy", "Observation") if code_of(r, "718-7")]
    assert Decimal("13.20") in hemoglobin
    written = b"".join(map(dump, renee().portals["mercy"]))
    assert b'"value":13.20,' in written
    assert b'"value":10.40,' in written
    for person in told().people:
        for there in person.portals.values():
            for r in there:
                assert dump(parse(dump(r))) == dump(r)
                assert not [value for _, value in walk(r) if isinstance(value, float)]


def test_every_resource_is_valid_r4b() -> None:
    for person in told().people:
        for slug, there in person.portals.items():
            for r in there:
                module = importlib.import_module(f"fhir.resources.R4B.{r['resourceType'].lower()}")
                model = getattr(module, r["resourceType"])
                assert model.model_validate_json(dump(r)).id == r["id"], slug


def test_what_is_one_fact_is_told_alike_by_code_and_day() -> None:
    same = renee().truth.same
    assert len(same) > 60
    assert {fact.resource_type for fact in same} >= {
        "AllergyIntolerance", "Condition", "Coverage", "DiagnosticReport", "DocumentReference", "Encounter",
        "Immunization", "MedicationRequest", "Observation", "Organization", "Practitioner", "Procedure",
    }  # fmt: skip
    for fact in same:
        assert len(fact.members) > 1
        versions = [get(slug, address) for slug, address in fact.members.items()]
        if fact.resource_type in {"Observation", "Immunization"}:
            days = {(v.get("effectiveDateTime") or v["occurrenceDateTime"])[:10] for v in versions}
            codes = [v.get("code") or v["vaccineCode"] for v in versions]
            assert len(days) == 1, fact.name
            assert len({concept["coding"][0]["code"] for concept in codes}) == 1, fact.name
        if fact.resource_type == "Observation" and not any(v["status"] == "amended" for v in versions):
            assert len({str(v["valueQuantity"]["value"]) for v in versions}) == 1, fact.name


def test_nothing_is_true_and_untrue_at_once() -> None:
    for person in told().people:
        joined = {frozenset(fact.members.items()) for fact in person.truth.same}
        for kept in (*person.truth.apart, *person.truth.unprovable):
            assert len(set(kept.members)) > 1
            assert frozenset(kept.members) not in joined
            assert kept.reason
            for slug, address in kept.members:
                assert address in {f"{r['resourceType']}/{r['id']}" for r in person.portals[slug]}


def test_two_troponins_of_one_value_stand_three_hours_apart() -> None:
    drawn = [r for r in found("mercy", "Observation") if code_of(r, "89579-7")]
    assert [r["effectiveDateTime"] for r in drawn] == ["2021-06-14T19:05:00Z", "2021-06-14T22:05:00Z"]
    assert {r["valueQuantity"]["value"] for r in drawn} == {Decimal(6)}


def test_one_minute_holds_two_equal_potassiums_of_two_tubes() -> None:
    drawn = [r for r in found("mercy", "Observation") if code_of(r, "2823-3")]
    assert len({(r["effectiveDateTime"], r["valueQuantity"]["value"]) for r in drawn}) == 1
    assert len({r["specimen"]["reference"] for r in drawn}) == 2


def test_the_discharge_letter_is_the_same_bytes_at_two_houses() -> None:
    fact = next(fact for fact in renee().truth.same if fact.name == "discharge letter")
    there = {slug: get(slug, address)["content"][0]["attachment"] for slug, address in fact.members.items()}
    behind = get("mercy", there["mercy"]["url"])
    assert behind["data"] == there["lakeside"]["data"]
    content = base64.b64decode(behind["data"])
    assert content.startswith(b"%PDF-1.4")
    assert "Renée Adèle".encode("cp1252") in content


def test_a_problem_is_active_here_and_resolved_there() -> None:
    fact = next(fact for fact in renee().truth.same if fact.name == "iron deficiency anemia")
    states = {
        slug: get(slug, address)["clinicalStatus"]["coding"][0]["code"]
        for slug, address in fact.members.items()
    }
    assert states == {"mercy": "resolved", "lakeside": "active"}


def test_penicillin_stands_in_the_code_here_in_the_reaction_there_and_nowhere_at_the_pharmacy() -> None:
    (hospital,), (clinic,), (pharmacy,) = (found(p.slug, "AllergyIntolerance") for p in PORTALS)
    assert code_of(hospital, "7980")
    assert "coding" not in clinic["code"]
    assert clinic["reaction"][0]["substance"]["coding"][0]["code"] == "7980"
    assert code_of(pharmacy, "716186003")


def test_a_corrected_result_keeps_its_number() -> None:
    (amended,) = [r for r in found("northern", "Observation") if r["status"] == "amended"]
    (first,) = [r for r in found("lakeside", "Observation") if r.get("identifier") == amended["identifier"]]
    assert first["status"] == "final"
    assert first["valueQuantity"]["value"] != amended["valueQuantity"]["value"]
    assert (first["valueQuantity"]["unit"], amended["valueQuantity"]["unit"]) == ("mg/dl", "mg/dL")


@pytest.mark.parametrize(
    ("slug", "kind", "path", "value"),
    [
        ("lakeside", "Procedure", ("performedDateTime",), "1974"),
        ("lakeside", "Condition", ("onsetDateTime",), "2014-09"),
        ("lakeside", "Condition", ("verificationStatus", "coding", 0, "code"), "entered-in-error"),
        ("mercy", "Condition", ("verificationStatus", "coding", 0, "code"), "refuted"),
        ("lakeside", "Observation", ("status",), "entered-in-error"),
        ("lakeside", "Immunization", ("status",), "not-done"),
        ("lakeside", "Procedure", ("status",), "not-done"),
        ("mercy", "Observation", ("valueQuantity", "unit"), "mmol/mol"),
        ("northern", "Observation", ("valueQuantity", "unit"), "mg/dL"),
        ("lakeside", "Observation", ("valueQuantity", "unit"), "mg/dl"),
        ("mercy", "MedicationRequest", ("reportedBoolean",), True),
    ],
)
def test_real_life_is_in_it(slug: str, kind: str, path: tuple[str | int, ...], value: object) -> None:
    def at(node: Any) -> Any:
        for step in path:
            if isinstance(node, dict) and step not in node:
                return None
            node = node[step]
        return node

    assert value in [at(r) for r in found(slug, kind)]


def test_a_dose_changes_and_the_old_prescription_says_why() -> None:
    orders = {
        r["medicationCodeableConcept"]["coding"][0]["code"]: r for r in found("lakeside", "MedicationRequest")
    }
    assert orders["314076"]["status"] == "stopped"
    assert "20 mg" in orders["314076"]["statusReason"]["text"]
    assert orders["314077"]["status"] == "active"


def test_a_note_says_what_the_laboratory_found() -> None:
    values = {
        r["effectiveDateTime"][:10]: r["valueQuantity"]["value"]
        for r in found("northern", "Observation")
        if code_of(r, "4548-4")
    }
    spoken = 0
    for r in found("lakeside", "DocumentReference"):
        attachment = r["content"][0]["attachment"]
        if attachment["contentType"].startswith("text/"):
            for told_value in re.findall(
                r"HbA1c ([\d.]+) % on", base64.b64decode(attachment["data"]).decode()
            ):
                latest = max(day for day in values if day <= r["date"][:10])
                assert Decimal(told_value) == values[latest]
                spoken += 1
    assert spoken > 20


def test_notes_come_as_text_as_html_and_as_pdf() -> None:
    kinds = {
        r["content"][0]["attachment"]["contentType"].partition(";")[0]
        for slug in renee().portals
        for r in found(slug, "DocumentReference")
    }
    assert kinds == {"text/plain", "text/html", "application/pdf"}


def test_a_pdf_finds_its_own_objects_on_every_page() -> None:
    content = pdf([f"Zeile {number} (ä) \\" for number in range(PAGE_LINES * 2 + 1)], title="Größe")
    table = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
    assert content[table:].startswith(b"xref\n0 ")
    offsets = [int(line[:10]) for line in content[table:].splitlines()[3:] if line.endswith(b" n ")]
    for number, offset in enumerate(offsets, start=1):
        assert content[offset:].startswith(b"%d 0 obj" % number)
    assert content.count(b"/Type /Page /Parent") == 3
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL):
        assert int(length) == len(stream)
    with pytest.raises(UnicodeEncodeError):
        pdf(["Dvořák"], title="")
