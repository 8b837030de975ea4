"""A source from tokens that were obtained elsewhere, for operators and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from connectors import scopes
from connectors.egress import Egress
from connectors.errors import BadReply
from connectors.secret import Secret
from connectors.smart.discovery import Server, discover
from connectors.smart.tokens import TokenReply
from phr.accounts.access import Sight
from phr.sources.flows import keep
from phr.sources.models import Portal, Source
from phr.sources.portals import add_portal, bare_url
from phr.sources.profiles import profile_of
from phr.sources.registrations import registration_for


def from_tokens(
    *,
    sight: Sight,
    profile_id: str,
    base_url: str,
    name: str = "",
    patient: str,
    access_token: Secret,
    refresh_token: Secret | None = None,
    scope: str = "",
    expires_in: int | None = None,
    context: Mapping[str, str] | None = None,
    egress: Egress,
    now: datetime,
) -> tuple[Source, bool]:
    """Connect a chart with given tokens; returns the source, and whether it is new. The caller asks for a
    sync.

    The portal is put into the directory where it is not (``name``, else its host). ``scope``: what the tokens
    allow; without it, what we would have asked for. ``expires_in``: seconds from now, None when not known.
    ``context``: what else the token endpoint said, such as the practice that every search must name.
    Tokens are renewed with the registration of the portal or its vendor, once there is one. Raises
    UnknownProfile, BadAddress and the PortalErrors of discovery; a portal that answers but describes no
    authorization is taken without, unless there is a refresh token.
    """
    profile = profile_of(profile_id)
    url = bare_url(base_url)
    server: Server | None = None
    try:
        server = discover(egress=egress, base_url=url, profile=profile)
    except BadReply:
        if refresh_token is not None:
            raise
    portal = Portal.objects.filter(base_url=url).first()
    if portal is None or portal.profile_id != profile_id:
        portal, _new = add_portal(
            profile_id=profile_id,
            name=name or (portal.name if portal else url.split("//", 1)[1]),
            base_url=url,
        )
    assumed = scopes.requested(profile=profile, scopes_supported=server.scopes_supported if server else ())
    with transaction.atomic(durable=True), sight.open():
        return keep.keep(
            person_id=sight.person_id,
            portal=portal,
            patient=patient,
            registration=registration_for(portal=portal),
            server=server,
            reply=TokenReply(
                access_token=access_token,
                refresh_token=refresh_token,
                scope=scope,
                expires_in=expires_in,
                patient=patient,
                context=context or {},
            ),
            scope=scope or assumed,
            now=now,
        )
