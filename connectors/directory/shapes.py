"""What a list of endpoints is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Reason = Literal[
    "no_address",
    "not_web",
    "plain_http",
    "internal_host",
    "test_host",
    "wrong_version",
    "replaced",
    "not_active",
    "not_fhir",
    "blank_name",
    "duplicate",
    "not_a_row",
]
# Why a row is no listing, in words that an operator reads beside a number.
REASONS: Final[dict[Reason, str]] = {
    "no_address": "no address of an endpoint",
    "not_web": "an address that is none of the web, or not whole",
    "plain_http": "http: tokens and records would travel in the clear",
    "internal_host": "a host that only its own network knows",
    "test_host": "a host for tests or demonstrations",
    "wrong_version": "another version of FHIR than R4",
    "replaced": "an address that its vendor has replaced",
    "not_active": "an endpoint, or an organization, that its list does not call active",
    "not_fhir": "an endpoint of something else than FHIR",
    "blank_name": "no name, or a number in place of one",
    "duplicate": "the same name at the same address as a row before",
    "not_a_row": "something that is no row of a list",
}
# What was put right in an address that stayed.
Mended = Literal["default_port", "trailing_slash", "host_case", "spaces", "staff_address"]
MENDED: Final[dict[Mended, str]] = {
    "default_port": "named the port that goes without saying",
    "trailing_slash": "ended in a slash",
    "host_case": "wrote the host in capitals",
    "spaces": "had spaces around it",
    "staff_address": "was that of the staff; that of the patients was added",
}
# How the vendor of an endpoint was told: by whoever loads the list, by its address, by the list's name, not at all.
Told = Literal["given", "address", "list", ""]


class BadList(ValueError):  # noqa: N818 - what the caller meets
    """This is no list of endpoints that can be read; the message says why, and holds nothing of its content."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as its list has it. "" stands for what the list does not say."""

    url: str = ""
    name: str = ""
    aliases: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    # The brand that it belongs to at last.
    parent: str = ""
    logo_url: str = ""
    portal_name: str = ""
    portal_url: str = ""
    practice: str = ""
    endpoint_name: str = ""
    fhir_version: str = ""
    status: str = ""
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A name at an endpoint, ready for the directory.

    `base_url`: lower-case host, no default port, no slash at its end; `published_url`: as the list writes it.
    `state`: two letters where it is one of the United States. `vendor`: the id of a profile, "generic" where
    nobody tells; `sure`: it is not from the path of the address alone. `staff`: clinicians sign in there, patients do
    not.
    """

    base_url: str
    published_url: str
    name: str
    vendor: str
    told: Told = ""
    sure: bool = False
    staff: bool = False
    aliases: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    parent: str = ""
    logo_url: str = ""
    portal_name: str = ""
    portal_url: str = ""
    practice: str = ""
    endpoint_name: str = ""
    fhir_version: str = ""
    mended: tuple[Mended, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no listing. `what`: its address, else its name, at most 200 characters."""

    reason: Reason
    what: str
