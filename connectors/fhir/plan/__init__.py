"""What to ask a portal for, in which order, and what not to ask it and why (PURE).

One file a mechanism: `types` chooses, `admission` says no, `queries` asks, `limits` keeps to the grant,
`size`, `related` and `changes` add their parameter, `everything` asks once for all, `statuses` rewords what
a server did not take, `notes` says what an answer may lack; here they are put together. `account` tells it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from connectors.fhir.capability import Capability
from connectors.fhir.plan.admission import admit
from connectors.fhir.plan.changes import changed_since, everything_since, mode_of
from connectors.fhir.plan.everything import offers_everything
from connectors.fhir.plan.limits import limited
from connectors.fhir.plan.notes import note_of
from connectors.fhir.plan.queries import patient_parameter, queries_of
from connectors.fhir.plan.related import related
from connectors.fhir.plan.size import count
from connectors.fhir.plan.statuses import with_all_statuses
from connectors.fhir.plan.step import Kind, Mode, Note, PlanStep, Reason, State
from connectors.fhir.plan.types import planned_types
from connectors.fhir.query import Query
from connectors.profile import Profile
from connectors.scopes import ScopeSet

__all__ = ["Kind", "Mode", "Note", "PlanStep", "Reason", "State", "plan"]


def plan(
    *,
    profile: Profile,
    granted: ScopeSet,
    capability: Capability | None,
    patient_id: str,
    now: datetime,
    standing: Query = (),
    since: Mapping[str, str] | None = None,
    with_status: Collection[str] = (),
) -> tuple[PlanStep, ...]:
    """Return every step of a crawl: the Patient first, documents last, the same for the same input.

    `capability`: None where the server has none that can be read. `standing`: parameters that every search at
    this source carries (`smart.identity.search_parameters`). `since`: by type ("Patient" for `$everything`),
    the instant at which its last complete crawl began, by the portal's own clock; empty crawls everything.
    `with_status`: types that this portal is known to answer only where the search names statuses.
    A type that is not asked stands there as one step with its state and reason; of types that `$everything`
    brings none is there.
    """
    told = since or {}
    found = [_patient(patient_id, profile=profile, granted=granted, capability=capability)]
    names = planned_types(profile=profile, granted=granted, capability=capability)
    if offers_everything(profile=profile, granted=granted, capability=capability):
        narrowing = everything_since(since=told.get("Patient", ""), profile=profile)
        query = (*standing, *narrowing, ("_count", str(profile.search.count)))
        reference = f"Patient/{patient_id}/$everything"
        found.append(
            PlanStep(0, "everything", "Patient", query=query, reference=reference, mode=mode_of(narrowing))
        )
        found += [
            PlanStep(0, "search", name, state="refused", reason="not_granted")
            for name in names
            if not (granted.allows(name, "s") or granted.allows(name, "r"))
        ]
    else:
        for name in names:
            found += _searches(
                name,
                profile=profile,
                granted=granted,
                capability=capability,
                patient_id=patient_id,
                now=now,
                standing=standing,
                since=told.get(name, ""),
                with_status=name in with_status,
            )
    return tuple(replace(step, ordinal=number) for number, step in enumerate(found))


def _patient(
    patient_id: str, *, profile: Profile, granted: ScopeSet, capability: Capability | None
) -> PlanStep:
    state, reason = admit("Patient", kind="read", profile=profile, granted=granted, capability=capability)
    return PlanStep(0, "read", "Patient", reference=f"Patient/{patient_id}", state=state, reason=reason)


def _searches(
    name: str,
    *,
    profile: Profile,
    granted: ScopeSet,
    capability: Capability | None,
    patient_id: str,
    now: datetime,
    standing: Query,
    since: str,
    with_status: bool,
) -> Iterator[PlanStep]:
    """Yield the searches of one type, or the one step that says why there is none."""
    state, reason = admit(name, kind="search", profile=profile, granted=granted, capability=capability)
    patient = patient_parameter(name, patient_id=patient_id, profile=profile, capability=capability)
    if state == "run" and patient is None:
        state, reason = "unsupported", "not_searchable"
    if state != "run" or patient is None:
        yield PlanStep(0, "search", name, state=state, reason=reason)
        return
    constraints = granted.constraints(name, "s")
    own = queries_of(name, profile=profile, capability=capability, today=now.date())
    queries = limited(own, constraints=constraints)
    if with_status:
        queries = tuple(with_all_statuses(name, query) or query for query in queries)
    note = note_of(name, queries=queries, constrained=bool(constraints))
    tail = (
        *related(name, profile=profile, granted=granted, capability=capability),
        *count(name, profile=profile),
    )
    for query in queries:
        narrowing = changed_since(name, query=query, since=since, profile=profile, capability=capability)
        yield PlanStep(
            0,
            "search",
            name,
            query=(*patient, *query, *standing, *narrowing, *tail),
            mode=mode_of(narrowing),
            note=note,
        )
