"""Asking only for what changed (PURE): by `_lastUpdated` where it can be trusted, else by the date of making.

Neither shows what was deleted, and a date of making does not show what was amended; therefore all is read
again from time to time (`FULL_EVERY`).
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from connectors.fhir.capability import Capability
from connectors.fhir.clock import read_instant
from connectors.fhir.plan.step import Mode
from connectors.fhir.query import Query
from connectors.profile import Profile

# By the specification the moment at which something was written down. R4 has no such parameter for the
# other types: "date" of an Encounter or Procedure is when it happened.
CREATED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AllergyIntolerance": "date",
        "Condition": "recorded-date",
        "DiagnosticReport": "issued",
        "DocumentReference": "date",
        "MedicationRequest": "authoredon",
        "ServiceRequest": "authored",
    }
)
# Servers index what they stored a little later, and their machines' clocks differ.
OVERLAP: Final = timedelta(minutes=10)
# What was written down is shown to patients once it is signed or released, often days later.
WINDOW: Final = timedelta(days=14)
# How long changes alone may be asked for: deletions are invisible to both ways, changes to the second.
FULL_EVERY: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"_lastUpdated": timedelta(days=30), "created": timedelta(days=7)}
)


def changed_since(
    resource_type: str, *, query: Query, since: str, profile: Profile, capability: Capability | None
) -> Query:
    """Return the parameter that narrows a query of a type to what changed, () where there is none.

    `query`: what is asked besides. `since`: the instant at which the last complete crawl began, by the
    portal's own clock, as FHIR writes it; "" where there was none.
    """
    instant = read_instant(since)
    name = _parameter(resource_type, profile=profile, capability=capability)
    # Two conditions on dates are more than some servers take.
    if instant is None or not name or any(is_date(value) for _, value in query):
        return ()
    if name == "_lastUpdated":
        return ((name, f"ge{(instant - OVERLAP).isoformat(timespec='seconds')}"),)
    return ((name, f"ge{(instant - WINDOW).date().isoformat()}"),)


def everything_since(*, since: str, profile: Profile) -> Query:
    """Return `_since` for `$everything`, where the profile says that its Patient answers `_lastUpdated`."""
    instant = read_instant(since)
    if instant is None or "Patient" not in profile.search.last_updated:
        return ()
    return (("_since", (instant - OVERLAP).isoformat(timespec="seconds")),)


def full_every(resource_type: str, *, profile: Profile) -> timedelta:
    """Return after how long a type is to be read whole again, however well its changes are told."""
    trusted = resource_type in profile.search.last_updated
    return FULL_EVERY["_lastUpdated" if trusted else "created"]


def without_changes(resource_type: str, query: Query, *, profile: Profile) -> Query:
    """Return a query without what `changed_since` added to it: for a server that does not take it."""
    names = {"_lastUpdated", profile.search.created.get(resource_type, ""), CREATED.get(resource_type, "")}
    return tuple((name, value) for name, value in query if name not in names or not value.startswith("ge"))


def mode_of(narrowing: Query) -> Mode:
    """Say what a step asks for that carries this."""
    return "changes" if narrowing else "full"


def _parameter(resource_type: str, *, profile: Profile, capability: Capability | None) -> str:
    if resource_type in profile.search.last_updated:
        return "_lastUpdated"
    own = profile.search.created.get(resource_type)
    if own is not None:
        return own
    # A server that does not know it ignores it, or refuses the search: only what it lists is worth a try.
    listed = capability.resources.get(resource_type) if capability is not None else None
    name = CREATED.get(resource_type, "")
    return name if listed is not None and name in listed.search_parameters else ""


def is_date(value: str) -> bool:
    return value[:2] in {"ge", "gt", "le", "lt", "sa", "eb", "ap", "eq"} and value[2:3].isdigit()
