"""Asking only for what changed (PURE)."""

from collections.abc import Mapping

from connectors.fhir.query import Query
from connectors.profile import Profile


def changed_since(resource_type: str, *, profile: Profile, since: Mapping[str, str]) -> Query:
    """Return `_lastUpdated` for a type that answers it and was crawled before.

    `since`: by type, the instant of the last complete crawl by the portal's own clock, as FHIR writes it.
    """
    instant = since.get(resource_type)
    if not instant or resource_type not in profile.search.last_updated:
        return ()
    return (("_lastUpdated", f"ge{instant}"),)
