"""Servers and plans as small as a test can have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from connectors.fhir.capability import Capability, ResourceCapability
from connectors.fhir.plan import PlanStep, plan
from connectors.profile import Profile
from connectors.scopes import ScopeSet

ALL = ScopeSet.parse("patient/*.rs")
NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)
# An id that a careless trim would mangle.
PATIENT = "eAB3"


def server(
    version: str = "4.0.1",
    operations: tuple[str, ...] = (),
    types: Mapping[str, ResourceCapability] | None = None,
    **named: ResourceCapability,
) -> Capability:
    return Capability(version, "", MappingProxyType({**(types or {}), **named}), frozenset(operations))


def listed(
    *parameters: str, interactions: tuple[str, ...] = ("search-type", "read"), includes: tuple[str, ...] = ()
) -> ResourceCapability:
    return ResourceCapability(
        frozenset(interactions),
        frozenset(parameters),
        frozenset(item for item in includes if not item.startswith("Provenance")),
        frozenset(item for item in includes if item.startswith("Provenance")),
    )


def make(profile: Profile, **options: object) -> tuple[PlanStep, ...]:
    given: dict[str, object] = {
        "granted": ALL,
        "capability": None,
        "patient_id": PATIENT,
        "now": NOW,
        **options,
    }
    return plan(profile=profile, **given)  # type: ignore[arg-type]


def steps_of(steps: tuple[PlanStep, ...], resource_type: str) -> list[PlanStep]:
    return [step for step in steps if step.resource_type == resource_type]


def texts(steps: tuple[PlanStep, ...], resource_type: str) -> list[str]:
    return [step.text for step in steps_of(steps, resource_type)]
