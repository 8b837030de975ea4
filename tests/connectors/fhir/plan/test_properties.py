"""What holds of every plan, whatever profile, grant, server and history there are."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.fhir.capability import Capability
from connectors.fhir.plan.account import account
from connectors.profile import US_CORE_RESOURCES, Profile
from connectors.registry import load_registry
from connectors.scopes import ScopeSet
from tests.connectors.fhir.plan.making import PATIENT, listed, make, server

PROFILES = load_registry()
TYPES = (*US_CORE_RESOURCES, "Appointment", "ExplanationOfBenefit", "FamilyMemberHistory")
PARAMETERS = ("patient", "subject", "category", "status", "intent", "date", "issued", "_lastUpdated")
INSTANTS = st.sampled_from(["", "2026-08-20T03:14:05+00:00", "no instant"])


def scopes() -> st.SearchStrategy[ScopeSet]:
    one = st.one_of(
        st.just("patient/*.read"),
        st.sampled_from(TYPES).map(lambda name: f"patient/{name}.rs"),
        st.sampled_from(TYPES).map(lambda name: f"patient/{name}.r"),
        st.sampled_from(TYPES).map(lambda name: f"patient/{name}.rs?category=a|b"),
        st.just("launch/patient"),
    )
    return st.lists(one, max_size=20).map(lambda words: ScopeSet.parse(" ".join(words)))


def servers() -> st.SearchStrategy[Capability | None]:
    types = st.dictionaries(
        st.sampled_from(TYPES),
        st.builds(
            lambda parameters, searched, includes: listed(
                *parameters,
                interactions=("search-type",) if searched else ("read",),
                includes=("Provenance:target",) if includes else (),
            ),
            st.lists(st.sampled_from(PARAMETERS)),
            st.booleans(),
            st.booleans(),
        ),
    )
    operations = st.sampled_from([(), ("Patient/everything",), ("Group/export",)])
    return st.one_of(
        st.none(),
        st.builds(
            server,
            st.sampled_from(["4.0.1", "4.3.0", "3.0.1", ""]),
            operations,
            types,
        ),
    )


ASKED = st.fixed_dictionaries(
    {
        "granted": scopes(),
        "capability": servers(),
        "since": st.dictionaries(st.sampled_from(TYPES), INSTANTS),
        "with_status": st.sets(st.sampled_from(TYPES)),
        "now": st.dates(date(2024, 2, 28), date(2040, 1, 1)).map(
            lambda day: datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        ),
        "standing": st.just((("practice", "7"),)),
    }
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(profile=st.sampled_from([PROFILES[name] for name in sorted(PROFILES)]), asked=ASKED)
def test_a_plan_is_sound(profile: Profile, asked: dict[str, Any]) -> None:
    granted = asked["granted"]
    steps = make(profile, **asked)
    assert steps == make(profile, **asked), "the same for the same input"
    assert (steps[0].kind, steps[0].reference) == ("read", f"Patient/{PATIENT}")
    assert [step.ordinal for step in steps] == list(range(len(steps)))
    running = [step for step in steps if step.state == "run"]
    assert len({step.path for step in running}) == len(running), "nothing is asked twice"
    whole = make(profile, **{**asked, "since": {}})
    full = {(step.resource_type, step.kind) for step in whole if step.state == "run"}
    assert {(step.resource_type, step.kind) for step in running} == full, "what changed hides no type"
    states: dict[str, set[tuple[str, str]]] = {}
    for step in steps[1:]:
        if step.kind == "search":
            states.setdefault(step.resource_type, set()).add((step.state, step.reason))
            assert (step.state == "run") == (step.reason == "") == bool(step.query)
            assert len(step.text) <= 2000
    assert all(len(found) == 1 for found in states.values()), "a type is asked, refused or unsupported"
    for step in running:
        assert granted.allows(step.resource_type, "s" if step.kind == "search" else "r")
        assert [parameter for parameter, _ in step.query].count("_count") == (step.kind != "read")
        whose = {value for _, value in step.query if PATIENT in value}
        if step.kind == "search" and step.resource_type not in profile.search.without_patient:
            assert whose <= {PATIENT, f"Patient/{PATIENT}"}
            assert whose
    told = account(steps, granted=granted, patient_id=PATIENT)
    assert len({line.resource_type for line in told}) == len(told)
    assert set(US_CORE_RESOURCES) <= {line.resource_type for line in told}, "every type of US Core is told of"
    for line in told:
        assert (line.state == "run") == (line.reason == "") == bool(line.queries or line.along)
