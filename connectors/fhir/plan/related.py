"""What comes along with a search (PURE): medications that requests point at, and who recorded what."""

from connectors.fhir.capability import Capability
from connectors.fhir.query import Query
from connectors.profile import Profile
from connectors.scopes import ScopeSet


def related(
    resource_type: str, *, profile: Profile, granted: ScopeSet, capability: Capability | None
) -> Query:
    """Return `_include` and `_revinclude` for a type, each only where it is offered and granted.

    What is not included comes by references afterwards; an unasked-for parameter may cost the whole search.
    """
    listed = capability.resources.get(resource_type) if capability is not None else None
    found: list[tuple[str, str]] = []
    include = f"{resource_type}:medication"
    if listed is not None and _offered(include, listed.includes) and _readable("Medication", granted):
        found.append(("_include", include))
    provenance = profile.search.revinclude_provenance or (
        listed is not None and "Provenance:target" in listed.revincludes
    )
    if provenance and _readable("Provenance", granted):
        found.append(("_revinclude", "Provenance:target"))
    return tuple(found)


def _offered(include: str, offered: frozenset[str]) -> bool:
    return any(item == include or item.startswith(f"{include}:") for item in offered)


def _readable(resource_type: str, granted: ScopeSet) -> bool:
    return granted.allows(resource_type, "r") or granted.allows(resource_type, "s")
