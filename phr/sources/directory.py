"""The directory of portals as a person meets it: found by a few letters, and told what each would be asked
for."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from phr.accounts.access import Sight
from phr.sources.models import Portal, Registration, Source
from phr.sources.profiles import UnknownProfile, all_profiles, profile_of
from phr.sources.registrations import registration_for
from phr.sources.shapes import PortalChoice

SHOWN: Final = 30
# A name of more words than this narrows nothing further.
WORDS: Final = 6

_NOT_REGISTERED: Final = _(
    "Whoever runs this server has not registered it with this vendor yet, so the portal would not "
    "know who asks. "
    "The operating guide says how that is done."
)
_NO_KEY: Final = _(
    "This server is registered there with a private key, which it cannot use yet. Ask whoever runs it for a "
    "registration with a secret, or a public one."
)
_NO_PROFILE: Final = _(
    "This server has no profile of the software that this portal runs, so it does not know how to ask."
)


def search(*, sight: Sight, text: str) -> tuple[PortalChoice, ...]:
    """Return the portals whose name, place or vendor holds every word of the text, by name; the Sight is
    open."""
    found = Portal.objects.all()
    for word in text.split()[:WORDS]:
        brands = [
            key for key, profile in all_profiles().items() if word.casefold() in profile.name.casefold()
        ]
        found = found.filter(Q(name__icontains=word) | Q(place__icontains=word) | Q(profile_id__in=brands))
    return tuple(_choice(portal, sight=sight) for portal in found.order_by("name", "pk")[:SHOWN])


def choice(*, sight: Sight, portal_id: int) -> PortalChoice | None:
    """Return one portal of the directory, or None; the Sight is open."""
    portal = Portal.objects.filter(pk=portal_id).first()
    return None if portal is None else _choice(portal, sight=sight)


def portal_of(*, source_id: UUID) -> int | None:
    """Return the portal that a source is connected to; None for a file, and for a source that is not
    there."""
    return (
        Source.objects.filter(pk=source_id, kind=Source.Kind.PORTAL)
        .values_list("portal_id", flat=True)
        .first()
    )


def _choice(portal: Portal, *, sight: Sight) -> PortalChoice:
    connected = (
        Source.objects.filter(person_id=sight.person_id, portal=portal)
        .exclude(state=Source.State.DISCONNECTED)
        .exists()
    )
    try:
        profile = profile_of(portal.profile_id)
    except UnknownProfile:
        return PortalChoice(
            id=portal.pk,
            name=portal.name,
            place=portal.place,
            vendor_name=portal.profile_id,
            connectable=False,
            why_not=str(_NO_PROFILE),
            connected=connected,
        )
    why_not = _why_not(portal)
    return PortalChoice(
        id=portal.pk,
        name=portal.name,
        place=portal.place,
        vendor_name=profile.name,
        status=profile.status,
        connectable=not why_not,
        why_not=str(why_not),
        connected=connected,
        resource_types=() if profile.scopes.style == "wildcard" else profile.scopes.resources,
        keeps_access=bool(profile.scopes.offline) and profile.refresh.style != "none",
    )


def _why_not(portal: Portal) -> Promise | str:
    registration = registration_for(portal=portal)
    if registration is None:
        return _NOT_REGISTERED
    if registration.method == Registration.Method.PRIVATE_KEY_JWT:
        return _NO_KEY
    return ""
