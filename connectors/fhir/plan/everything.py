"""`Patient/$everything`: one question in place of many (PURE)."""

from connectors.fhir.capability import Capability
from connectors.profile import Profile
from connectors.scopes import ScopeSet


def offers_everything(*, profile: Profile, granted: ScopeSet, capability: Capability | None) -> bool:
    """Say whether the whole record is asked for at once.

    The profile says so; a CapabilityStatement that lists operations, and not this one, says no: it was
    taken away. One that lists no operation at all says nothing.
    """
    if not profile.search.everything or not granted.allows("Patient", "r"):
        return False
    if capability is None:
        return True
    return capability.is_r4 and (not capability.operations or any(map(_is_it, capability.operations)))


def _is_it(operation: str) -> bool:
    resource_type, slash, code = operation.rpartition("/")
    return code.lstrip("$").lower() == "everything" and (not slash or resource_type == "Patient")
