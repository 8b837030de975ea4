"""Off to the portal's consent page, for a first connection and for a reconnect alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from connectors import scopes
from connectors.egress import Egress
from connectors.secret import Secret
from connectors.smart import authorize
from connectors.smart.discovery import discover
from phr.accounts.access import NotVisible, Role, Sight
from phr.core.crypto import seal
from phr.sources.flows.attempts import KEPT, LIFETIME, digest
from phr.sources.models import ConnectAttempt, Portal, Source
from phr.sources.profiles import UnknownProfile, profile_of
from phr.sources.registrations import NotRegistered, callback_url, client_of, registration_for


class UnknownPortal(LookupError):  # noqa: N818 - what the caller meets
    """No such portal in the directory, or not the one of the source that is to be reconnected."""


def begin(
    *,
    sight: Sight,
    portal_id: int,
    session_key: str,
    redirect_uri: str | Callable[[str], str] | None = None,
    reconnects: UUID | None = None,
    egress: Egress,
    now: datetime,
) -> str:
    """Return the address of the portal's consent page, to which the browser is sent.

    The Sight is not open: the portal is asked for its endpoints first, and what it answers is pinned in the
    attempt. ``redirect_uri``: the base address of this site, or a function of the registration's slug;
    PHR_BASE_URL by default. ``reconnects``: the source whose chart must come back. Raises NotRegistered,
    UnknownPortal, NotVisible (the Sight is no caregiver's), and the PortalErrors of discovery.
    """
    if sight.user_id is None or not sight.may(Role.CAREGIVER) or not session_key:
        raise NotVisible
    portal = Portal.objects.filter(pk=portal_id).first()
    if portal is None:
        raise UnknownPortal
    if reconnects is not None:
        with sight.open():
            if not Source.objects.filter(pk=reconnects, portal=portal).exists():
                raise UnknownPortal
    try:
        profile = profile_of(portal.profile_id)
    except UnknownProfile:
        raise NotRegistered("no_profile") from None
    registration = registration_for(portal=portal)
    if registration is None:
        raise NotRegistered("no_registration")
    client = client_of(registration=registration)
    server = discover(egress=egress, base_url=portal.base_url, profile=profile)

    scope = scopes.requested(profile=profile, scopes_supported=server.scopes_supported)
    state, verifier = authorize.new_state(), authorize.new_code_verifier()
    nonce = authorize.new_nonce() if authorize.sends_nonce(scope=scope) else None
    back = (
        redirect_uri(registration.slug)
        if callable(redirect_uri)
        else callback_url(slug=registration.slug, base_url=redirect_uri)
    )
    url = authorize.authorization_url(
        server=server,
        profile=profile,
        client_id=client.id,
        redirect_uri=back,
        scope=scope,
        state=state,
        code_verifier=verifier,
        nonce=nonce,
        base_url=portal.base_url,
    )
    attempt = ConnectAttempt(
        user_id=sight.user_id,
        person_id=sight.person_id,
        portal=portal,
        registration=registration,
        reconnects_id=reconnects,
        state_digest=digest(state),
        session_digest=digest(session_key),
        nonce=nonce or "",
        scope=scope,
        redirect_uri=back,
        server=server.as_dict(),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    attempt.code_verifier = seal(attempt, "code_verifier", Secret(verifier))
    with transaction.atomic(durable=True), sight.open():
        ConnectAttempt.objects.filter(user_id=sight.user_id, expires_at__lt=now - KEPT).delete()
        attempt.save(force_insert=True)
    return url
