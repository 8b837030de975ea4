"""The directory of portals as a person meets it: found by a few letters, and told what each would be asked
for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from connectors.directory.places import STATES, place_of
from connectors.directory.query import Brand as FoundBrand
from connectors.profile import Profile
from phr.accounts.access import Sight
from phr.sources import registrations
from phr.sources.models import Brand, Portal, Registration, Source
from phr.sources.portals import BadAddress, base_of
from phr.sources.profiles import all_profiles
from phr.sources.search import Line, find
from phr.sources.shapes import Answers, PortalChoice

SHOWN: Final = 20
# So many further places, or names, are written on a line.
OTHERS: Final = 3
_END: Final = 6
# "https://fhir.example.org/r4", "fhir.example.org/r4": no name of a hospital has a slash after a dot.
_ADDRESS: Final = re.compile(r"(?i)https?://\S+|[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?/\S*")

_NOT_REGISTERED: Final = _(
    "Whoever runs this server has not registered it with this vendor yet, so the portal would not "
    "know who asks. The message below tells them what to do."
)
_UNCONFIRMED: Final = _(
    "This server is registered with %(vendor)s, but nothing except the form of its address says that this portal is "
    "one of theirs. Whoever runs this server has to confirm that first."
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


def search(*, sight: Sight, text: str) -> Answers:
    """Return the portals that answer a text by name, place, brand or vendor, the nearest first; the Sight is open.

    An address in place of a name is the portal at that address, and may be connected to where it is unknown.
    Without a text, those that the operator added.
    """
    if address := _address(text):
        known = Portal.objects.filter(base_url=address).exclude(origin=Portal.Origin.TYPED)
        return Answers(
            portals=_choices([_Chosen(portal) for portal in known], sight=sight),
            address="" if known else text.strip(),
        )
    if not text.strip():
        own = Brand.objects.filter(portal__origin=Portal.Origin.OPERATOR, unlisted_at=None)
        brands = own.select_related("portal").order_by("name", "pk")[: SHOWN + 1]
        chosen = [_Chosen(brand.portal, name=brand.name, brand_id=brand.pk) for brand in brands]
        return Answers(portals=_choices(chosen[:SHOWN], sight=sight), more=len(chosen) > SHOWN)
    found = find(text=text, most=SHOWN)
    portals = Portal.objects.in_bulk([line.answer.brand.portal_id for line in found.lines])
    lines = [line for line in found.lines if line.answer.brand.portal_id in portals]
    twice = Counter(_looks(line) for line in lines)
    hosts = Counter((_looks(line), _host(portals, line)) for line in lines)
    return Answers(
        portals=_choices(
            [
                _chosen(
                    portals[line.answer.brand.portal_id],
                    line,
                    alike=twice[_looks(line)] > 1,
                    at_one_host=hosts[_looks(line), _host(portals, line)] > 1,
                )
                for line in lines
            ],
            sight=sight,
        ),
        more=found.more,
        meant=found.meant,
        left_out=found.left_out,
        by_state=tuple((place, STATES.get(state, state)) for place, state in found.by_state),
    )


def choice(*, sight: Sight, portal_id: int, brand_id: int | None = None) -> PortalChoice | None:
    """Return one portal of the directory, by one of its names where that is given, or None; the Sight is open."""
    portal = Portal.objects.filter(pk=portal_id).first()
    if portal is None:
        return None
    chosen = _Chosen(portal)
    brand = Brand.objects.filter(pk=brand_id, portal=portal).first() if brand_id is not None else None
    if brand is not None:
        chosen = _Chosen(
            portal,
            name=brand.name,
            place=place_of(city=brand.city, state=brand.state, postal_code=brand.postal_code),
            brand_id=brand.pk,
            parent=brand.parent,
        )
    return _choices([chosen], sight=sight)[0]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A portal, by one of its names where one was chosen."""

    portal: Portal
    name: str = ""
    place: str = ""
    brand_id: int | None = None
    parent: str = ""
    others: tuple[str, ...] = ()
    others_more: int = 0
    host: str = ""


def _chosen(portal: Portal, line: Line, *, alike: bool, at_one_host: bool) -> _Chosen:
    brand = line.answer.brand
    others = [other.name if other.name_key != brand.name_key else _place(other) for other in line.others]
    others = [each for each in dict.fromkeys(others) if each not in {"", brand.name, _place(brand)}]
    return _Chosen(
        portal,
        name=brand.name,
        place=_place(brand),
        brand_id=brand.id,
        parent=brand.parent,
        others=tuple(others[:OTHERS]),
        others_more=max(len(others) - OTHERS, 0),
        host=_told_apart(portal.base_url, at_one_host=at_one_host) if alike else "",
    )


def _host(portals: Mapping[int, Portal], line: Line) -> str:
    return urlsplit(portals[line.answer.brand.portal_id].base_url).netloc


def _told_apart(base_url: str, *, at_one_host: bool) -> str:
    """Return an address in brief; hospitals at one host differ by the end of it."""
    host = urlsplit(base_url).netloc
    return f"{host} …{base_url[-_END:]}" if at_one_host else host


def _place(brand: FoundBrand) -> str:
    return place_of(city=brand.city, state=brand.state, postal_code=brand.postal_code)


def _looks(line: Line) -> tuple[str, str, str]:
    brand = line.answer.brand
    return brand.name_key, _place(brand), brand.vendor


def _address(text: str) -> str:
    """Return the base address that a text is, as the directory keeps it; "" for a name."""
    if not _ADDRESS.fullmatch(text.strip()):
        return ""
    try:
        return base_of(text)
    except BadAddress:
        return text.strip()


def portal_of(*, source_id: UUID) -> int | None:
    """Return the portal that a source is connected to; None for a file, and for a source that is not
    there.
    """
    return (
        Source.objects.filter(pk=source_id, kind=Source.Kind.PORTAL)
        .values_list("portal_id", flat=True)
        .first()
    )


def _choices(chosen: Sequence[_Chosen], *, sight: Sight) -> tuple[PortalChoice, ...]:
    """Look up registrations and connections once for all of them."""
    portals = [each.portal for each in chosen]
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
            each,
            profile=profiles.get(each.portal.profile_id),
            registration=next(
                (row for row in rows if registrations.serves(registration=row, portal=each.portal)), None
            ),
            unconfirmed=any(registrations.unconfirmed(registration=row, portal=each.portal) for row in rows),
            connected=each.portal.pk in connected,
        )
        for each in chosen
    )


def _choice(
    chosen: _Chosen,
    *,
    profile: Profile | None,
    registration: Registration | None,
    unconfirmed: bool,
    connected: bool,
) -> PortalChoice:
    portal = chosen.portal
    said = PortalChoice(
        id=portal.pk,
        name=chosen.name or portal.name,
        place=chosen.place or portal.place,
        vendor_name=portal.profile_id if profile is None else profile.name,
        brand_id=chosen.brand_id,
        parent=chosen.parent,
        others=chosen.others,
        others_more=chosen.others_more,
        host=chosen.host,
        connected=connected,
    )
    if profile is None:
        return replace(said, connectable=False, why_not=str(_NO_PROFILE), lack="no_profile")
    lack = _lack(profile=profile, registration=registration)
    registers_itself = portal.origin == Portal.Origin.TYPED and lack in {"no_registration", "secret_expired"}
    if registers_itself:
        lack = ""
    return replace(
        said,
        status=profile.status,
        connectable=not lack,
        why_not=_UNCONFIRMED % {"vendor": profile.name}
        if unconfirmed and lack == "no_registration"
        else str(_LACKS.get(lack, "")),
        lack=lack,
        # Whoever may sign in there as staff needs the same registration.
        for_staff="provider" in profile.auth.flows and lack in {"", "only_from_there"},
        registers_itself=registers_itself,
        pasted=registration is not None and not registrations.comes_back_here(registration=registration),
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
