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
    connected: bool = False
    """True when this person already has a source there."""
    resource_types: tuple[str, ...] = ()
    """What will be asked for, as FHIR types; the web has the words."""
    keeps_access: bool = True
    """True when a refresh token will be asked for."""
