"""Whether a type may be asked at all (PURE): profile, then grant, then what the server says of itself."""

from connectors.fhir.capability import Capability
from connectors.fhir.plan.step import Kind, Reason, State
from connectors.profile import Profile
from connectors.scopes import ScopeSet


def admit(
    resource_type: str, *, kind: Kind, profile: Profile, granted: ScopeSet, capability: Capability | None
) -> tuple[State, Reason]:
    """Return the state of a type's steps and the reason for it.

    What the grant lacks is "refused", for the person can change that; what the vendor or server lacks is
    "unsupported". A profile's own query for a type outweighs a server that does not list it: it was seen to
    work.
    """
    if capability is not None and not capability.is_r4:
        return "unsupported", "other_version"
    if resource_type in profile.search.skip:
        return "unsupported", "not_by_patient"
    if not granted.allows(resource_type, "r" if kind == "read" else "s"):
        return "refused", "not_granted"
    if kind == "read" or capability is None or resource_type in profile.search.queries:
        return "run", ""
    return _listed(resource_type, capability)


def _listed(resource_type: str, capability: Capability) -> tuple[State, Reason]:
    if not capability.offers(resource_type):
        return "unsupported", "not_listed"
    listed = capability.resources.get(resource_type)
    if listed is not None and not listed.searchable:
        return "unsupported", "not_searchable"
    return "run", ""
