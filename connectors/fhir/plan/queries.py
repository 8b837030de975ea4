"""The queries of one type (PURE): the profile's, else the default ones as far as the server has the
parameters.
"""

from collections.abc import Collection
from datetime import date
from typing import Final

from connectors.fhir.capability import Capability
from connectors.fhir.plan.defaults import LAST, US_CORE
from connectors.fhir.query import Query, decode_query
from connectors.profile import Profile
from connectors.profile.placeholders import filled

# How a type is tied to its patient, the usual way first; (parameter, whether its value names the type too).
_PATIENT: Final = (("patient", False), ("subject", True), ("beneficiary", True), ("individual", True))


def queries_of(
    resource_type: str, *, profile: Profile, capability: Capability | None, today: date
) -> tuple[Query, ...]:
    """Return the queries of a type, without the parameter for the patient.

    `today`: what placeholders of the profile's queries count from.
    """
    own = profile.search.queries.get(resource_type)
    if own is not None:
        return tuple(dict.fromkeys(decode_query(filled(text, today=today)) for text in own))
    texts = US_CORE.get(resource_type, ("",))
    queries = tuple(decode_query(text) for text in texts) if resource_type not in LAST else ((),)
    known = _parameters(resource_type, capability)
    if known and any(name not in known for query in queries for name, _ in query):
        # A server that has no such parameter can only be asked for all of it.
        return ((),)
    return queries


def patient_parameter(
    resource_type: str, *, patient_id: str, profile: Profile, capability: Capability | None
) -> Query | None:
    """Return the parameter that limits a type to the patient; None where the server has none for it.

    () where the token alone says who it is.
    """
    if resource_type in profile.search.without_patient:
        return ()
    known = _parameters(resource_type, capability)
    if not known or resource_type in profile.search.queries:
        return (("patient", patient_id),)
    for name, typed in _PATIENT:
        if name in known:
            return ((name, f"Patient/{patient_id}" if typed else patient_id),)
    return None


def _parameters(resource_type: str, capability: Capability | None) -> Collection[str]:
    """Search parameters that the server lists for a type; empty where it lists none."""
    listed = capability.resources.get(resource_type) if capability is not None else None
    return listed.search_parameters if listed is not None else ()
