"""A split life: everything is somewhere, nothing dangles, and only the report knows what stands twice."""

import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox.records import dump, parse, read_records
from connectors.sandbox.split import PERSONAL_IDENTIFIERS, IdStyle, Resource, split

PORTALS = ("mercy", "lakeside", "northern")
STYLES: dict[str, IdStyle] = {"mercy": "opaque", "lakeside": "prefixed", "northern": "short"}
SYNTHEA = Path(os.environ.get("PHR_CORPUS") or Path(__file__).parents[4] / "shared" / "data") / "synthea"


def walk(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from walk(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield name, value
            yield from walk(value)


def references(resource: Resource) -> set[str]:
    return {value for name, value in walk(resource) if name == "reference" and isinstance(value, str)}


def dangling(resources: list[Resource]) -> set[str]:
    present = {f"{r['resourceType']}/{r['id']}" for r in resources} | {
        f"urn:uuid:{r['id']}" for r in resources
    }
    return {ref for r in resources for ref in references(r) if not ref.startswith("#")} - present


def clinical(node: Any) -> Any:
    """What must not change: everything but ids, references and identifiers."""
    if isinstance(node, list):
        return [clinical(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: clinical(value)
        for name, value in node.items()
        if name not in {"id", "reference", "identifier", "url", "target"}
    }


def visit(number: int, *, problem: int | None = None) -> list[Resource]:
    """One visit, its weight and, when asked, a claim for a problem of an earlier visit."""
    subject = {"reference": "urn:uuid:p"}
    encounter = {"reference": f"urn:uuid:e{number}"}
    found: list[Resource] = [
        {
            "resourceType": "Encounter",
            "id": f"e{number}",
            "identifier": [{"system": "urn:visits", "value": f"v{number}"}],
            "subject": subject,
            "participant": [{"individual": {"reference": "Practitioner?identifier=urn:npi|d1"}}],
        },
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "subject": subject,
            "encounter": encounter,
            "valueQuantity": {"value": Decimal("13.20"), "unit": "kg"},
            "specimen": {"identifier": {"system": "urn:visits", "value": f"v{number}"}},
        },
        {"resourceType": "Condition", "id": f"c{number}", "subject": subject, "encounter": encounter},
    ]
    if problem is not None:
        found.append(
            {
                "resourceType": "Claim",
                "id": f"k{number}",
                "patient": subject,
                "item": [{"encounter": [encounter]}],
                "diagnosis": [{"diagnosisReference": {"reference": f"Condition/c{problem}"}}],
            }
        )
    return found


def life(visits: int) -> list[Resource]:
    resources: list[Resource] = [
        {
            "resourceType": "Patient",
            "id": "p",
            "identifier": [
                {"type": {"coding": [{"code": "MR"}]}, "system": "urn:mrn", "value": "mrn-1"},
                {"type": {"coding": [{"code": "SS"}]}, "system": "urn:ssn", "value": "999-00-1111"},
            ],
            "name": [{"family": "Lindqvist"}],
        },
        {
            "resourceType": "Practitioner",
            "id": "d1",
            "identifier": [{"system": "urn:npi", "value": "d1"}],
            "name": [{"family": "Okonkwo"}],
            "address": [{"city": "Port Alder"}],
        },
        {
            "resourceType": "Provenance",
            "id": "made",
            "target": [
                {"reference": "urn:uuid:p"},
                *({"reference": f"Encounter/e{n}"} for n in range(visits)),
            ],
            "agent": [{"who": {"reference": "Organization/hie"}}],
        },
        {"resourceType": "Organization", "id": "hie", "name": "Exchange"},
        {"resourceType": "Binary", "id": "letter", "contentType": "text/plain", "data": "aGk="},
        {
            "resourceType": "DocumentReference",
            "id": "doc",
            "subject": {"reference": "Patient/p"},
            "content": [{"attachment": {"url": "Binary/letter"}}],
        },
    ]
    for number in range(visits):
        resources += visit(number, problem=number - 1 if number else None)
    return resources


@settings(max_examples=40, deadline=None)
@given(
    visits=st.integers(0, 12),
    portals=st.integers(1, 4),
    shared=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_nothing_is_lost_nothing_dangles_and_nothing_clinical_moves(
    visits: int, portals: int, shared: float, seed: int
) -> None:
    resources = life(visits)
    names = [f"portal{number}" for number in range(portals)]
    copies, report = split(resources, portals=names, shared=shared, seed=seed)
    assert set(report.placed) == {f"{r['resourceType']}/{r['id']}" for r in resources}
    by_address = {
        (portal, f"{r['resourceType']}/{r['id']}"): r for portal, there in copies.items() for r in there
    }
    assert len(by_address) == sum(map(len, copies.values())) == sum(map(len, report.placed.values()))
    for resource in resources:
        there = report.placed[f"{resource['resourceType']}/{resource['id']}"]
        assert there
        for portal, address in there.items():
            assert clinical(by_address[portal, address]) == clinical(resource)
    for there_resources in copies.values():
        assert dangling(there_resources) == set()


def test_it_is_the_same_for_the_same_seed_whatever_the_order_of_arrival() -> None:
    resources = life(9)
    one, report = split(resources, portals=PORTALS, seed=5, id_styles=STYLES)
    other, same = split(list(reversed(resources)), portals=PORTALS, seed=5, id_styles=STYLES)
    assert report.placed == same.placed
    for portal in PORTALS:
        assert sorted(dump(r) for r in one[portal] if r["resourceType"] != "Provenance") == sorted(
            dump(r) for r in other[portal] if r["resourceType"] != "Provenance"
        )
    assert split(resources, portals=PORTALS, seed=6, id_styles=STYLES)[1].placed != report.placed


def test_no_id_and_no_business_identifier_is_seen_at_two_portals() -> None:
    copies, _ = split(life(9), portals=PORTALS, shared=1.0, seed=2, id_styles=STYLES)
    seen: Counter[str] = Counter()
    for there in copies.values():
        seen.update({f"{r['resourceType']}/{r['id']}" for r in there})
        seen.update(
            {
                f"{value['system']}|{value['value']}"
                for r in there
                for name, values in walk(r)
                if name == "identifier"
                for value in (values if isinstance(values, list) else [values])
                if value["system"] != "urn:ssn"
            }
        )
    assert max(seen.values()) == 1


def test_a_persons_own_number_stays_while_the_record_number_goes() -> None:
    copies, _ = split(life(1), portals=PORTALS, seed=2)
    patients = [r for there in copies.values() for r in there if r["resourceType"] == "Patient"]
    assert {p["identifier"][1]["value"] for p in patients} == {"999-00-1111"}
    assert len({p["identifier"][0]["value"] for p in patients} | {"mrn-1"}) == 4


def test_a_reference_by_identifier_still_names_the_same_thing() -> None:
    copies, _ = split(life(3), portals=PORTALS, shared=1.0, seed=2)
    for there in copies.values():
        visits = {r["identifier"][0]["value"] for r in there if r["resourceType"] == "Encounter"}
        weighed = {r["specimen"]["identifier"]["value"] for r in there if r["resourceType"] == "Observation"}
        assert weighed == visits
        doctors = {f"Practitioner/{r['id']}" for r in there if r["resourceType"] == "Practitioner"}
        assert doctors == {
            r["participant"][0]["individual"]["reference"] for r in there if r["resourceType"] == "Encounter"
        }


def test_an_attachment_takes_its_bytes_along() -> None:
    copies, report = split(life(2), portals=PORTALS, seed=3)
    for portal, address in report.placed["DocumentReference/doc"].items():
        document = next(r for r in copies[portal] if f"DocumentReference/{r['id']}" == address)
        assert document["content"][0]["attachment"]["url"] == report.placed["Binary/letter"][portal]


def test_a_provenance_names_only_what_is_there_and_its_agent_comes_along() -> None:
    copies, report = split(life(9), portals=PORTALS, shared=0, seed=3)
    assert set(report.placed["Provenance/made"]) == set(PORTALS)
    assert set(report.placed["Organization/hie"]) == set(PORTALS)
    named = Counter(
        ref
        for there in copies.values()
        for r in there
        if r["resourceType"] == "Provenance"
        for ref in references({"target": r["target"]})
    )
    assert len(named) == sum(
        len(there) for key, there in report.placed.items() if key[:7] in {"Patient", "Encount"}
    )


def test_the_shared_part_is_what_was_asked_for() -> None:
    visits = [r for r in life(40) if r["resourceType"] != "Claim"]  # claims draw earlier visits along
    for shared, expected in ((0.0, 0), (0.5, 20), (1.0, 40)):
        _, report = split(visits, portals=PORTALS, shared=shared, seed=4)
        pairs = [key for key in report.pairs if key.startswith("Encounter/")]
        assert abs(len(pairs) - expected) <= 1


def test_twins_are_those_that_only_their_visit_tells_apart() -> None:
    heavier: Resource = {
        **life(1)[7],
        "id": "heavier",
        "valueQuantity": {"value": Decimal("13.2"), "unit": "kg"},
    }
    assert heavier["resourceType"] == "Observation"
    _, report = split([*life(2), heavier], portals=PORTALS, seed=1)
    assert frozenset({"Observation/o0", "Observation/o1"}) in report.twins
    assert not any("Observation/heavier" in group for group in report.twins)


@pytest.mark.parametrize(
    ("portals", "shared", "resources"),
    [
        ([], 0.1, life(1)),
        (["a", "a"], 0.1, life(1)),
        (["a"], 1.5, life(1)),
        (["a"], 0.1, life(1)[1:]),
        (["a"], 0.1, life(1) + life(1)[1:]),
    ],
    ids=["no_portal", "named_twice", "more_than_all", "no_patient", "one_id_twice"],
)
def test_it_refuses_what_it_cannot_split(
    portals: list[str], shared: float, resources: list[Resource]
) -> None:
    with pytest.raises(ValueError, match=r"portal|share|patient|one id"):
        split(resources, portals=portals, shared=shared, seed=1)


@pytest.mark.corpus
def test_each_synthea_patient_survives_the_split() -> None:
    if not SYNTHEA.is_dir():
        pytest.skip("the Synthea bundles are not here (PHR_CORPUS)")
    for path in sorted(SYNTHEA.glob("*.json")):
        resources = read_records([path])
        copies, report = split(resources, portals=PORTALS, shared=0.25, seed=1, id_styles=STYLES)
        assert set(report.placed) == {f"{r['resourceType']}/{r['id']}" for r in resources}
        before = {f"{r['resourceType']}/{r['id']}": clinical(r) for r in resources}
        lost = dangling(resources)
        shared_visits = [key for key in report.pairs if key.startswith("Encounter/")]
        visits = sum(r["resourceType"] == "Encounter" for r in resources)
        assert 0 < len(shared_visits) < visits
        for portal, there in copies.items():
            assert len(there) > 5
            assert dangling(there) <= lost
            originals = {places[portal]: key for key, places in report.placed.items() if portal in places}
            for r in there:
                assert clinical(parse(dump(r))) == before[originals[f"{r['resourceType']}/{r['id']}"]]
                for identifier in r.get("identifier", []) if r["resourceType"] == "Practitioner" else []:
                    assert portal in identifier["system"]
        kept = PERSONAL_IDENTIFIERS
        for r in (r for there in copies.values() for r in there if r["resourceType"] == "Patient"):
            codes = [i.get("type", {}).get("coding", [{}])[0].get("code") for i in r["identifier"]]
            assert kept & set(codes)
