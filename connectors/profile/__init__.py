"""Everything we know about how one EHR product behaves, as data, and the strict loader of its TOML."""

from connectors.profile.facts import Addresses, Guide, TestLogin
from connectors.profile.loader import load_profile
from connectors.profile.model import Profile
from connectors.profile.sections import (
    US_CORE_RESOURCES,
    Attachments,
    Auth,
    Bulk,
    ClientMethod,
    DynamicRegistration,
    ErrorRule,
    ExportLevel,
    Fhir,
    Flow,
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
    "Addresses",
    "Attachments",
    "Auth",
    "Bulk",
    "ClientMethod",
    "DynamicRegistration",
    "ErrorRule",
    "ExportLevel",
    "Fhir",
    "Flow",
    "Guide",
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
    "TestLogin",
    "load_profile",
]
