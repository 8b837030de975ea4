"""Portals one at a time: into the directory by its operator, or beside it by whoever types an address."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from connectors.directory import Listing
from connectors.directory.addresses import MAX_LENGTH, Address, clean
from connectors.directory.names import key_of, place_key, search_words
from connectors.directory.places import state_letters
from phr.sources import brandwords
from phr.sources.lists import vendors
from phr.sources.models import Brand, ListedBrand, Portal
from phr.sources.profiles import profile_of

# What stands in an address as it goes over the wire (RFC 3986), and what no path needs in it: an encoded control.
_PLAIN: Final = re.compile(r"[!-~]+")
_UNPRINTABLE: Final = re.compile(r"%([01][0-9A-Fa-f]|7[Ff])|[\\<>\"]")


class BadAddress(ValueError):  # noqa: N818 - what the caller meets
    """This is not the base address of a FHIR server; the message says what is wrong with it."""


def bare_url(url: str) -> str:
    """Return a FHIR base address as the directory keeps it: lower-case host, no slash at its end.

    Raises BadAddress for what is no absolute http(s) address in plain letters, carries a user, a query or a
    fragment, or whose path leads elsewhere than it says.
    """
    text = url.strip()
    # Before it is taken apart, for that leaves tabs and line ends out without a word.
    if not _PLAIN.fullmatch(text):
        raise BadAddress("The address of a portal looks like https://fhir.example.org/r4.")
    try:
        parts = urlsplit(text)
        # The full stop that a name may end with names the same host.
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise BadAddress("The address of a portal looks like https://fhir.example.org/r4.") from None
    if parts.scheme.lower() not in {"http", "https"} or not host or host.endswith("."):
        raise BadAddress("The address of a portal looks like https://fhir.example.org/r4.")
    if any(unquote(piece) in {".", ".."} for piece in parts.path.split("/")) or _UNPRINTABLE.search(
        parts.path
    ):
        raise BadAddress(
            "The path of the address of a portal goes straight on, without dots between slashes."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadAddress("The address of a portal holds no user, no question mark and no hash sign.")
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme.lower()]:
        place = f"{place}:{port}"
    return urlunsplit((parts.scheme.lower(), place, parts.path.rstrip("/"), "", ""))


def add_portal(*, profile_id: str, name: str, base_url: str, place: str = "") -> tuple[Portal, bool]:
    """Put a portal into the directory as its operator says; returns it, and whether it is new.

    One that is there by its address takes the given name and vendor, and no list changes them. Raises
    UnknownProfile and BadAddress.
    """
    profile_of(profile_id)
    bare = bare_url(base_url)
    with transaction.atomic():
        portal, created = Portal.objects.update_or_create(
            base_url=bare,
            defaults={
                "profile_id": profile_id,
                "name": name,
                "place": place,
                "origin": Portal.Origin.OPERATOR,
            },
            create_defaults={
                "profile_id": profile_id,
                "name": name,
                "place": place,
                "published_url": base_url.strip(),
            },
        )
        _name(portal, name=name, place=place)
    return portal, created


def _name(portal: Portal, *, name: str, place: str) -> None:
    """Let the portal be found by this name, and no longer by the one that the operator gave before."""
    city, _comma, state = place.rpartition(",")
    letters = state_letters(state)
    listing = Listing(
        base_url=portal.base_url,
        published_url=portal.published_url,
        name=name,
        vendor=portal.profile_id,
        city=(city if letters else place).strip()[:100],
        state=letters,
    )
    words = search_words(listing)
    key, where = key_of(name), place_key(city=listing.city, state=listing.state, postal_code="")
    own = Brand.objects.filter(portal=portal, unlisted_at=None).exclude(
        pk__in=ListedBrand.objects.values("brand_id")
    )
    own.exclude(name_key=key, place_key=where).delete()
    if not key:
        return
    brand, _made = Brand.objects.update_or_create(
        portal=portal,
        name_key=key,
        place_key=where,
        practice="",
        defaults={
            "name": name,
            "city": listing.city,
            "state": listing.state,
            "unlisted_at": None,
            "words": "",
        },
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sources_brand SET words = array_to_tsvector(%s::text[]) WHERE id = %s", [words, brand.pk]
        )
    brandwords.add(words=words)


def base_of(text: str) -> str:
    """Return the base address that somebody means who types or pastes one; raises BadAddress."""
    text = text.strip()
    bare = bare_url(text if "://" in text else f"https://{text}")
    for ending in _BEHIND_THE_BASE:
        bare = bare.removesuffix(ending)
    return bare


def typed_portal(*, url: str) -> Portal:
    """Return the portal at an address that a user typed; one that is in the directory is that one.

    What stands behind the base (`/metadata`, the discovery document) is left out. Nobody vouches for the address: it
    is found by nobody else, and no registration made for a vendor is used there. Raises BadAddress.
    """
    bare = base_of(url)
    known = Portal.objects.filter(base_url=bare).first()
    if known is not None:
        return known
    parts = urlsplit(bare)
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
    if (host, port) not in settings.PHR_EGRESS_ALLOW:
        cleaned = clean(bare)
        if not isinstance(cleaned, Address) and cleaned not in _TRUSTED_TO_USERS:
            raise BadAddress(_NO_PORTAL_THERE[cleaned])
    if len(bare) > MAX_LENGTH:
        raise BadAddress("The address of a portal is not as long as this.")
    vendor = vendors().of_address(bare)
    portal, _made = Portal.objects.get_or_create(
        base_url=bare,
        defaults={
            "profile_id": vendor.id,
            "name": parts.netloc,
            "origin": Portal.Origin.TYPED,
            "audience": Portal.Audience.STAFF if vendor.staff else Portal.Audience.PATIENTS,
        },
    )
    return portal


# A user may want the sandbox that a directory leaves out.
_TRUSTED_TO_USERS: Final = frozenset({"test_host"})
_NO_PORTAL_THERE: Final = {
    "no_address": _("The address of a portal looks like https://fhir.example.org/r4."),
    "not_web": _("The address of a portal looks like https://fhir.example.org/r4."),
    "plain_http": _(
        "The address begins with http: what is sent there could be read by others on the way. Ask for one with https."
    ),
    "internal_host": _("Only the network of that hospital knows this address; this server cannot reach it."),
    "wrong_version": _("This is the address of an older version of FHIR. Ask for the one of R4."),
}
_BEHIND_THE_BASE: Final = ("/.well-known/smart-configuration", "/metadata")
