"""Back from the consent page: the journey is used up, the code becomes tokens, the tokens a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import scopes
from connectors.egress import Egress
from connectors.errors import Code, Denied, PortalError
from connectors.profile import Profile
from connectors.scopes import Difference, ScopeSet
from connectors.secret import Secret
from connectors.smart import authorize, identity, tokens
from connectors.smart.discovery import Server
from connectors.smart.documents import DocumentCache
from connectors.smart.tokens import Client, TokenReply
from phr.accounts import access
from phr.accounts.access import NotVisible, Role, Sight
from phr.accounts.models import User
from phr.core.crypto import unseal
from phr.core.tenant import tenant
from phr.sources.calls import listening
from phr.sources.flows import confirm, keep, own_client, who
from phr.sources.flows.attempts import digest, is_of
from phr.sources.flows.outcomes import ConnectCode, ConnectRefused, Finished, Unconfirmed
from phr.sources.flows.revoke import give_back
from phr.sources.models import Call, ConnectAttempt, Launch, Source
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
    attempt_id: UUID | None = None,
    params: Mapping[str, str],
    egress: Egress,
    cache: DocumentCache | None = None,
    now: datetime,
) -> Finished | Unconfirmed:
    """Turn the callback of a journey into a connected source; the caller then asks for its first sync.

    ``params``: the query of the callback. ``attempt_id``: the journey that it must belong to, where its page is
    known. No transaction is open. A callback that is not this user's, in this
    session, at this registration's address, in time and the first, sends no request to anybody. ``Unconfirmed``:
    it is another than the patient who signed in, so somebody must say whose chart this is before there is a
    source (`confirm`). Raises ConnectRefused.
    """
    journey = _used_up(
        user=user,
        session_key=session_key,
        slug=slug,
        attempt_id=attempt_id,
        state=params.get("state", ""),
        now=now,
    )
    with listening(sight=journey.sight, purpose=Call.Purpose.CONNECT) as calls:
        heard = calls.through(egress)
        reply = _exchanged(journey=journey, params=params, egress=heard, now=now)
        if isinstance(reply, TokenReply):
            outcome = _connected(journey=journey, reply=reply, egress=heard, cache=cache, now=now)
            calls.source_id = outcome.source_id if isinstance(outcome, Finished) else None
            return outcome
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


def _used_up(
    *, user: User, session_key: str, slug: str, attempt_id: UUID | None, state: str, now: datetime
) -> _Journey:
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
    if not is_of(attempt=attempt, session_key=session_key):
        raise _refusal(attempt, "other_session")
    if attempt.registration.slug != slug or attempt_id not in {None, attempt.pk}:
        raise _refusal(attempt, "other_portal")
    if attempt.used_at is not None:
        raise _refusal(attempt, "state_used")
    if attempt.expires_at <= now:
        raise _refusal(attempt, "state_expired")
    try:
        profile = profile_of(attempt.portal.profile_id)
        client = client_of(registration=attempt.registration, now=now)
    except (UnknownProfile, NotRegistered):
        raise _refusal(attempt, "portal_error", detail="client_refused") from None
    verifier = unseal(attempt, "code_verifier")
    with transaction.atomic(durable=True), tenant(user_id=user.pk):
        used = ConnectAttempt.objects.filter(pk=attempt.pk, used_at=None).update(
            used_at=now, code_verifier=None, request=None
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


def _connected(
    *, journey: _Journey, reply: TokenReply, egress: Egress, cache: DocumentCache | None, now: datetime
) -> Finished | Unconfirmed:
    attempt = journey.attempt
    refused: tuple[ConnectCode, Code | None] | None = None
    resource: Mapping[str, Any] | None = None
    patient: str | None = None
    try:
        claims = _claims(journey=journey, reply=reply, egress=egress, cache=cache, now=now)
        asking = who.client_for(
            egress=egress,
            base_url=attempt.portal.base_url,
            profile=journey.profile,
            reply=reply,
            client_id=journey.client.id,
        )
        patient = who.patient_of(reply=reply, profile=journey.profile, claims=claims, client=asking)
        if patient is None:
            refused = ("no_patient", None)
        elif _is_another(journey, patient):
            refused = ("other_patient", None)
        elif attempt.launch != Launch.STANDALONE and not who.is_themselves(
            claims=claims, reply=reply, patient=patient
        ):
            resource = who.patient_resource(patient=patient, client=asking)
    except PortalError as error:
        refused = ("portal_error", error.code)
    if refused is not None:
        give_back(egress=egress, server=journey.server, client=journey.client, reply=reply, now=now)
        raise _refusal(attempt, refused[0], detail=refused[1])
    assert patient is not None
    difference = _difference(asked=attempt.scope, granted=reply.scope, profile=journey.profile)
    if resource is not None:
        return confirm.hold(
            attempt=attempt,
            sight=journey.sight,
            patient=patient,
            resource=resource,
            reply=reply,
            withheld=keep.withheld(difference),
            now=now,
        )
    own = own_client.made(
        egress=egress, server=journey.server, profile=journey.profile, client=journey.client, reply=reply
    )
    with transaction.atomic(durable=True), journey.sight.open():
        source, created = keep.keep_journey(
            attempt=attempt,
            patient=patient,
            reply=reply,
            withheld=keep.withheld(difference),
            own=own,
            now=now,
        )
    return Finished(person_id=attempt.person_id, source_id=source.pk, created=created, difference=difference)


def _is_another(journey: _Journey, patient: str) -> bool:
    """Say whether a reconnect came back with somebody else's chart."""
    if journey.attempt.reconnects_id is None:
        return False
    with journey.sight.open():
        before = Source.objects.filter(pk=journey.attempt.reconnects_id).first()
    return before is None or before.patient_fhir_id != patient


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
    *, journey: _Journey, reply: TokenReply, egress: Egress, cache: DocumentCache | None, now: datetime
) -> Mapping[str, Any] | None:
    """Return the claims of the id_token; None when none was asked for, none came, or nobody vouches for it.

    Where discovery named no issuer, and the profile knows none, there is nobody to verify against: it is not
    believed.
    """
    asked = "openid" in journey.attempt.scope.split()
    known = authorize.accepted_issuers(server=journey.server, profile=journey.profile)
    if not asked or not known or reply.id_token is None:
        return None
    return identity.read_id_token(
        egress=egress,
        id_token=reply.id_token,
        server=journey.server,
        profile=journey.profile,
        client_id=journey.client.id,
        nonce=journey.attempt.nonce or None,
        now=now,
        cache=cache,
    )


def _refusal(attempt: ConnectAttempt, code: ConnectCode, *, detail: Code | None = None) -> ConnectRefused:
    return ConnectRefused(
        code,
        detail=detail,
        person_id=attempt.person_id,
        portal_id=attempt.portal_id,
        reconnects=attempt.reconnects_id,
    )
