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
    connected: bool = False
    """True when this person already has a source there."""
    resource_types: tuple[str, ...] = ()
    """What will be asked for, as FHIR types; the web has the words."""
    keeps_access: bool = True
    """True when a refresh token will be asked for."""
