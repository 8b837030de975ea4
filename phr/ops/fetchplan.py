"""The fetch plan in words: what a portal would be asked, what not, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from connectors.fhir.capability import Capability
from connectors.fhir.plan import PlanStep, Reason
from connectors.fhir.plan.account import TypeAccount, account
from connectors.profile import Profile
from connectors.scopes import ScopeSet, requested
from phr.sync.reasons import sentence

# What stands for the patient: no id is like it.
PATIENT: Final = "PATIENT"
_REASONS: Final[dict[Reason, str]] = {
    "": "",
    "not_granted": "not granted: the profile asks for no such scope, or the person withheld it",
    "not_listed": "the CapabilityStatement does not list it",
    "not_searchable": "listed, but not for a search by patient",
    "other_version": "the server speaks another version of FHIR than R4",
    "not_by_patient": "not found by a patient's search here",
}
_ALONG: Final = {
    "everything": "comes with everything at once",
    "reference": "read where other records point at it",
    "file": "fetched where documents point at it",
    "provenance": "comes with the searches (_revinclude)",
}


def asked_for(*, profile: Profile, capability: Capability) -> str:
    """Return the scopes that would be asked for, if the server gave scopes for just the types that it lists."""
    further = (f"patient/{name}.rs" for name in profile.scopes.when_listed if name in capability.resources)
    return " ".join((requested(profile=profile), *further))


def told(
    steps: Sequence[PlanStep], *, profile: Profile, granted: ScopeSet, capability: Capability | None
) -> dict[str, Any]:
    """Return a plan as one JSON-able object.

    `types`: one object a type, in the order in which they are asked; `state` run, refused or unsupported,
    `reason` in words, `queries` with "{id}" for the patient, `along` how it comes without a query of its own,
    `mode` "changes" where those alone are asked for, `note` what an answer may lack.
    """
    lines = account(steps, granted=granted, patient_id=PATIENT)
    return {
        "vendor": profile.id,
        "name": profile.name,
        "software": capability.software if capability is not None else "",
        "fhir_version": capability.fhir_version if capability is not None else "",
        "listed": len(capability.resources) if capability is not None else None,
        "requests": sum(len(line.queries) for line in lines),
        "types": [
            {
                "type": line.resource_type,
                "state": line.state,
                "reason": _REASONS[line.reason],
                "queries": list(line.queries),
                "along": _ALONG.get(line.along, ""),
                "mode": line.mode,
                "note": sentence(line.note),
            }
            for line in lines
        ],
        "not_planned": _not_planned(lines, capability),
    }


def text(plan: dict[str, Any]) -> Iterator[str]:
    """Yield a plan as lines for a terminal: what is asked, what comes along, what is left out and why."""
    version = plan["fhir_version"] and f"FHIR {plan['fhir_version']}"
    listed = "no CapabilityStatement" if plan["listed"] is None else f"{plan['listed']} types listed"
    yield f"{plan['name']} ({plan['vendor']}): {', '.join(filter(None, (plan['software'], version, listed)))}"
    asked = [line for line in plan["types"] if line["queries"]]
    yield f"asked, in {plan['requests']} {'request' if plan['requests'] == 1 else 'requests'} and their pages"
    for line in asked:
        for query in line["queries"]:
            yield f"  {query}"
        if line["note"]:
            yield f"      {line['note']}"
    along = [line for line in plan["types"] if line["along"]]
    for words in dict.fromkeys(line["along"] for line in along):
        yield f"{words}: {', '.join(line['type'] for line in along if line['along'] == words)}"
    left_out = [line for line in plan["types"] if line["state"] != "run"]
    for words in dict.fromkeys(line["reason"] for line in left_out):
        yield f"left out: {', '.join(line['type'] for line in left_out if line['reason'] == words)}"
        yield f"      {words}"
    if plan["not_planned"]:
        yield f"listed, but neither granted nor a patient's: {', '.join(plan['not_planned'])}"


def _not_planned(lines: Sequence[TypeAccount], capability: Capability | None) -> list[str]:
    """Return what the server lists and the plan says nothing of."""
    listed = set(capability.resources) if capability is not None else set()
    return sorted(listed - {line.resource_type for line in lines})
