"""Which resource types a plan speaks of, and in which order (PURE)."""

from connectors.fhir.capability import Capability
from connectors.fhir.plan.defaults import FURTHER, LAST, US_CORE
from connectors.profile import Profile
from connectors.scopes import ScopeSet


def planned_types(*, profile: Profile, granted: ScopeSet, capability: Capability | None) -> tuple[str, ...]:
    """Return the types to plan for, in the order of their steps; the Patient, which is read, is not among
    them.

    All of US Core, so that what is refused or not offered is said; of the further types those that the
    profile gives queries for, that were granted by name, or that the server lists, provided that the grant
    holds them.
    """
    named = {scope.resource_type for scope in granted.resources}
    listed = set(capability.resources) if capability is not None else set()
    further = {
        name
        for name in FURTHER & (named | listed) | set(profile.search.queries)
        if name != "Patient" and name not in US_CORE and name not in LAST
    }
    further = {name for name in further if granted.allows(name, "s")}
    return (*US_CORE, *sorted(further), *LAST)
