from dataclasses import replace

import pytest

from connectors.fhir.plan.limits import limited
from connectors.fhir.query import decode_query
from connectors.profile import Profile, Search
from connectors.registry import load_registry
from connectors.scopes import ScopeSet
from tests.connectors.fhir.plan.making import make, steps_of, texts

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_registry()["generic"]


def test_a_scope_for_a_part_of_a_type_is_what_is_asked(profile: Profile) -> None:
    granted = ScopeSet.parse(
        f"patient/Observation.rs?category={CATEGORY}|laboratory"
        f" patient/Observation.rs?category={CATEGORY}|vital-signs patient/Goal.rs"
    )
    steps = make(profile, granted=granted)
    assert texts(steps, "Observation") == [
        f"patient=eAB3&category={CATEGORY}|laboratory&_count=100",
        f"patient=eAB3&category={CATEGORY}|vital-signs&_count=100",
    ]
    assert {step.note for step in steps_of(steps, "Observation")} == {"limited"}
    assert [step.note for step in steps_of(steps, "Goal")] == [""]


def test_a_scope_that_gives_the_type_freely_outweighs_its_parts(profile: Profile) -> None:
    granted = ScopeSet.parse(f"patient/Observation.rs?category={CATEGORY}|laboratory patient/*.read")
    assert texts(make(profile, granted=granted), "Observation") == texts(make(profile), "Observation")


@pytest.mark.parametrize(
    ("queries", "constraints", "expected"),
    [
        (["category=a", "category=b"], [], ["category=a", "category=b"]),
        (["category=a", "category=b"], ["category=s|b"], ["category=s|b"]),
        (["category=s|a", "category=t|b"], ["category=s|b"], ["category=s|b"]),
        ([""], ["category=s|b"], ["category=s|b"]),
        (["intent=order", "intent=plan"], ["intent=order"], ["intent=order"]),
        (["intent=order"], ["category=c"], ["intent=order&category=c"]),
        (["category=a&status=x"], ["category=a"], ["status=x&category=a"]),
        (["category=a,b"], ["category=a,b,c"], ["category=a,b,c"]),
        (["category=a,b"], ["category=a"], ["category=a"]),
        (["category=a", "category=b"], ["category=c"], ["category=c"]),
    ],
)
def test_queries_within_constraints(queries: list[str], constraints: list[str], expected: list[str]) -> None:
    found = limited([decode_query(text) for text in queries], constraints=constraints)
    assert list(found) == [decode_query(text) for text in expected]


def test_the_queries_of_a_profile_keep_to_the_grant_too(profile: Profile) -> None:
    own = replace(profile, search=Search(queries={"CarePlan": ("category=1", "category=2", "category=3")}))
    granted = ScopeSet.parse("patient/CarePlan.rs?category=http://snomed.info/sct|2")
    assert texts(make(own, granted=granted), "CarePlan") == [
        "patient=eAB3&category=http://snomed.info/sct|2&_count=100"
    ]
