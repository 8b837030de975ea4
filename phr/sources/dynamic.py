"""Registrations that a portal makes by itself (RFC 7591): asked for by the operator, or for an address somebody
typed. Each belongs to its one portal and is shared with no other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors import scopes
from connectors.egress import Egress
from connectors.errors import SENTENCES, Denied, PortalError
from connectors.profile import ClientMethod, Profile
from connectors.secret import Secret
from connectors.smart.discovery import Server
from connectors.smart.keys import SigningAlgorithm, signing_algorithm
from connectors.smart.registration import ClientMetadata, ClientRegistration, register
from phr.core.crypto import seal
from phr.sources import keys, registrations
from phr.sources.models import Portal, Registration
from phr.sources.profiles import profile_of
from phr.sources.registrations import NotRegistered

# What this program is called wherever it registers itself; the same for every installation.
SOFTWARE_ID: Final = "e3a1f0c2-5d0e-4f7b-9a35-6f0f2c9b7d11"
CLIENT_NAME: Final = "phr"
# A secret of its own tells two portals nothing about one another; our key, which is one for all, comes after it.
_PREFERRED: Final[tuple[ClientMethod, ...]] = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "public",
)
_LISTED_AS: Final[dict[ClientMethod, str]] = {"public": "none"}
_REFUSALS: Final = {
    "unauthorized": gettext_lazy(
        "The portal registers nobody without an initial access token that it accepts: its vendor gives one out."
    ),
    "redirect_uri_refused": gettext_lazy(
        "The portal does not accept the redirect URI of this server: most take https addresses alone."
    ),
}


def is_due(*, portal: Portal, registration: Registration | None, now: datetime) -> bool:
    """Say whether a journey to this portal begins with a registration: an address that a user typed, and none
    that serves.
    """
    if portal.origin != Portal.Origin.TYPED:
        return False
    return registrations.lack_of(registration=registration, now=now) in {"no_registration", "secret_expired"}


def register_at(
    *,
    portal: Portal,
    server: Server,
    initial_access_token: Secret | None = None,
    egress: Egress,
    now: datetime,
) -> Registration:
    """Let this portal make a registration for us, and keep it; an earlier one of its own is replaced.

    ``server``: as discovery found it. No transaction is open. Raises NotRegistered where the portal offers no
    registration, or one that makes a client for each consent (which `begin` and `finish` see to); the
    PortalErrors of `connectors.smart.registration`; and BadRegistration.
    """
    profile = profile_of(portal.profile_id)
    if not offers(profile=profile, server=server):
        raise NotRegistered("no_registration")
    row, _new = registrations.found_or_new(profile_id=portal.profile_id, portal=portal)
    redirect_uri = registrations.redirect_uri_of(registration=row)
    algorithm = signing_algorithm(server=server)
    metadata = _metadata(
        profile=profile, server=server, slug=row.slug, redirect_uri=redirect_uri, algorithm=algorithm, now=now
    )
    answer = register(
        egress=egress, server=server, metadata=metadata, initial_access_token=initial_access_token
    )
    if answer.redirect_uris and redirect_uri not in answer.redirect_uris:
        raise Denied("redirect_uri_refused")
    return _kept(row=row, answer=answer, algorithm=algorithm)


def offers(*, profile: Profile, server: Server) -> bool:
    """Whether `register_at` may be tried: there is an endpoint, and not one that makes a client for each consent."""
    return bool(server.registration_endpoint) and profile.auth.dynamic_registration != "software_id"


def why_not(*, error: PortalError) -> str:
    """Return why a portal did not register us, as a sentence for an operator."""
    said = _REFUSALS.get(error.code)
    if said is not None:
        return str(said)
    return _("The portal did not register this server: %(why)s.") % {"why": SENTENCES[error.code]}


def _metadata(
    *,
    profile: Profile,
    server: Server,
    slug: str,
    redirect_uri: str,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> ClientMetadata:
    listed = server.auth_methods
    offered = [way for way in _PREFERRED if not listed or _LISTED_AS.get(way, way) in listed]
    method: ClientMethod = next((way for way in offered if way in profile.auth.clients), "public")
    with_key = method == "private_key_jwt"
    if with_key:
        keys.require(algorithm=algorithm, now=now)
    ehr = "ehr" in profile.auth.flows
    words = scopes.requested(profile=profile, scopes_supported=server.scopes_supported)
    return ClientMetadata(
        redirect_uris=(redirect_uri,),
        method=method,
        client_name=CLIENT_NAME,
        client_uri=settings.PHR_BASE_URL,
        scope=f"launch {words}" if ehr else words,
        initiate_login_uri=registrations.launch_url(slug=slug) if ehr else "",
        # By value: many of us stand where no portal can read an address.
        jwks=keys.published(now=now) if with_key else {},
        signing_algorithm=algorithm if with_key else "",
        software_id=SOFTWARE_ID,
    )


def _kept(*, row: Registration, answer: ClientRegistration, algorithm: SigningAlgorithm) -> Registration:
    row.client_id, row.method = answer.client_id, answer.method
    row.algorithm = algorithm if answer.method == "private_key_jwt" else ""
    row.origin, row.software_id = Registration.Origin.DYNAMIC, SOFTWARE_ID
    row.secret_expires_at = answer.secret_expires_at
    row.registration_client_uri = answer.registration_client_uri[:500]
    token = answer.registration_access_token
    row.registration_access_token = None if token is None else seal(row, "registration_access_token", token)
    registrations.keep(row=row, secret=answer.secret)
    return row
