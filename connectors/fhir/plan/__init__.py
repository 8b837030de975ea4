"""What to ask a portal for, in which order, and what not to ask it and why (PURE).

One file a mechanism: `types` chooses, `admission` says no, `queries` asks, `size`, `related` and `changes`
add their parameter; here they are put together.
"""

from collections.abc import Mapping

from connectors.fhir.capability import Capability
from connectors.fhir.plan.admission import admit
from connectors.fhir.plan.changes import changed_since
from connectors.fhir.plan.queries import patient_parameter, queries_of
from connectors.fhir.plan.related import related
from connectors.fhir.plan.size import count
from connectors.fhir.plan.step import Kind, PlanStep, Reason, State
from connectors.fhir.plan.types import planned_types
from connectors.fhir.query import Query
from connectors.profile import Profile
from connectors.scopes import ScopeSet

__all__ = ["Kind", "PlanStep", "Reason", "State", "plan"]


def plan(
    *,
    profile: Profile,
    granted: ScopeSet,
    capability: Capability | None,
    patient_id: str,
    standing: Query = (),
    since: Mapping[str, str] | None = None,
) -> tuple[PlanStep, ...]:
    """Return every step of a crawl: the Patient first, documents last, the same for the same input.

    `capability`: None where the server has none that can be read. `standing`: parameters that every search at
    this source carries (`smart.identity.search_parameters`). `since`: see `changes.changed_since`; empty
    crawls everything.
    A type that is not asked stands there as one step with its state and reason.
    """
    state, reason = admit("Patient", kind="read", profile=profile, granted=granted, capability=capability)
    steps = [PlanStep(0, "read", "Patient", reference=f"Patient/{patient_id}", state=state, reason=reason)]
    for name in planned_types(profile=profile, granted=granted, capability=capability):
        state, reason = admit(name, kind="search", profile=profile, granted=granted, capability=capability)
        patient = patient_parameter(name, patient_id=patient_id, profile=profile, capability=capability)
        if state == "run" and patient is None:
            state, reason = "unsupported", "not_searchable"
        if state != "run" or patient is None:
            steps.append(PlanStep(len(steps), "search", name, state=state, reason=reason))
            continue
        tail: Query = (
            *standing,
            *changed_since(name, profile=profile, since=since or {}),
            *related(name, profile=profile, granted=granted, capability=capability),
            *count(name, profile=profile),
        )
        for query in queries_of(name, profile=profile, capability=capability):
            steps.append(PlanStep(len(steps), "search", name, query=(*patient, *query, *tail)))
    return tuple(steps)
