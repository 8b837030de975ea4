"""Everything we know about how one EHR product behaves, as data, and the strict loader of its TOML."""

from connectors.profile.loader import load_profile
from connectors.profile.model import Profile
from connectors.profile.sections import (
    US_CORE_RESOURCES,
    Attachments,
    Auth,
    ClientMethod,
    ErrorRule,
    Fhir,
    Limits,
    Meaning,
    Paging,
    Patient,
    PatientSource,
    Refresh,
    Scopes,
    Search,
    Store,
)
from connectors.profile.server import Server

__all__ = [
    "US_CORE_RESOURCES",
    "Attachments",
    "Auth",
    "ClientMethod",
    "ErrorRule",
    "Fhir",
    "Limits",
    "Meaning",
    "Paging",
    "Patient",
    "PatientSource",
    "Profile",
    "Refresh",
    "Scopes",
    "Search",
    "Server",
    "Store",
    "load_profile",
]
