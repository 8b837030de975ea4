"""Our client ids at vendors and portals: which one serves a portal, and what it proves itself with."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.text import slugify

from connectors.profile import ClientMethod, Profile
from connectors.secret import Secret
from connectors.smart.keys import SigningAlgorithm
from connectors.smart.tokens import Client
from phr.core.crypto import seal, unseal
from phr.sources import keys
from phr.sources.models import Portal, Registration
from phr.sources.profiles import profile_of

_SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")
_LONGEST_SLUG: Final = 64
_LONGEST_ADDRESS: Final = 500
# RS384 is what every vendor that takes keys takes; some take no other.
DEFAULT_ALGORITHM: Final[SigningAlgorithm] = "RS384"

Lack = Literal[
    "no_registration",
    "no_profile",
    "no_key",
    "secret_expired",
    "only_from_there",  # the vendor's portals start apps from their own pages, and in no other way
]


class NotRegistered(Exception):  # noqa: N818 - what the caller meets
    """We cannot connect there yet, and only the operator can mend it; `code` says what is missing."""

    def __init__(self, code: Lack) -> None:
        super().__init__(code)
        self.code: Lack = code


class BadRegistration(ValueError):  # noqa: N818 - what the caller meets
    """This cannot be a registration; the message is a sentence for the operator, without the secret."""


def registration_for(*, portal: Portal) -> Registration | None:
    """Return the portal's own registration, else its vendor's, else None.

    An address that a user typed has its own or none: what was made for a vendor is never sent there. Nor is a secret
    that all portals of a vendor share sent to one that is the vendor's by the path of its address alone.
    """
    fitting = Q(portal=portal)
    if portal.origin != Portal.Origin.TYPED:
        general = Q(portal=None)
        fitting |= general if _vouched(portal) else general & ~Q(method__in=_SECRET_METHODS)
    return (
        Registration.objects.filter(fitting, profile_id=portal.profile_id)
        .order_by(F("portal").asc(nulls_last=True))
        .first()
    )


def serves(*, registration: Registration, portal: Portal) -> bool:
    """Say whether this registration may be used at this portal."""
    if registration.profile_id != portal.profile_id:
        return False
    if registration.portal_id is not None:
        return registration.portal_id == portal.pk
    if portal.origin == Portal.Origin.TYPED:
        return False
    return _vouched(portal) or registration.method not in _SECRET_METHODS


def unconfirmed(*, registration: Registration, portal: Portal) -> bool:
    """Say whether this registration would serve the portal if the operator confirmed that it is the vendor's."""
    general = registration.portal_id is None and registration.profile_id == portal.profile_id
    known = portal.origin != Portal.Origin.TYPED
    return general and known and not serves(registration=registration, portal=portal)


def awaits_confirmation(*, portal: Portal) -> bool:
    """Say whether some registration would serve the portal if the operator confirmed whose it is."""
    rows = Registration.objects.filter(portal=None, profile_id=portal.profile_id)
    return any(unconfirmed(registration=row, portal=portal) for row in rows)


def _vouched(portal: Portal) -> bool:
    """Say whether more than the path of an address makes a portal its vendor's."""
    return portal.vendor_sure or portal.origin == Portal.Origin.OPERATOR


def client_of(*, registration: Registration, now: datetime | None = None) -> Client:
    """Return what the token endpoint is addressed with; with a key, the pair that signs now.

    Raises NotRegistered where the key is not there or the secret has run out, and KeyringError where a secret
    does not open.
    """
    if lack := lack_of(registration=registration, now=now or timezone.now()):
        raise NotRegistered(lack)
    if registration.method == Registration.Method.PRIVATE_KEY_JWT:
        pair = keys.current(algorithm=_algorithm(registration.algorithm))
        if pair is None:
            raise NotRegistered("no_key")
        return Client(
            id=registration.client_id,
            method="private_key_jwt",
            secret=pair.private_key,
            key_id=pair.key_id,
            algorithm=pair.algorithm,
        )
    return Client(
        id=registration.client_id, method=_method(registration.method), secret=unseal(registration, "secret")
    )


def lack_of(*, registration: Registration | None, now: datetime) -> Lack | None:
    """Say what keeps a registration from being used, as far as that shows without opening a secret."""
    if registration is None:
        return "no_registration"
    if registration.secret_expires_at is not None and registration.secret_expires_at <= now:
        return "secret_expired"
    if registration.method == Registration.Method.PRIVATE_KEY_JWT and not keys.public_key(
        algorithm=_algorithm(registration.algorithm)
    ):
        return "no_key"
    return None


def callback_url(*, slug: str, base_url: str | None = None) -> str:
    """Return the address of our own callback for a registration."""
    return f"{(base_url or settings.PHR_BASE_URL).rstrip('/')}/callback/{slug}/"


def vendor_slug(*, profile_id: str) -> str:
    """Return the slug that a vendor's registration has, or will have."""
    return _slug(profile_id, None)


def launch_url(*, slug: str) -> str:
    """Return the address at which a portal's page starts us, as it is registered at the vendor."""
    return f"{settings.PHR_BASE_URL.rstrip('/')}/launch/{slug}/"


def redirect_uri_of(*, registration: Registration) -> str:
    """Return the redirect URI as it must be registered at the vendor, to the letter."""
    return registration.redirect_uri or callback_url(slug=registration.slug)


def comes_back_here(*, registration: Registration) -> bool:
    """Say whether the browser ends on our own callback; else its address has to be pasted."""
    return redirect_uri_of(registration=registration) == callback_url(slug=registration.slug)


def register(
    *,
    profile_id: str,
    client_id: str,
    portal: Portal | None = None,
    secret: Secret | None = None,
    method: str | None = None,
    algorithm: SigningAlgorithm | None = None,
    redirect_uri: str | None = None,
    now: datetime | None = None,
) -> tuple[Registration, bool]:
    """Keep our client id at a vendor, or at one portal; returns the registration, and whether it is new.

    A second call replaces id, method and secret; the slug stays, for the redirect URI at the vendor holds it.
    Without ``method``: public where there is no secret, else the first way of the profile that sends one.
    ``private_key_jwt`` signs with ``algorithm`` (RS384 by default), and the key pair is made where there is
    none. ``redirect_uri``: the exact address registered there where it is not our callback; "" goes back to
    the callback, None leaves it as it is. Raises UnknownProfile and BadRegistration.
    """
    profile = profile_of(profile_id)
    if portal is not None and portal.profile_id != profile_id:
        raise BadRegistration(f"That portal belongs to the vendor {portal.profile_id}.")
    chosen = _chosen(profile=profile, secret=secret, method=method)
    if (algorithm is not None) and chosen != "private_key_jwt":
        raise BadRegistration("An algorithm goes with the method private_key_jwt alone.")
    row, created = found_or_new(profile_id=profile_id, portal=portal)
    row.client_id, row.method, row.algorithm = client_id, chosen, ""
    if redirect_uri is not None:
        row.redirect_uri = _redirect_uri(redirect_uri)
    # What a portal said of a registration that it made holds for that one alone.
    row.origin, row.secret_expires_at = Registration.Origin.MANUAL, None
    row.registration_client_uri, row.registration_access_token = "", None
    row.software_id = row.software_version = ""
    if chosen == "private_key_jwt":
        row.algorithm = algorithm or DEFAULT_ALGORITHM
        keys.require(algorithm=_algorithm(row.algorithm), now=now or timezone.now())
    keep(row=row, secret=secret)
    return row, created


def found_or_new(*, profile_id: str, portal: Portal | None) -> tuple[Registration, bool]:
    """Return the registration of a vendor or portal, unsaved where it is new, and whether it is."""
    row = Registration.objects.filter(profile_id=profile_id, portal=portal).first()
    if row is not None:
        return row, False
    return Registration(profile_id=profile_id, portal=portal, slug=_slug(profile_id, portal)), True


def keep(*, row: Registration, secret: Secret | None) -> None:
    """Check a registration, seal its secret and save it. Raises BadRegistration."""
    try:
        if row.method == Registration.Method.PRIVATE_KEY_JWT:
            Client(id=row.client_id, method="public")
        else:
            Client(id=row.client_id, method=_method(row.method), secret=secret)
    except ValueError as error:
        raise BadRegistration(f"This is no usable registration: {error}.") from None
    row.secret = None if secret is None else seal(row, "secret", secret)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise BadRegistration("Somebody registered the same just now: try again.") from None


def _chosen(*, profile: Profile, secret: Secret | None, method: str | None) -> ClientMethod:
    if method is not None and method not in profile.auth.clients:
        raise BadRegistration(f"{profile.name} takes one of: {', '.join(profile.auth.clients)}.")
    fitting = [way for way in profile.auth.clients if (way in _SECRET_METHODS) == (secret is not None)]
    # A key is used where it is asked for by name, or where a vendor takes nothing else.
    fitting.sort(key=lambda way: way == "private_key_jwt")
    fitting = [way for way in fitting if method in {None, way}]
    if not fitting:
        lack = "needs a client secret" if secret is None else "takes no client secret"
        raise BadRegistration(f"{profile.name} {lack} with the method {method or 'that its profile lists'}.")
    return fitting[0]


def _redirect_uri(text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fit = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        fit = False
    plain = text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST_ADDRESS
    if not fit or not plain or "#" in text or "?" in text:
        raise BadRegistration(
            "A redirect URI is a whole address like https://phr.invalid/callback/, without question mark or hash sign."
        )
    return text


def _method(text: str) -> ClientMethod:
    for method in ("public", "client_secret_basic", "client_secret_post", "private_key_jwt"):
        if method == text:
            return method
    raise NotRegistered("no_key")


def _algorithm(text: str) -> SigningAlgorithm:
    return "ES384" if text == "ES384" else "RS384"


def _slug(profile_id: str, portal: Portal | None) -> str:
    if portal is None:
        slug = profile_id[:_LONGEST_SLUG]
        # The demo's portals have the vendors' own, which leaves another one to whoever registers with the vendor.
        taken = Registration.objects.filter(slug=slug).exclude(portal=None).exists()
        return f"{slug[: _LONGEST_SLUG - 4]}-all" if taken else slug
    tail = f"-{portal.pk}"
    return f"{profile_id}-{slugify(portal.name)}"[: _LONGEST_SLUG - len(tail)].rstrip("-") + tail
