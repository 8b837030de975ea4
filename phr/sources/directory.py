"""The directory of portals as a person meets it: found by a few letters, and told what each would be asked
for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from connectors.profile import Profile
from phr.accounts.access import Sight
from phr.sources import registrations
from phr.sources.models import Portal, Registration, Source
from phr.sources.profiles import all_profiles
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
    "This server is registered there with a key that it does not hold any more. Whoever runs it has to make a new "
    "one and give it to the vendor."
)
_SECRET_EXPIRED: Final = _(
    "The secret that this server was given there has run out. Whoever runs it has to get a new one."
)
_ONLY_FROM_THERE: Final = _(
    "This portal starts apps from its own page alone: sign in there, and choose phr among its apps."
)
_NO_PROFILE: Final = _(
    "This server has no profile of the software that this portal runs, so it does not know how to ask."
)


def search(*, sight: Sight, text: str) -> tuple[PortalChoice, ...]:
    """Return the portals whose name, place or vendor holds every word of the text; the Sight is open.

    Those whose name begins with the text come first, then those that hold it, then the others, each by name.
    """
    profiles = all_profiles()
    words = text.split()[:WORDS]
    found = Portal.objects.all()
    for word in words:
        brands = [key for key, profile in profiles.items() if word.casefold() in profile.name.casefold()]
        found = found.filter(Q(name__icontains=word) | Q(place__icontains=word) | Q(profile_id__in=brands))
    whole = " ".join(words)
    nearness = Case(
        When(name__istartswith=whole, then=Value(0)),
        When(name__icontains=whole, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return _choices(list(found.order_by(nearness, "name", "pk")[:SHOWN]), sight=sight)


def choice(*, sight: Sight, portal_id: int) -> PortalChoice | None:
    """Return one portal of the directory, or None; the Sight is open."""
    return next(iter(_choices(list(Portal.objects.filter(pk=portal_id)), sight=sight)), None)


def portal_of(*, source_id: UUID) -> int | None:
    """Return the portal that a source is connected to; None for a file, and for a source that is not
    there.
    """
    return (
        Source.objects.filter(pk=source_id, kind=Source.Kind.PORTAL)
        .values_list("portal_id", flat=True)
        .first()
    )


def _choices(portals: Sequence[Portal], *, sight: Sight) -> tuple[PortalChoice, ...]:
    """Look up registrations and connections once for all of them."""
    rows = list(
        Registration.objects.filter(Q(portal__in=portals) | Q(portal=None)).order_by(
            F("portal").asc(nulls_last=True)  # a portal's own goes before its vendor's
        )
    )
    connected = set(
        Source.objects.filter(person_id=sight.person_id, portal__in=portals)
        .exclude(state=Source.State.DISCONNECTED)
        .values_list("portal_id", flat=True)
    )
    profiles = all_profiles()
    return tuple(
        _choice(
            portal,
            profile=profiles.get(portal.profile_id),
            registration=next(
                (each for each in rows if registrations.serves(registration=each, portal=portal)), None
            ),
            connected=portal.pk in connected,
        )
        for portal in portals
    )


def _choice(
    portal: Portal, *, profile: Profile | None, registration: Registration | None, connected: bool
) -> PortalChoice:
    if profile is None:
        return PortalChoice(
            id=portal.pk,
            name=portal.name,
            place=portal.place,
            vendor_name=portal.profile_id,
            connectable=False,
            why_not=str(_NO_PROFILE),
            lack="no_profile",
            connected=connected,
        )
    lack = _lack(profile=profile, registration=registration)
    registers_itself = portal.origin == Portal.Origin.TYPED and lack in {"no_registration", "secret_expired"}
    if registers_itself:
        lack = ""
    return PortalChoice(
        id=portal.pk,
        name=portal.name,
        place=portal.place,
        vendor_name=profile.name,
        status=profile.status,
        connectable=not lack,
        why_not=str(_LACKS.get(lack, "")),
        lack=lack,
        # Whoever may sign in there as staff needs the same registration.
        for_staff="provider" in profile.auth.flows and lack in {"", "only_from_there"},
        registers_itself=registers_itself,
        connected=connected,
        resource_types=() if profile.scopes.style == "wildcard" else profile.scopes.resources,
        keeps_access=bool(profile.scopes.offline) and profile.refresh.style != "none",
    )


_LACKS: Final = {
    "no_registration": _NOT_REGISTERED,
    "no_profile": _NO_PROFILE,
    "no_key": _NO_KEY,
    "secret_expired": _SECRET_EXPIRED,
    "only_from_there": _ONLY_FROM_THERE,
}


def _lack(*, profile: Profile, registration: Registration | None) -> str:
    """Say what is missing; that the operator must register comes before the rest."""
    lack = registrations.lack_of(registration=registration, now=timezone.now())
    if lack is None and "standalone" not in profile.auth.flows:
        return "only_from_there"
    return lack or ""
