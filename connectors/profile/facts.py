"""The sections of a profile that are written for people: no client behaves by them. Pages and guides show them,
and the directory tells by `addresses` whose portal it is.

"" stands for "not found": a guide says so in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from connectors.profile.sections import empty_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the vendor's portals stand."""

    # FHIR bases with a name in braces for what differs: "https://fhir.example.org/r4/{practice}", and with a star
    # where that may hold slashes: "{path*}". A portal's vendor is told from them.
    patterns: tuple[str, ...] = ()
    # Pattern of addresses at which clinicians alone sign in -> that of the patients' address of the same
    # organization, "" where there is none or nobody knows.
    staff: Mapping[str, str] = field(default_factory=empty_mapping)
    # Patterns of addresses that old lists still hold, and that the vendor has replaced.
    replaced: tuple[str, ...] = ()
    # What the names of public lists of its portals begin with.
    lists: tuple[str, ...] = ()
    # The FHIR base of the vendor's own sandbox.
    sandbox: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLogin:
    """A log-in that the vendor published for its sandbox of made-up patients."""

    username: str
    password: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What an operator needs to know to register with the vendor."""

    registration_url: str = ""
    # Who may register: anybody in minutes, somebody after talking to people, nobody any more.
    registration: Literal["self_service", "manual", "closed", ""] = ""
    # In sentences: how it goes, what redirect URIs are taken, who approves and how long it takes, what it
    # costs, which terms apply.
    steps: tuple[str, ...] = ()
    redirect_uri: str = ""
    # Whether plain http, and whether localhost, is refused as a redirect URI; None where it was not found.
    redirect_needs_https: bool | None = None
    redirect_refuses_localhost: bool | None = None
    approval: str = ""
    cost: str = ""
    legal: str = ""
    test_logins: tuple[TestLogin, ...] = ()
    # What the vendor offers beside patient access, in sentences.
    bulk: str = ""
    everything: str = ""
    ehi_export: str = ""
    # The list of its portals, and the format it has.
    endpoint_list: str = ""
    endpoint_format: Literal["", "smart_brands", "fhir_bundle", "lantern", "array", "csv"] = ""
    # Facts that matter to apps in a browser; ours swaps the code on the server and needs neither.
    cors: str = ""
    fragment: bool | None = None
    token_format: Literal["", "opaque", "jwt"] = ""
    notes: tuple[str, ...] = ()
