"""What the operator's pages show of vendors, registrations and portals. It holds nothing of anybody's health."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.profile import Profile
from connectors.smart import redirects
from phr.sources import guide, keys, registrations
from phr.sources.models import Portal, Registration
from phr.sources.profiles import all_profiles

# To choose one to test with; the others are found by their address.
PORTALS_OFFERED: Final = 5
# Behind this section stand the forms; what follows it is to be read at leisure.
_LAST_BEFORE_FORMS: Final = "slips"

_LACKS: Final = {
    "no_key": gettext_lazy("There is no key pair to sign with. Replace the registration, and one is made."),
    "secret_expired": gettext_lazy("The client secret has run out. Ask the vendor for a new one."),
}


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """One registration, without what it proves itself with."""

    id: UUID
    slug: str
    vendor_id: str
    vendor_name: str
    portal_name: str
    """"" where it is for all portals of the vendor."""
    client_id: str
    method_text: str
    redirect_uri: str
    pasted: bool
    """People paste the address that their browser ended on: the redirect URI is not ours."""
    made_text: str
    dynamic: bool
    problem: str


@dataclass(frozen=True, slots=True)
class VendorLine:
    """One vendor, and whether people can connect to its portals."""

    id: str
    name: str
    portals: int
    registered: bool
    registration: str
    """Who may register there: self_service, manual, closed or ""."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The page of all registrations."""

    registrations: tuple[RegistrationLine, ...]
    lacking: tuple[VendorLine, ...]
    """Vendors that are not registered with, those with the most portals first."""
    jwks_url: str
    reachable: bool
    """The address of this server is one that a vendor could take: https, and not this machine."""


@dataclass(frozen=True, slots=True)
class PortalOffer:
    """One portal to test a registration with."""

    id: int
    name: str
    base_url: str


@dataclass(frozen=True, slots=True)
class VendorPage:
    """One vendor: how to register, and the registrations there are."""

    profile: Profile
    first: tuple[guide.Section, ...]
    """What to read before registering; what this vendor makes of our redirect URI stands apart, below."""
    then: tuple[guide.Section, ...]
    refusals: tuple[str, ...]
    """Why this vendor does not take our redirect URI, and what to do; () where it does."""
    slips: tuple[tuple[str, str], ...]
    """Addresses that are registered by mistake in its place, each with the slip in words."""
    registered: bool
    """There is a registration for all its portals."""
    registers_itself: bool
    """Its portals register this server by themselves, as far as is known of the vendor."""
    registrations: tuple[RegistrationLine, ...]
    redirect_uri: str
    portals: tuple[PortalOffer, ...]
    portal_count: int


def overview(*, now: datetime) -> Overview:
    """Return every registration, and the vendors without one."""
    rows = list(Registration.objects.select_related("portal").order_by("profile_id", "portal__name", "slug"))
    counts = dict(
        Portal.objects.exclude(origin=Portal.Origin.TYPED)
        .values_list("profile_id")
        .annotate(count=Count("pk"))
        .values_list("profile_id", "count")
    )
    served = {row.profile_id for row in rows if row.portal_id is None}
    lacking = [
        VendorLine(
            id=profile.id,
            name=profile.name,
            portals=counts.get(profile.id, 0),
            registered=False,
            registration=profile.guide.registration,
        )
        for profile in all_profiles().values()
        if profile.id not in served
    ]
    lacking.sort(key=lambda line: (-line.portals, line.name.casefold()))
    base = settings.PHR_BASE_URL
    return Overview(
        registrations=tuple(_line(row, now=now) for row in rows),
        lacking=tuple(lacking),
        jwks_url=keys.jwks_url(),
        reachable=base.startswith("https://") and "localhost" not in base and "127.0.0.1" not in base,
    )


def vendor_page(*, profile_id: str, now: datetime) -> VendorPage | None:
    """Return what an operator needs to register with a vendor; None for a vendor without a profile."""
    profile = all_profiles().get(profile_id)
    if profile is None:
        return None
    rows = list(
        Registration.objects.select_related("portal")
        .filter(profile_id=profile_id)
        .order_by("portal__name", "slug")
    )
    general, _new = registrations.found_or_new(profile_id=profile_id, portal=None)
    redirect_uri = registrations.redirect_uri_of(registration=general)
    registered = any(row.portal_id is None for row in rows)
    portals = Portal.objects.filter(profile_id=profile_id).exclude(origin=Portal.Origin.TYPED)
    # Where only some portals know us, the others have nothing to test.
    offered = (
        portals if registered or not rows else Portal.objects.filter(pk__in=[row.portal_id for row in rows])
    )
    sections = guide.guide(
        profile=profile,
        redirect_uri=redirect_uri,
        launch_url=registrations.launch_url(slug=general.slug),
        jwks_url=keys.jwks_url(),
    )
    turn = [section.slug for section in sections].index(_LAST_BEFORE_FORMS)
    return VendorPage(
        profile=profile,
        first=sections[:turn],
        then=tuple(section for section in sections[turn + 1 :] if section.sentences or section.lines),
        refusals=guide.refusals(profile=profile, redirect_uri=redirect_uri),
        slips=redirects.slips(redirect_uri=redirect_uri),
        registered=registered,
        registers_itself=profile.auth.dynamic_registration == "rfc7591",
        registrations=tuple(_line(row, now=now) for row in rows),
        redirect_uri=redirect_uri,
        portals=tuple(
            PortalOffer(id=portal.pk, name=portal.name, base_url=portal.base_url)
            # The operator's own, then those that stand for the most places.
            for portal in offered.order_by("-origin", "-brand_count", "name", "pk")[:PORTALS_OFFERED]
        ),
        portal_count=portals.count(),
    )


def registration_line(*, registration_id: UUID, now: datetime) -> RegistrationLine | None:
    """Return one registration as the pages show it, or None."""
    row = Registration.objects.select_related("portal").filter(pk=registration_id).first()
    return _line(row, now=now) if row is not None else None


def counts() -> dict[str, int]:
    """Return how many there are of what an operator looks after."""
    portals = Portal.objects.aggregate(
        portals=Count("pk", filter=~Q(origin=Portal.Origin.TYPED)),
        typed=Count("pk", filter=Q(origin=Portal.Origin.TYPED)),
    )
    return {**portals, "registrations": Registration.objects.count(), "vendors": len(all_profiles())}


def _line(row: Registration, *, now: datetime) -> RegistrationLine:
    profile = all_profiles().get(row.profile_id)
    lack = registrations.lack_of(registration=row, now=now)
    problem = str(_LACKS.get(lack or "", ""))
    if profile is None:
        problem = _("There is no profile of this vendor any more, so nothing can be connected.")
    return RegistrationLine(
        id=row.pk,
        slug=row.slug,
        vendor_id=row.profile_id,
        vendor_name=profile.name if profile else row.profile_id,
        portal_name=row.portal.name if row.portal else "",
        client_id=row.client_id,
        method_text=str(Registration.Method(row.method).label),
        redirect_uri=registrations.redirect_uri_of(registration=row),
        pasted=not registrations.comes_back_here(registration=row),
        made_text=date_format(localtime(row.created_at), "j M Y"),
        dynamic=row.origin == Registration.Origin.DYNAMIC,
        problem=problem,
    )
