"""The directory as the connect pages show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.utils.translation import gettext as _

from connectors.profile import Profile
from phr.accounts.access import Sight
from phr.sources.models import Portal, Registration, Source
from phr.sources.profiles import all_profiles
from phr.sources.shapes import PortalChoice

# A search of more words is a pasted page.
_MOST_WORDS: Final = 8


def portals(*, q: str = "", limit: int = 20, sight: Sight | None = None) -> tuple[PortalChoice, ...]:
    """Return the portals whose name, place or vendor holds every word of ``q``, those whose name begins so
    first.

    With a Sight, which is then open, each says whether this person is connected to it. All vendors' portals
    are searched; no request leaves.
    """
    profiles = all_profiles()
    words = q.split()[:_MOST_WORDS]
    found = Portal.objects.all()
    for word in words:
        vendors = [key for key, profile in profiles.items() if word.casefold() in profile.name.casefold()]
        found = found.filter(Q(name__icontains=word) | Q(place__icontains=word) | Q(profile_id__in=vendors))
    start = " ".join(words)
    nearness = Case(
        When(name__istartswith=start, then=Value(0)),
        When(name__icontains=start, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = list(found.annotate(nearness=nearness).order_by("nearness", "name", "pk")[:limit])
    return _choices(rows, profiles=profiles.values(), sight=sight)


def portal_card(*, portal_id: int, sight: Sight | None = None) -> PortalChoice | None:
    """Return one portal with what will be asked for there, and whether we can connect; None when there is
    none.
    """
    rows = list(Portal.objects.filter(pk=portal_id))
    return next(iter(_choices(rows, profiles=all_profiles().values(), sight=sight)), None)


def _choices(
    rows: Sequence[Portal], *, profiles: Iterable[Profile], sight: Sight | None
) -> tuple[PortalChoice, ...]:
    by_id = {profile.id: profile for profile in profiles}
    registrations = list(
        Registration.objects.filter(Q(portal__in=rows) | Q(portal=None)).order_by(
            F("portal").asc(nulls_last=True)
        )
    )
    connected: set[int | None] = set()
    if sight is not None:
        mine = Source.objects.filter(person_id=sight.person_id, portal__in=rows)
        connected = set(mine.exclude(state=Source.State.DISCONNECTED).values_list("portal_id", flat=True))
    choices = []
    for row in rows:
        registration = next(
            (
                each
                for each in registrations
                if each.profile_id == row.profile_id and each.portal_id in {None, row.pk}
            ),
            None,
        )
        profile = by_id.get(row.profile_id)
        why_not = _why_not(profile=profile, registration=registration)
        choices.append(
            PortalChoice(
                id=row.pk,
                name=row.name,
                vendor_name=profile.name if profile else row.profile_id,
                place=row.place,
                status=profile.status if profile else "documented",
                connectable=not why_not,
                why_not=why_not,
                connected=row.pk in connected,
                resource_types=profile.scopes.resources if profile else (),
                keeps_access=profile is not None and profile.refresh.style != "none",
            )
        )
    return tuple(choices)


def _why_not(*, profile: Profile | None, registration: Registration | None) -> str:
    if profile is None:
        return _("This installation does not know this vendor any more. Whoever runs it can mend that.")
    if registration is None:
        return _("This installation is not registered with this vendor yet. Whoever runs it can do that.")
    if registration.method == Registration.Method.PRIVATE_KEY_JWT:
        return _("The registration with this vendor uses a private key, which does not work yet.")
    return ""
