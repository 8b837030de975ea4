"""A launch that a portal's own page begins: `iss` and `launch` at the address of one registration.

SMART App Launch 2.2, "Launch App: EHR Launch". `iss` is a FHIR base here (in a callback it is an issuer): it is
looked up, and never asked. One that is not in the directory, or that only a user typed, makes no request at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from phr.sources.models import Portal, Registration
from phr.sources.portals import BadAddress, bare_url
from phr.sources.profiles import UnknownProfile, profile_of
from phr.sources.registrations import serves

# An opaque handle; some portals put a signed token there.
_LONGEST: Final = 8192

LaunchCode = Literal[
    "incomplete",  # no `iss` or no `launch`, or such as cannot be one, or one of them twice
    "unknown",  # no such registration, or no such portal, or not one of the other
    "not_offered",  # the profile of this portal knows no launches from its pages
]


class LaunchRefused(Exception):  # noqa: N818 - what the caller meets
    """This launch is not followed, and nobody was asked about it."""

    def __init__(self, code: LaunchCode) -> None:
        super().__init__(code)
        self.code: LaunchCode = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A launch that we follow: from which portal, with which registration of ours."""

    registration: Registration
    portal: Portal
    iss: str
    """As it came: it goes back as `aud`, with the slash at its end or without."""
    value: str = field(repr=False)
    """What the portal knows its own session by."""


def only(values: Sequence[str]) -> str:
    """Return the one value of a parameter, "" where it is not there; raises LaunchRefused for several.

    Of two we would not know which was meant, and whoever looked at the address before us may have read the other.
    """
    if len(values) > 1:
        raise LaunchRefused("incomplete")
    return values[0] if values else ""


def launched(*, slug: str, iss: str, value: str) -> Launched:
    """Return the launch; raises LaunchRefused. It reads the directory and sends nothing."""
    if not all(text and len(text) <= _LONGEST and text.isprintable() for text in (iss, value)):
        raise LaunchRefused("incomplete")
    try:
        base_url = bare_url(iss)
    except BadAddress:
        raise LaunchRefused("incomplete") from None
    registration = Registration.objects.filter(slug=slug).first()
    portal = Portal.objects.filter(base_url=base_url).exclude(origin=Portal.Origin.TYPED).first()
    if registration is None or portal is None or not serves(registration=registration, portal=portal):
        raise LaunchRefused("unknown")
    try:
        offered = "ehr" in profile_of(portal.profile_id).auth.flows
    except UnknownProfile:
        offered = False
    if not offered:
        raise LaunchRefused("not_offered")
    return Launched(registration=registration, portal=portal, iss=iss, value=value)
