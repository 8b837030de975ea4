"""Our client ids at vendors and portals: which one serves a portal, and what it proves itself with."""

from __future__ import annotations

from typing import Final, Literal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.text import slugify

from connectors.profile import ClientMethod, Profile
from connectors.secret import Secret
from connectors.smart.tokens import Client
from phr.core.crypto import seal, unseal
from phr.sources.models import Portal, Registration
from phr.sources.profiles import profile_of

_SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")
_LONGEST_SLUG: Final = 64


class NotRegistered(Exception):  # noqa: N818 - what the caller meets
    """We cannot connect there yet, and only the operator can mend it; `code` says what is missing."""

    def __init__(self, code: Literal["no_registration", "no_profile", "no_key"]) -> None:
        super().__init__(code)
        self.code: Literal["no_registration", "no_profile", "no_key"] = code


class BadRegistration(ValueError):  # noqa: N818 - what the caller meets
    """This cannot be a registration; the message is a sentence for the operator, without the secret."""


def registration_for(*, portal: Portal) -> Registration | None:
    """Return the portal's own registration, else its vendor's, else None."""
    return (
        Registration.objects.filter(Q(portal=portal) | Q(portal=None), profile_id=portal.profile_id)
        .order_by(F("portal").asc(nulls_last=True))
        .first()
    )


def client_of(*, registration: Registration) -> Client:
    """Return what the token endpoint is addressed with.

    Raises NotRegistered for a method whose key we do not hold, and KeyringError where the secret does not
    open.
    """
    if registration.method == Registration.Method.PRIVATE_KEY_JWT:
        raise NotRegistered("no_key")
    return Client(
        id=registration.client_id, method=_method(registration.method), secret=unseal(registration, "secret")
    )


def callback_url(*, slug: str, base_url: str | None = None) -> str:
    """Return the redirect URI of a registration, as it must be registered at the vendor, to the letter."""
    return f"{(base_url or settings.PHR_BASE_URL).rstrip('/')}/callback/{slug}/"


def register(
    *,
    profile_id: str,
    client_id: str,
    portal: Portal | None = None,
    secret: Secret | None = None,
    method: str | None = None,
) -> tuple[Registration, bool]:
    """Keep our client id at a vendor, or at one portal; returns the registration, and whether it is new.

    A second call replaces id, method and secret; the slug stays, for the redirect URI at the vendor holds it.
    Without ``method``: public where there is no secret, else the first way of the profile that sends one.
    Raises UnknownProfile and BadRegistration.
    """
    profile = profile_of(profile_id)
    if portal is not None and portal.profile_id != profile_id:
        raise BadRegistration(f"That portal belongs to the vendor {portal.profile_id}.")
    chosen = _chosen(profile=profile, secret=secret, method=method)
    try:
        Client(id=client_id, method=chosen, secret=secret)
    except ValueError as error:
        raise BadRegistration(f"This is no usable registration: {error}.") from None
    row = Registration.objects.filter(profile_id=profile_id, portal=portal).first()
    created = row is None
    row = row or Registration(profile_id=profile_id, portal=portal, slug=_slug(profile_id, portal))
    row.client_id, row.method = client_id, chosen
    row.secret = None if secret is None else seal(row, "secret", secret)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise BadRegistration("Somebody registered the same just now: try again.") from None
    return row, created


def _chosen(*, profile: Profile, secret: Secret | None, method: str | None) -> ClientMethod:
    if method == "private_key_jwt":
        raise BadRegistration("Registrations with a private key are not supported yet.")
    if method is not None and method not in profile.auth.clients:
        raise BadRegistration(f"{profile.name} takes one of: {', '.join(profile.auth.clients)}.")
    fitting = [way for way in profile.auth.clients if (way in _SECRET_METHODS) == (secret is not None)]
    fitting = [way for way in fitting if way != "private_key_jwt" and method in {None, way}]
    if not fitting:
        lack = "needs a client secret" if secret is None else "takes no client secret"
        raise BadRegistration(f"{profile.name} {lack} with the method {method or 'that its profile lists'}.")
    return fitting[0]


def _method(text: str) -> ClientMethod:
    for method in ("public", "client_secret_basic", "client_secret_post"):
        if method == text:
            return method
    raise NotRegistered("no_key")


def _slug(profile_id: str, portal: Portal | None) -> str:
    if portal is None:
        return profile_id[:_LONGEST_SLUG]
    tail = f"-{portal.pk}"
    return f"{profile_id}-{slugify(portal.name)}"[: _LONGEST_SLUG - len(tail)].rstrip("-") + tail
