"""What the directory and the connecting flows hand to a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PortalChoice:
    """One portal of the directory as the connect page shows it."""

    id: int
    name: str
    vendor_name: str
    place: str = ""
    status: Literal["documented", "sandbox", "production"] = "documented"
    """How far the vendor's profile was tried; shown, never more than was done."""
    connectable: bool = True
    why_not: str = ""
    """A sentence when ``connectable`` is False: what is missing and who can mend it."""
    lack: str = ""
    """What is missing, as `registrations.Lack` names it; "" where nothing is."""
    for_staff: bool = False
    """True when a professional can sign in there and choose a patient."""
    registers_itself: bool = False
    """True when phr will ask the portal to register it on the way: nobody vouches for such an address."""
    pasted: bool = False
    """True when nobody is sent back: the address that the browser ends on is pasted."""
    connected: bool = False
    """True when this person already has a source there."""
    resource_types: tuple[str, ...] = ()
    """What will be asked for, as FHIR types; the web has the words."""
    keeps_access: bool = True
    """True when a refresh token will be asked for."""
    brand_id: int | None = None
    """The name that was chosen in the directory; None for the portal itself."""
    parent: str = ""
    """Whom it belongs to, where that is another name."""
    others: tuple[str, ...] = ()
    """The first further places of it, or further names within it, at the same endpoint."""
    others_more: int = 0
    """How many there are beyond those."""
    host: str = ""
    """The host of its endpoint, where nothing else tells it from another line."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the directory answers to a search, and how it read what was typed."""

    portals: tuple[PortalChoice, ...] = ()
    more: bool = False
    """True when further portals answer as well."""
    meant: tuple[tuple[str, str], ...] = ()
    """(as typed, as read): nothing is written as it was typed."""
    left_out: tuple[str, ...] = ()
    """Words that no portal has together with the others."""
    by_state: tuple[tuple[str, str], ...] = ()
    """(a place, its state): no portal says the place; those of the state are shown."""
    address: str = ""
    """What was typed, where that is the address of an endpoint and no name."""
