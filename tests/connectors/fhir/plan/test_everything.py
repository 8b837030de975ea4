from dataclasses import replace

import pytest

from connectors.fhir.capability import Capability
from connectors.profile import Profile, Search
from connectors.registry import load_registry
from connectors.scopes import ScopeSet
from tests.connectors.fhir.plan.making import listed, make, server


@pytest.fixture(scope="module")
def profile() -> Profile:
    return replace(load_registry()["generic"], search=Search(everything=True, count=50))


def test_the_whole_record_is_asked_for_at_once(profile: Profile) -> None:
    read, everything = make(profile, standing=(("practice", "7"),))
    assert (read.kind, read.path) == ("read", "Patient/eAB3")
    assert (everything.kind, everything.path) == (
        "everything",
        "Patient/eAB3/$everything?practice=7&_count=50",
    )
    assert everything.mode == "full"


def test_what_was_not_granted_is_said_all_the_same(profile: Profile) -> None:
    steps = make(profile, granted=ScopeSet.parse("patient/Patient.rs patient/Coverage.rs"))
    assert [step.kind for step in steps[:2]] == ["read", "everything"]
    assert {(step.state, step.reason) for step in steps[2:]} == {("refused", "not_granted")}
    assert "Coverage" not in {step.resource_type for step in steps}
    assert "Condition" in {step.resource_type for step in steps}


@pytest.mark.parametrize(
    ("capability", "offered"),
    [
        (None, True),
        (server(Patient=listed()), True),
        (server(operations=("Patient/everything",), Patient=listed()), True),
        (server(operations=("Patient/$everything",)), True),
        (server(operations=("everything",)), True),
        (server(operations=("Group/export",)), False),
        (server(operations=("Encounter/everything",)), False),
        (server(version="3.0.1", operations=("Patient/everything",)), False),
    ],
)
def test_a_server_that_lists_other_operations_denies_it(
    profile: Profile,
    capability: Capability | None,
    *,
    offered: bool,
) -> None:
    steps = make(profile, capability=capability)
    assert any(step.kind == "everything" for step in steps) == offered


def test_without_the_patient_there_is_no_everything(profile: Profile) -> None:
    steps = make(profile, granted=ScopeSet.parse("patient/Coverage.rs"))
    assert [step.path for step in steps if step.state == "run"] == [
        "Coverage?patient=eAB3&_count=50",
    ]


def test_changes_alone_where_the_patient_answers_it(profile: Profile) -> None:
    since = {"Patient": "2026-08-20T03:14:05+00:00"}
    assert make(profile, since=since)[1].mode == "full"
    trusted = replace(profile, search=Search(everything=True, last_updated=("Patient",)))
    step = make(trusted, since=since)[1]
    assert (step.mode, step.query[0]) == ("changes", ("_since", "2026-08-20T03:04:05+00:00"))
    assert "_since=2026-08-20T03:04:05%2B00:00" in step.path
