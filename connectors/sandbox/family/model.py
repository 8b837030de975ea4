"""What the demo family is to those who serve it and to those who test against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from connectors.sandbox.split import IdStyle, Resource


@dataclass(frozen=True, slots=True)
class DemoPortal:
    """An invented organization with a patient portal; whose software it runs is the caller's choice."""

    slug: str
    name: str
    id_style: IdStyle


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """How a person signs in at one portal, and which Patient stands behind it there."""

    username: str
    password: str
    patient_id: str


@dataclass(frozen=True, slots=True)
class SameFact:
    """One thing in the world that several portals hold: ``{portal: "Type/id"}``."""

    name: str
    resource_type: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Resources that must stay apart: ``((portal, "Type/id"), ...)`` and the reason, in words."""

    members: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a merge of a person's portals should find.

    ``same``: one fact each, and the records say enough to know it. ``apart``: alike, but two facts.
    ``unprovable``: one thing in the world, but nothing in the records shows it safely: a repeat is expected.
    """

    same: tuple[SameFact, ...]
    apart: tuple[LookAlike, ...]
    unprovable: tuple[LookAlike, ...]


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One of the family: their accounts and records by portal slug, and what is true of them."""

    name: str
    birth_date: date
    gender: str
    accounts: Mapping[str, DemoAccount]
    portals: Mapping[str, list[Resource]]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Family:
    """The people (the main person first) and the portals they go to."""

    portals: tuple[DemoPortal, ...]
    people: tuple[DemoPerson, ...]
