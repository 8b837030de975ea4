from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.fhir.plan.changes import full_every, without_changes
from connectors.fhir.query import decode_query
from connectors.profile import Profile, Search
from connectors.registry import load_registry
from tests.connectors.fhir.plan.making import listed, make, server, steps_of, texts

INSTANT = "2026-08-20T03:14:05+01:00"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_registry()["generic"]


def test_only_types_that_answer_it_are_asked_for_changes(profile: Profile) -> None:
    own = replace(profile, search=Search(last_updated=("Goal",)))
    steps = make(own, since={"Goal": INSTANT, "Device": INSTANT})
    # Ten minutes before it: what was stored then may not have been found yet.
    assert texts(steps, "Goal") == ["patient=eAB3&_lastUpdated=ge2026-08-20T03:04:05%2B01:00&_count=100"]
    assert texts(steps, "Device") == ["patient=eAB3&_count=100"]
    assert {step.resource_type for step in steps if step.mode == "changes"} == {"Goal"}


def test_a_list_of_the_server_is_a_hint_and_no_promise(profile: Profile) -> None:
    capability = server(Condition=listed("patient", "_lastUpdated"))
    assert texts(make(profile, capability=capability, since={"Condition": INSTANT}), "Condition") == [
        "patient=eAB3&_count=100"
    ]


@pytest.mark.parametrize(
    ("resource_type", "parameter"),
    [
        ("AllergyIntolerance", "date"),
        ("Condition", "recorded-date"),
        ("DiagnosticReport", "issued"),
        ("DocumentReference", "date"),
        ("MedicationRequest", "authoredon"),
        ("ServiceRequest", "authored"),
    ],
)
def test_else_it_is_the_date_of_making_where_the_server_lists_it(
    profile: Profile, resource_type: str, parameter: str
) -> None:
    since = {resource_type: INSTANT}
    capability = server(types={resource_type: listed("patient", "intent", parameter)})
    for step in steps_of(make(profile, capability=capability, since=since), resource_type):
        # Two weeks before it: results are shown to patients days after they were issued.
        assert (parameter, "ge2026-08-06") in step.query
        assert step.mode == "changes"
    for unknown in (None, server(types={resource_type: listed("patient", "intent")})):
        for step in steps_of(make(profile, capability=unknown, since=since), resource_type):
            assert step.mode == "full"
            assert parameter not in dict(step.query)


@pytest.mark.parametrize("resource_type", ["Encounter", "Procedure", "Immunization", "Device"])
def test_types_without_such_a_date_are_read_whole(profile: Profile, resource_type: str) -> None:
    capability = server(types={resource_type: listed("patient", "date", "status")})
    steps = make(profile, capability=capability, since={resource_type: INSTANT})
    assert texts(steps, resource_type) == ["patient=eAB3&_count=100"]


def test_a_profile_may_know_a_further_date_of_making(profile: Profile) -> None:
    own = replace(profile, search=Search(created={"Observation": "issued"}, queries={"Observation": ("",)}))
    steps = make(own, since={"Observation": INSTANT})
    assert texts(steps, "Observation") == ["patient=eAB3&issued=ge2026-08-06&_count=100"]


def test_two_conditions_on_dates_are_never_asked_together(profile: Profile) -> None:
    search = Search(queries={"Appointment": ("date=ge{years_ago:10}",)}, last_updated=("Appointment",))
    steps = make(replace(profile, search=search), since={"Appointment": INSTANT})
    assert texts(steps, "Appointment") == ["patient=eAB3&date=ge2016-08-31&_count=100"]
    assert [step.mode for step in steps_of(steps, "Appointment")] == ["full"]


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_an_instant_that_is_none_asks_for_everything(profile: Profile, instant: str) -> None:
    own = replace(profile, search=Search(last_updated=("Goal",)))
    assert texts(make(own, since={"Goal": instant}), "Goal") == ["patient=eAB3&_count=100"]


def test_what_narrows_a_query_can_be_taken_back(profile: Profile) -> None:
    own = replace(profile, search=Search(last_updated=("Goal",), created={"Observation": "issued"}, count=50))
    capability = server(Condition=listed("patient", "recorded-date"))
    since = dict.fromkeys(("Goal", "Observation", "Condition"), INSTANT)
    for found in (None, capability):
        full, narrowed = (
            {(step.resource_type, step.note): step for step in make(own, capability=found, since=told)}
            for told in ({}, since)
        )
        changed = [key for key, step in narrowed.items() if step.mode == "changes"]
        assert changed
        for key in changed:
            assert without_changes(key[0], narrowed[key].query, profile=own) == full[key].query
    kept = decode_query("patient=1&date=2020-01-01&authored=le2020")
    assert without_changes("ServiceRequest", kept, profile=profile) == kept


def test_everything_is_read_again_from_time_to_time(profile: Profile) -> None:
    own = replace(profile, search=Search(last_updated=("Goal",)))
    assert full_every("Goal", profile=own) == timedelta(days=30)
    # A date of making does not show what was amended: sooner.
    assert full_every("Condition", profile=own) == timedelta(days=7)
