"""How many entries a page may have (PURE)."""

from connectors.fhir.query import Query
from connectors.profile import Profile


def count(resource_type: str, *, profile: Profile) -> Query:
    """Return `_count` for a type: the vendor's cap for it, else the profile's number for all."""
    return (("_count", str(profile.search.counts.get(resource_type, profile.search.count))),)
