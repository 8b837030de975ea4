"""Back from the consent page: the journey is used up, the code becomes tokens, the tokens a source."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from connectors import scopes
from connectors.egress import Egress
from connectors.errors import Code, Denied, PortalError
from connectors.fhir.client import FhirClient
from connectors.profile import Profile
from connectors.scopes import Difference, ScopeSet
from connectors.secret import Secret
from connectors.smart import authorize, identity, tokens
from connectors.smart.discovery import Server
from connectors.smart.tokens import Client, TokenReply
from phr.accounts import access
from phr.accounts.access import NotVisible, Role, Sight
from phr.accounts.models import User
from phr.core.crypto import unseal
from phr.core.tenant import tenant
from phr.sources.flows import keep
from phr.sources.flows.attempts import digest
from phr.sources.flows.outcomes import ConnectCode, ConnectRefused, Finished
from phr.sources.flows.revoke import give_back
from phr.sources.models import ConnectAttempt, Source
from phr.sources.profiles import UnknownProfile, profile_of
from phr.sources.registrations import NotRegistered, client_of


@dataclass(frozen=True, slots=True)
class _Journey:
    """An attempt that is used up, with all that it takes to go on: everything pinned when it began."""

    attempt: ConnectAttempt
    sight: Sight
    verifier: Secret
    server: Server
    profile: Profile
    client: Client


def finish(
    *,
    user: User,
    session_key: str,
    slug: str,
    params: Mapping[str, str],
    egress: Egress,
    now: datetime,
) -> Finished:
    """Turn the callback of a journey into a connected source; the caller then asks for its first sync.

    ``params``: the query of the callback. No transaction is open. A callback that is not this user's, in this
    session, at this registration's address, in time and the first, sends no request to anybody. Raises
    ConnectRefused.
    """
    journey = _used_up(user=user, session_key=session_key, slug=slug, state=params.get("state", ""), now=now)
    reply = _exchanged(journey=journey, params=params, egress=egress, now=now)
    if isinstance(reply, TokenReply):
        return _connected(journey=journey, reply=reply, egress=egress, now=now)
    if isinstance(reply, Denied) and reply.code == "access_denied":
        raise _refusal(journey.attempt, "denied")
    # `code_from` says so of an `iss` alone, and before it looks at anything else.
    if isinstance(reply, Denied) and reply.code == "foreign_host":
        raise _refusal(journey.attempt, "issuer_mismatch")
    raise _refusal(journey.attempt, "portal_error", detail=reply.code)


def _exchanged(
    *, journey: _Journey, params: Mapping[str, str], egress: Egress, now: datetime
) -> TokenReply | PortalError:
    """Exchange the code; an error comes back without its frames, whose variables hold what was sent."""
    try:
        code = authorize.code_from(answer=params, server=journey.server, profile=journey.profile)
        return tokens.exchange_code(
            egress=egress,
            server=journey.server,
            client=journey.client,
            profile=journey.profile,
            code=code,
            code_verifier=journey.verifier.reveal(),
            redirect_uri=journey.attempt.redirect_uri,
            now=now,
        )
    except PortalError as error:
        return error.with_traceback(None)


def _used_up(*, user: User, session_key: str, slug: str, state: str, now: datetime) -> _Journey:
    """Find the journey and use it up in a transaction of its own: of two callbacks one gets through."""
    with tenant(user_id=user.pk):
        # Another user's attempt is not there at all: row level security holds this one to its user.
        attempt = (
            ConnectAttempt.objects.select_related("portal", "registration")
            .filter(state_digest=digest(state), user_id=user.pk)
            .first()
        )
    if attempt is None:
        raise ConnectRefused("state_unknown")
    try:
        sight = access.person_for(user=user, person_id=attempt.person_id, needs=Role.CAREGIVER, now=now)
    except NotVisible:
        raise ConnectRefused("state_unknown") from None
    # Neither of these uses the state up: the right browser, at the right address, may still come.
    if not hmac.compare_digest(bytes(attempt.session_digest), digest(session_key)):
        raise _refusal(attempt, "other_session")
    if attempt.registration.slug != slug:
        raise _refusal(attempt, "other_portal")
    if attempt.used_at is not None:
        raise _refusal(attempt, "state_used")
    if attempt.expires_at <= now:
        raise _refusal(attempt, "state_expired")
    try:
        profile = profile_of(attempt.portal.profile_id)
        client = client_of(registration=attempt.registration)
    except (UnknownProfile, NotRegistered):
        raise _refusal(attempt, "portal_error", detail="client_refused") from None
    verifier = unseal(attempt, "code_verifier")
    with transaction.atomic(durable=True), tenant(user_id=user.pk):
        used = ConnectAttempt.objects.filter(pk=attempt.pk, used_at=None).update(
            used_at=now, code_verifier=None
        )
    if used != 1 or verifier is None:
        raise _refusal(attempt, "state_used")
    return _Journey(
        attempt=attempt,
        sight=sight,
        verifier=verifier,
        server=Server.from_dict(attempt.server),
        profile=profile,
        client=client,
    )


def _connected(*, journey: _Journey, reply: TokenReply, egress: Egress, now: datetime) -> Finished:
    attempt = journey.attempt
    refused: tuple[ConnectCode, Code | None] | None = None
    patient: str | None = None
    try:
        claims = _claims(journey=journey, reply=reply, egress=egress, now=now)
        patient = identity.patient_from(reply=reply, profile=journey.profile, claims=claims)
        if patient is None and "search" in journey.profile.patient.sources:
            patient = _only_patient(journey=journey, reply=reply, egress=egress)
    except PortalError as error:
        refused = ("portal_error", error.code)
    if refused is None and patient is None:
        refused = ("no_patient", None)
    if refused is None and attempt.reconnects_id is not None:
        with journey.sight.open():
            before = Source.objects.filter(pk=attempt.reconnects_id).first()
        if before is None or before.patient_fhir_id != patient:
            refused = ("other_patient", None)
    if refused is not None:
        give_back(egress=egress, server=journey.server, client=journey.client, reply=reply, now=now)
        raise _refusal(attempt, refused[0], detail=refused[1])
    assert patient is not None

    with transaction.atomic(durable=True), journey.sight.open():
        source, created = keep.keep(
            person_id=attempt.person_id,
            portal=attempt.portal,
            patient=patient,
            registration=attempt.registration,
            server=journey.server,
            reply=reply,
            scope=attempt.scope,
            source_id=attempt.reconnects_id,
            now=now,
        )
    return Finished(
        person_id=attempt.person_id,
        source_id=source.pk,
        created=created,
        difference=_difference(asked=attempt.scope, granted=reply.scope, profile=journey.profile),
    )


def _difference(*, asked: str, granted: str, profile: Profile) -> Difference:
    """Compare type by type: a portal may answer "everything" with the list of what it has."""
    wanted = ScopeSet.parse(asked)
    each = tuple(
        replace(scope, resource_type=name)
        for scope in wanted.resources
        for name in (profile.scopes.resources if scope.resource_type == "*" else (scope.resource_type,))
    )
    given = ScopeSet.parse(granted) if granted else wanted
    return scopes.compare(asked=ScopeSet(resources=each, others=wanted.others), granted=given)


def _claims(
    *, journey: _Journey, reply: TokenReply, egress: Egress, now: datetime
) -> Mapping[str, Any] | None:
    """Return the claims of the id_token; None when none was asked for, none came, or nobody vouches for it.

    Where discovery named no issuer, and the profile knows none, there is nobody to verify against: it is not
    believed.
    """
    asked = "openid" in journey.attempt.scope.split()
    known = authorize.accepted_issuers(server=journey.server, profile=journey.profile)
    if not asked or not known or reply.id_token is None:
        return None
    return identity.verify_id_token(
        id_token=reply.id_token,
        keys=identity.fetch_keys(egress=egress, server=journey.server),
        server=journey.server,
        profile=journey.profile,
        client_id=journey.client.id,
        nonce=journey.attempt.nonce or None,
        now=now,
    )


def _only_patient(*, journey: _Journey, reply: TokenReply, egress: Egress) -> str | None:
    """Ask which patients the token shows: the one, if it is one."""
    client = FhirClient(
        egress=egress,
        base_url=journey.attempt.portal.base_url,
        profile=journey.profile,
        bearer=lambda: reply.access_token,
    )
    page = client.page(client.search_url("Patient", (("_count", "2"),)))
    found = {
        entry.id
        for entry in page.entries
        if entry.resource_type == "Patient" and entry.id and not entry.fault
    }
    return found.pop() if len(found) == 1 and page.next_url is None else None


def _refusal(attempt: ConnectAttempt, code: ConnectCode, *, detail: Code | None = None) -> ConnectRefused:
    return ConnectRefused(
        code,
        detail=detail,
        person_id=attempt.person_id,
        portal_id=attempt.portal_id,
        reconnects=attempt.reconnects_id,
    )
