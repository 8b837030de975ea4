from dataclasses import replace

import pytest

from connectors.profile import Profile, Search
from connectors.registry import load_registry
from connectors.scopes import ScopeSet
from tests.connectors.fhir.plan.making import listed, make, server, steps_of, texts


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_registry()["generic"]


def test_the_patient_is_read_first_and_documents_come_last(profile: Profile) -> None:
    steps = make(profile)
    assert (steps[0].kind, steps[0].text, steps[0].query) == ("read", "Patient/eAB3", ())
    assert steps[1].resource_type == "Encounter"
    assert steps[-1].resource_type == "DocumentReference"
    assert [step.ordinal for step in steps] == list(range(len(steps)))
    assert make(profile) == steps


def test_the_default_queries_are_those_that_us_core_promises(profile: Profile) -> None:
    steps = make(profile)
    assert texts(steps, "Condition") == ["patient=eAB3&_count=100"]
    assert texts(steps, "MedicationRequest") == [
        "patient=eAB3&intent=order&_count=100",
        "patient=eAB3&intent=plan&_count=100",
    ]
    assert texts(steps, "CarePlan") == ["patient=eAB3&category=assess-plan&_count=100"]
    assert texts(steps, "CareTeam")[0] == "patient=eAB3&status=active&_count=100"
    observations = texts(steps, "Observation")
    assert "patient=eAB3&category=laboratory&_count=100" in observations
    assert len(observations) == len(set(observations)) == 17


def test_the_profile_replaces_the_queries_of_a_type(profile: Profile) -> None:
    search = Search(
        queries={"Observation": ("",), "CarePlan": ("category=a&status=b", "category=x|y")},
        count=50,
        counts={"Observation": 200},
    )
    steps = make(replace(profile, search=search))
    assert texts(steps, "Observation") == ["patient=eAB3&_count=200"]
    assert texts(steps, "CarePlan") == [
        "patient=eAB3&category=a&status=b&_count=50",
        "patient=eAB3&category=x|y&_count=50",
    ]


def test_a_type_that_was_not_granted_is_refused_with_its_reason(profile: Profile) -> None:
    steps = make(profile, granted=ScopeSet.parse("patient/Patient.r patient/Goal.read patient/Device.r"))
    assert [step.state for step in steps_of(steps, "Goal")] == ["run"]
    (condition,) = steps_of(steps, "Condition")
    assert (condition.state, condition.reason, condition.text) == ("refused", "not_granted", "")
    # Reading by id is not searching.
    assert steps_of(steps, "Device")[0].state == "refused"


def test_a_withheld_patient_leaves_the_others(profile: Profile) -> None:
    steps = make(profile, granted=ScopeSet.parse("patient/Coverage.rs"))
    assert (steps[0].state, steps[0].reason) == ("refused", "not_granted")
    assert [step.resource_type for step in steps if step.state == "run"] == ["Coverage"]


def test_what_the_server_does_not_list_is_unsupported(profile: Profile) -> None:
    capability = server(
        Goal=listed("patient"),
        Device=listed("patient", interactions=("read",)),
        Coverage=listed("identifier"),
        Procedure=listed(),
    )
    steps = make(profile, capability=capability)
    reasons = {step.resource_type: (step.state, step.reason) for step in steps}
    assert reasons["Goal"] == reasons["Procedure"] == ("run", "")
    assert reasons["Condition"] == ("unsupported", "not_listed")
    assert reasons["Device"] == ("unsupported", "not_searchable")
    assert reasons["Coverage"] == ("unsupported", "not_searchable")


def test_a_query_of_the_profile_outweighs_the_list_of_the_server(profile: Profile) -> None:
    own = replace(profile, search=Search(queries={"Goal": ("lifecycle-status=active",)}))
    steps = make(own, capability=server(Device=listed("patient")))
    assert texts(steps, "Goal") == ["patient=eAB3&lifecycle-status=active&_count=100"]


def test_a_server_without_the_parameter_is_asked_for_all(profile: Profile) -> None:
    capability = server(Observation=listed("patient", "code"), CareTeam=listed("subject"))
    steps = make(profile, capability=capability)
    assert texts(steps, "Observation") == ["patient=eAB3&_count=100"]
    assert texts(steps, "CareTeam") == ["subject=Patient/eAB3&_count=100"]


def test_skipped_types_say_why(profile: Profile) -> None:
    own = replace(profile, search=Search(skip=("RelatedPerson",)))
    (step,) = steps_of(make(own), "RelatedPerson")
    assert (step.state, step.reason) == ("unsupported", "not_by_patient")


def test_further_types_come_when_listed_or_granted_by_name(profile: Profile) -> None:
    assert not steps_of(make(profile), "Appointment")
    assert steps_of(make(profile, capability=server(Appointment=listed("patient"))), "Appointment")
    named = ScopeSet.parse("patient/ExplanationOfBenefit.rs")
    assert steps_of(make(profile, granted=named), "ExplanationOfBenefit")
    # Listed for somebody else's app, not granted to this one: not a gap in this record.
    few = server(Appointment=listed("patient"))
    assert not steps_of(make(profile, granted=named, capability=few), "Appointment")


@pytest.mark.parametrize("scopes", ["patient/*.rs", "patient/MedicationRequest.rs patient/Goal.rs"])
def test_includes_are_asked_where_offered_and_granted(profile: Profile, scopes: str) -> None:
    offered = ("MedicationRequest:medication", "Provenance:target")
    capability = server(
        MedicationRequest=listed("patient", "intent", includes=offered), Goal=listed("patient")
    )
    steps = make(profile, capability=capability, granted=ScopeSet.parse(scopes))
    extra = "&_include=MedicationRequest:medication&_revinclude=Provenance:target" if "*" in scopes else ""
    assert texts(steps, "MedicationRequest")[0] == f"patient=eAB3&intent=order{extra}&_count=100"
    assert texts(steps, "Goal") == ["patient=eAB3&_count=100"]


def test_another_version_of_fhir_is_not_asked(profile: Profile) -> None:
    steps = make(profile, capability=server("3.0.1", Goal=listed("patient")))
    assert {(step.state, step.reason) for step in steps} == {("unsupported", "other_version")}


def test_what_the_token_says_goes_on_every_search(profile: Profile) -> None:
    steps = make(profile, standing=(("practice", "Organization/a-1.Practice-2"),))
    searches = [step for step in steps if step.kind == "search"]
    assert all("&practice=Organization/a-1.Practice-2&" in step.text for step in searches)
    assert all("practice" not in step.text for step in make(profile))


def test_a_step_does_not_show_whose_it_is(profile: Profile) -> None:
    assert "eAB3" not in repr(make(profile))


@pytest.mark.parametrize("name", sorted(load_registry()))
def test_every_profile_makes_a_plan(name: str) -> None:
    profile = load_registry()[name]
    steps = make(profile)
    assert steps[0].text == "Patient/eAB3"
    if profile.search.everything:
        assert [step.path for step in steps[1:]] == ["Patient/eAB3/$everything?_count=100"]
    else:
        asked = {step.resource_type for step in steps if step.state == "run"}
        assert {"Condition", "Observation", "DocumentReference"} <= asked | set(profile.search.skip)
    for step in steps:
        assert (step.state == "run") == (step.reason == "")
        assert len(step.text) <= 1000
