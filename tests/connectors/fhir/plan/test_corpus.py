"""The plan for every CapabilityStatement that real servers returned."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.fhir.capability import Capability, read_capability
from connectors.fhir.plan import PlanStep, plan
from connectors.fhir.plan.account import account
from connectors.profile import US_CORE_RESOURCES, Profile
from connectors.registry import load_registry
from connectors.scopes import ScopeSet
from tests.connectors.fhir.plan.making import NOW, PATIENT

pytestmark = pytest.mark.corpus

# Whose server returned it, and the FHIR version it speaks.
WHOSE = {
    "allscripts-fhir-r4-capabilitystatement.json": ("veradigm", "4.0.1"),
    "athenahealth-fhir-capabilitystatement.json": ("athenahealth", "4.0.1"),
    "cerner-capability-statement-r4-open.json": ("oracle_health", "4.0.1"),
    "cerner-capability-statement-r4-secure.json": ("oracle_health", "4.0.1"),
    "eclinicalworks-fhir-capabilitystatement.json": ("eclinicalworks", "4.0.1"),
    "eclinicalworks-healow-fhir-capabilitystatement.json": ("eclinicalworks", "4.0.1"),
    "epic-fhir-dstu2-conformance.json": ("epic", "1.0.2"),
    "epic-fhir-r4-capabilitystatement.json": ("epic", "4.0.1"),
    "epic-fhir-stu3-capabilitystatement.json": ("epic", "3.0.1"),
    "meditech-greenfield-capabilitystatement.json": ("meditech", "4.0.1"),
    "modernizing-medicine-fhir-capabilitystatement.json": ("modmed", "4.0.1"),
    "nextgen-enterprise-r4-capabilitystatement.json": ("nextgen_enterprise", "4.0.1"),
    "nextgen-fhir-capability-statement.json": ("nextgen_enterprise", "4.0.1"),
    "nextgen-healthcare-fhir-capability-statement.json": ("nextgen_enterprise", "4.0.1"),
    "nextgen-office-r4-capabilitystatement.json": ("nextgen_office", "4.0.1"),
    "va-gov-patient-health-fhir-r4-capability.json": ("va", "4.0.1"),
}
# What the specification and the profiles add to a search, whatever a server lists of a type.
UNLISTED = {"_count", "_include", "_revinclude", "_lastUpdated"}
EVERYTHING = ScopeSet.parse("patient/*.read")
SINCE = dict.fromkeys(("Patient", *US_CORE_RESOURCES), "2026-08-20T03:14:05+00:00")


def test_every_file_has_its_vendor(corpus: Path) -> None:
    assert {path.name for path in (corpus / "capability").glob("*.json")} == set(WHOSE)


def planned(corpus: Path, name: str) -> tuple[Profile, Capability, tuple[PlanStep, ...]]:
    profile = load_registry()[WHOSE[name][0]]
    capability = read_capability((corpus / "capability" / name).read_bytes())
    assert capability.fhir_version == WHOSE[name][1]
    steps = plan(
        profile=profile, granted=EVERYTHING, capability=capability, patient_id=PATIENT, since={}, now=NOW
    )
    return profile, capability, steps


@pytest.mark.parametrize("name", sorted(name for name, (_, version) in WHOSE.items() if version[0] != "4"))
def test_another_version_is_not_asked(corpus: Path, name: str) -> None:
    _, _, steps = planned(corpus, name)
    assert {(step.state, step.reason) for step in steps} == {("unsupported", "other_version")}
    told = account(steps, granted=EVERYTHING, patient_id=PATIENT)
    assert set(US_CORE_RESOURCES) <= {line.resource_type for line in told}
    assert {line.reason for line in told} == {"other_version"}


@pytest.mark.parametrize("name", sorted(name for name, (_, version) in WHOSE.items() if version[0] == "4"))
def test_what_a_server_is_asked(corpus: Path, name: str) -> None:
    profile, capability, steps = planned(corpus, name)
    running = [step for step in steps if step.state == "run"]
    asked = {step.resource_type for step in running}
    assert {"Patient", "Encounter", "Condition", "Observation", "DocumentReference"} <= asked
    for step in running:
        if step.kind == "read":
            continue
        listed = capability.resources.get(step.resource_type)
        own = step.resource_type in profile.search.queries
        assert own or (listed is not None and listed.searchable), "nothing is asked that is not listed"
        known = listed.search_parameters if listed is not None else frozenset()
        parameters = {parameter for parameter, _ in step.query}
        if known and not own:
            assert parameters - UNLISTED <= known, step.path
        # US Core promises none of these by patient alone.
        if step.resource_type in {"Observation", "CarePlan"}:
            assert parameters & {"category", "code"}, step.path
        if step.resource_type == "MedicationRequest":
            assert "intent" in parameters, step.path
        if step.resource_type == "CareTeam":
            assert "status" in parameters, step.path
        for parameter, value in step.query:
            if parameter == "_include":
                assert listed is not None
                assert any(value in offered for offered in listed.includes), step.path
    assert account(steps, granted=EVERYTHING, patient_id=PATIENT)[0].queries == ("Patient/{id}",)
    told = {line.resource_type: line for line in account(steps, granted=EVERYTHING, patient_id=PATIENT)}
    assert set(US_CORE_RESOURCES) <= set(told)
    for line in told.values():
        assert (line.state == "run") == (line.reason == "") == bool(line.queries or line.along)


@pytest.mark.parametrize("name", sorted(name for name, (_, version) in WHOSE.items() if version[0] == "4"))
def test_a_later_run_asks_for_changes_by_what_is_listed(corpus: Path, name: str) -> None:
    profile, capability, first = planned(corpus, name)
    later = plan(
        profile=profile, granted=EVERYTHING, capability=capability, patient_id=PATIENT, since=SINCE, now=NOW
    )
    assert [step.resource_type for step in later] == [step.resource_type for step in first]
    for step in later:
        if step.mode == "full":
            continue
        listed = capability.resources[step.resource_type].search_parameters
        (name,) = {key for key, value in step.query if value.startswith("ge2026-08-")}
        trusted = step.resource_type in profile.search.last_updated
        assert name == "_lastUpdated" if trusted else name in listed, step.path
