"""A whole profile."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from connectors.profile.facts import Addresses, Guide
from connectors.profile.sections import (
    Attachments,
    Auth,
    Bulk,
    ErrorRule,
    Fhir,
    Limits,
    Paging,
    Patient,
    Refresh,
    Scopes,
    Search,
    Store,
)
from connectors.profile.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What we know of one vendor, and since when."""

    id: str
    name: str
    # How far anybody has come with it: read about, tried in the vendor's sandbox, used with a real portal.
    status: Literal["documented", "sandbox", "production"]
    checked_on: date
    documentation: tuple[str, ...]
    auth: Auth
    scopes: Scopes
    refresh: Refresh
    fhir: Fhir = field(default_factory=Fhir)
    patient: Patient = field(default_factory=Patient)
    search: Search = field(default_factory=Search)
    paging: Paging = field(default_factory=Paging)
    errors: tuple[ErrorRule, ...] = ()
    limits: Limits = field(default_factory=Limits)
    store: Store = field(default_factory=Store)
    attachments: Attachments = field(default_factory=Attachments)
    bulk: Bulk = field(default_factory=Bulk)
    addresses: Addresses = field(default_factory=Addresses)
    guide: Guide = field(default_factory=Guide)
    server: Server = field(default_factory=Server)
