from dataclasses import replace

import pytest

from connectors.profile import Profile, Search
from connectors.registry import load_registry
from tests.connectors.fhir.plan.making import listed, make, server, steps_of


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_registry()["generic"]


@pytest.mark.parametrize(
    ("resource_type", "queries", "note"),
    [
        ("Observation", None, "by_part"),
        ("CarePlan", None, "by_part"),
        ("MedicationRequest", None, "by_part"),
        ("Condition", None, ""),
        ("Observation", ("",), ""),
        ("Observation", ("category=laboratory", ""), ""),
        ("CareTeam", ("status=proposed,active,suspended,inactive,entered-in-error",), ""),
        ("CareTeam", ("status=active",), "by_part"),
        ("Appointment", ("date=ge{years_ago:10}",), "by_date"),
        ("Appointment", ("date=ge{years_ago:10}", "status=booked"), "by_part"),
    ],
)
def test_what_an_answer_may_lack_is_noted(
    profile: Profile, resource_type: str, queries: tuple[str, ...] | None, note: str
) -> None:
    own = profile if queries is None else replace(profile, search=Search(queries={resource_type: queries}))
    assert {step.note for step in steps_of(make(own), resource_type)} == {note}


def test_a_server_that_is_asked_for_all_leaves_nothing_to_note(profile: Profile) -> None:
    capability = server(Observation=listed("patient", "code"))
    assert [step.note for step in steps_of(make(profile, capability=capability), "Observation")] == [""]


def test_statuses_that_name_all_leave_nothing_out(profile: Profile) -> None:
    own = replace(profile, search=Search(queries={"Condition": ("",)}))
    (step,) = steps_of(make(own, with_status={"Condition"}), "Condition")
    assert ("clinical-status", "active,recurrence,relapse,inactive,remission,resolved") in step.query
    assert step.note == ""
