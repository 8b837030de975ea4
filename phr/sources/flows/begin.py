"""Off to the portal's consent page: for a first connection and a reconnect, whoever began it, here or there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db import transaction

from connectors import scopes
from connectors.egress import Egress
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart import authorize
from connectors.smart.authorize import AuthorizationRequest
from connectors.smart.client import Client
from connectors.smart.discovery import Server, discover
from connectors.smart.documents import DocumentCache
from phr.accounts.access import NotVisible, Role, Sight
from phr.core.crypto import seal
from phr.sources import dynamic, registrations
from phr.sources.calls import listening
from phr.sources.flows import moves
from phr.sources.flows.attempts import KEPT, LIFETIME, digest
from phr.sources.flows.launch import Launched
from phr.sources.models import Brand, Call, ConnectAttempt, Grant, Launch, Portal, Registration, Source
from phr.sources.profiles import UnknownProfile, profile_of
from phr.sources.registrations import NotRegistered

_FLOWS: Final[dict[Launch, Literal["standalone", "ehr", "provider"]]] = {
    Launch.STANDALONE: "standalone",
    Launch.EHR: "ehr",
    Launch.PROVIDER: "provider",
}


class UnknownPortal(LookupError):  # noqa: N818 - what the caller meets
    """No such portal in the directory, or not the one of the source that is to be reconnected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A journey: where the browser goes, and whether it comes back by itself or its address is pasted."""

    attempt_id: UUID
    request: AuthorizationRequest
    comes_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """Whom we talk to and as whom: pinned from here on."""

    portal: Portal
    brand: Brand | None
    profile: Profile
    registration: Registration
    client: Client
    server: Server


def begin(
    *,
    sight: Sight,
    portal_id: int,
    session_key: str,
    launched: Launched | None = None,
    as_staff: bool = False,
    reconnects: UUID | None = None,
    brand_id: int | None = None,
    accepts: str = "",
    egress: Egress,
    cache: DocumentCache | None = None,
    now: datetime,
) -> Begun:
    """Return how the browser gets to the portal's consent page.

    The Sight is not open: the portal is asked for its endpoints first, and what it answers is pinned in the
    attempt. ``launched``: the launch from the portal's own page that is answered; without it the person begins
    here, or with ``as_staff`` a professional, who chooses the patient at the portal. ``reconnects``: the source
    whose chart must come back. ``accepts``: what `Moved` gave when the person was shown where the portal now
    signs people in, and goes along with that; anything else is shown first. An address that a user typed is
    registered with on the way, where it offers that.

    Raises NotRegistered, UnknownPortal, NotVisible (the Sight is no caregiver's), Moved, and the
    PortalErrors of discovery and registration.
    """
    if sight.user_id is None or not sight.may(Role.CAREGIVER) or not session_key:
        raise NotVisible
    launch = Launch.EHR if launched else Launch.PROVIDER if as_staff else Launch.STANDALONE
    with listening(sight=sight, purpose=Call.Purpose.CONNECT) as calls:
        there = _there(
            sight=sight,
            launch=launch,
            portal_id=portal_id,
            brand_id=brand_id,
            reconnects=reconnects,
            registration=launched.registration if launched else None,
            accepts=accepts,
            egress=calls.through(egress),
            cache=cache,
            now=now,
        )
    scope = scopes.requested(
        profile=there.profile, scopes_supported=there.server.scopes_supported, flow=_FLOWS[launch]
    )
    state, verifier = authorize.new_state(), authorize.new_code_verifier()
    nonce = authorize.new_nonce() if authorize.sends_nonce(scope=scope) else None
    redirect_uri = registrations.redirect_uri_of(registration=there.registration)
    request = authorize.authorization_request(
        server=there.server,
        profile=there.profile,
        client_id=there.client.id,
        redirect_uri=redirect_uri,
        scope=scope,
        state=state,
        code_verifier=verifier,
        nonce=nonce,
        base_url=launched.iss if launched else there.portal.as_published(),
        flow=_FLOWS[launch],
        launch=launched.value if launched else None,
    )
    attempt = ConnectAttempt(
        user_id=sight.user_id,
        person_id=sight.person_id,
        portal=there.portal,
        brand=there.brand,
        registration=there.registration,
        reconnects_id=reconnects,
        launch=launch,
        state_digest=digest(state),
        session_digest=digest(session_key),
        nonce=nonce or "",
        scope=scope,
        redirect_uri=redirect_uri,
        server=there.server.as_dict(),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    attempt.code_verifier = seal(attempt, "code_verifier", Secret(verifier))
    attempt.request = seal(attempt, "request", _as_json(request))
    with transaction.atomic(durable=True), sight.open():
        ConnectAttempt.objects.filter(user_id=sight.user_id, expires_at__lt=now - KEPT).delete()
        attempt.save(force_insert=True)
    return Begun(
        attempt_id=attempt.pk,
        request=request,
        comes_back=registrations.comes_back_here(registration=there.registration),
    )


def request_of(plain: bytes) -> AuthorizationRequest:
    """Rebuild a request that was kept with its attempt."""
    kept = json.loads(plain)
    return AuthorizationRequest(url=kept["url"], fields=kept["fields"], method=kept["method"])


def _as_json(request: AuthorizationRequest) -> bytes:
    return json.dumps({"url": request.url, "fields": dict(request.fields), "method": request.method}).encode()


def _there(
    *,
    sight: Sight,
    launch: Launch,
    portal_id: int,
    brand_id: int | None,
    reconnects: UUID | None,
    registration: Registration | None,
    accepts: str,
    egress: Egress,
    cache: DocumentCache | None,
    now: datetime,
) -> _There:
    """Find out whom we would talk to; nothing is written but a registration that the portal makes."""
    portal, brand = _found(portal_id=portal_id, brand_id=brand_id)
    with sight.open():
        if reconnects is not None and not Source.objects.filter(pk=reconnects, portal=portal).exists():
            raise UnknownPortal
        pinned = list(Grant.objects.filter(source__portal=portal).values_list("server", flat=True))
    try:
        profile = profile_of(portal.profile_id)
    except UnknownProfile:
        raise NotRegistered("no_profile") from None
    if _FLOWS[launch] not in profile.auth.flows:
        raise NotRegistered("only_from_there")
    registration = registration or registrations.registration_for(portal=portal)
    anew = dynamic.is_due(portal=portal, registration=registration, now=now)
    if not anew:
        # Before anything is sent: who is not registered asks nobody.
        lack = registrations.lack_of(registration=registration, now=now)
        if lack is not None:
            raise NotRegistered(lack)
    server = discover(
        egress=egress,
        base_url=portal.base_url,
        profile=profile,
        client_id=registration.client_id if registration else "",
        cache=cache,
    )
    moves.require_known(
        pinned=[Server.from_dict(before) for before in pinned if before],
        found=server,
        portal_id=portal.pk,
        accepted=accepts,
    )
    if anew:
        registration = dynamic.register_at(portal=portal, server=server, egress=egress, now=now)
    assert registration is not None
    client = registrations.client_of(registration=registration, now=now)
    return _There(
        portal=portal, brand=brand, profile=profile, registration=registration, client=client, server=server
    )


def _found(*, portal_id: int, brand_id: int | None) -> tuple[Portal, Brand | None]:
    portal = Portal.objects.filter(pk=portal_id).first()
    brand = None if brand_id is None else Brand.objects.filter(pk=brand_id, portal_id=portal_id).first()
    if portal is None or (brand_id is not None and brand is None):
        raise UnknownPortal
    return portal, brand
