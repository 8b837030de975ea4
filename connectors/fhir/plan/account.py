"""What a plan does about each type, in one line a type (PURE)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from connectors.fhir.plan.defaults import LAST, US_CORE
from connectors.fhir.plan.step import Mode, Note, PlanStep, Reason, State
from connectors.fhir.query import encode_query
from connectors.fhir.references import SUPPORTING
from connectors.profile import US_CORE_RESOURCES
from connectors.scopes import ScopeSet

# How a type comes that has no step of its own.
Along = Literal[
    "",
    "everything",  # with Patient/$everything
    "reference",  # where other resources point at it
    "file",  # as the bytes that documents point at
    "provenance",  # with the searches, by _revinclude
]
# Parameters that say whose record is asked for.
_WHO: Final = frozenset({"patient", "subject", "beneficiary", "individual"})


@dataclass(frozen=True, slots=True)
class TypeAccount:
    """One type: asked (`queries`, without whose they are), coming along with others, or not asked and why."""

    resource_type: str
    state: State
    reason: Reason = ""
    queries: tuple[str, ...] = ()
    along: Along = ""
    mode: Mode = "full"
    note: Note = ""


def account(steps: Sequence[PlanStep], *, granted: ScopeSet, patient_id: str) -> tuple[TypeAccount, ...]:
    """Return a line for each type that the plan asks, and for every other one of US Core and every type that
    is read by reference and granted; each type once.

    `patient_id`: what stands as "{id}" in the queries that are shown.
    """
    of_type: dict[str, list[PlanStep]] = {}
    for step in steps:
        of_type.setdefault(step.resource_type, []).append(step)
    lines = [_asked(name, found, patient_id) for name, found in of_type.items()]
    at_once = any(step.kind == "everything" and step.state == "run" for step in steps)
    supporting = sorted(name for name in SUPPORTING if granted.allows(name, "r"))
    for name in (*US_CORE, *LAST, *US_CORE_RESOURCES, *supporting):
        if name not in of_type:
            of_type[name] = []
            lines.append(_along(name, steps, granted=granted, at_once=at_once))
    return tuple(lines)


def _asked(name: str, found: Sequence[PlanStep], patient_id: str) -> TypeAccount:
    running = [step for step in found if step.state == "run"]
    first = (running or found)[0]
    return TypeAccount(
        resource_type=name,
        state=first.state,
        reason=first.reason,
        queries=tuple(_shown(step, patient_id) for step in running),
        mode="changes" if any(step.mode == "changes" for step in running) else "full",
        note=first.note,
    )


def _along(name: str, steps: Sequence[PlanStep], *, granted: ScopeSet, at_once: bool) -> TypeAccount:
    if all(step.reason == "other_version" for step in steps):
        return TypeAccount(name, "unsupported", "other_version")
    if not (granted.allows(name, "r") or granted.allows(name, "s")):
        return TypeAccount(name, "refused", "not_granted")
    if at_once:
        return TypeAccount(name, "run", along="everything")
    if name == "Provenance":
        asked = any(("_revinclude", "Provenance:target") in step.query for step in steps)
        if not asked:
            return TypeAccount(name, "unsupported", "not_by_patient")
        return TypeAccount(name, "run", along="provenance")
    return TypeAccount(name, "run", along="file" if name == "Binary" else "reference")


def _shown(step: PlanStep, patient_id: str) -> str:
    if step.kind != "search":
        return step.text.replace(f"Patient/{patient_id}", "Patient/{id}", 1)
    shown = {patient_id: "{id}", f"Patient/{patient_id}": "Patient/{id}"}
    query = encode_query(
        (name, shown.get(value, value) if name in _WHO else value) for name, value in step.query
    )
    return f"{step.resource_type}?{query}".replace("%7Bid%7D", "{id}")
