"""The access token of a source, renewed when it must be, and never by two at once.

Two transactions. The first takes the grant's row lock, looks again, and commits a marker. The second takes
the lock again and holds it over the request: the one HTTP call made inside a transaction. With the reply it
writes ledger, tokens and the cleared marker, commits, and only then is the token used. So whoever holds the
lock and sees a marker knows that the one who wrote it does not hold the lock:

* a young marker: its writer stands between its two transactions, or lost its database connection and still
  has a reply in hand that it will write. We step back and look again.
* an old one: its writer died, with the request perhaps sent. The old refresh token is tried once; if the
  portal rotated it away, the person must reconnect (`refresh_interrupted`). That is the window which no lock
  closes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg.errors
from django.db import InterfaceError, OperationalError, connection, transaction

from connectors.egress import Egress
from connectors.errors import EgressRefused, PortalError, Reauthorize, RetryLater
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart import jwt_bearer, tokens
from connectors.smart.discovery import Server
from connectors.smart.lifetime import earliest_refresh
from connectors.smart.tokens import Client, TokenReply
from phr.accounts.access import Sight
from phr.core.crypto import unseal
from phr.sources.flows import grants, own_client
from phr.sources.flows.outcomes import Reason
from phr.sources.models import Grant, Source
from phr.sources.profiles import profile_of
from phr.sources.registrations import client_of, registration_for

# A token that ends within a minute may end on its way: portals' clocks differ from ours.
LEEWAY: Final = timedelta(seconds=60)
# Two requests of 30 seconds and the writing of what came: a marker older than this has no living writer.
MARKER_LIFE: Final = timedelta(seconds=90)
# Replicas of one authorization server lag; a grant is not ended on the word of one of them.
CONFIRM_AFTER_SECONDS: Final = 0.5
# Between its two transactions a writer needs milliseconds; after three seconds it is not coming.
_LOOKS: Final = 60
_BETWEEN_LOOKS_SECONDS: Final = 0.05
# A reply in hand is offered this often to a database that went away meanwhile, for 25 seconds in all.
_LATE_TRIES: Final = 8
# A gateway says these of a server behind it that may have done what it was asked.
_UNDECIDED: Final = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class _Claim:
    """The right to ask for new tokens: our marker, and the old one that stood in its place."""

    marker: datetime
    before: datetime | None
    profile: Profile = field(repr=False)
    client: Client = field(repr=False)
    is_own: bool = False
    """The client is the grant's own, and its key stands in for a refresh token."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Somebody else is at it, since `marker`."""

    marker: datetime


def access_token(
    *, sight: Sight, source_id: UUID, egress: Egress, now: datetime, rejected: Secret | None = None
) -> Secret:
    """Return an access token that is good for another minute, renewing it if need be.

    ``rejected``: a token that the portal answered with 401; when it still is the current one, it counts as
    ended. No transaction is open: what happens here is committed whatever becomes of the caller's work.
    Raises Reauthorize when the grant is over (the source then waits for its person), RetryLater when the
    portal cannot be asked now, Denied or EgressRefused when our registration or address is refused (the grant
    stays), NotRegistered, and KeyringError.
    """
    started = time.monotonic()
    clock, taken = now, None
    for _look in range(_LOOKS):
        clock = now + timedelta(seconds=time.monotonic() - started)
        with sight.open():
            current = _usable(
                grant=Grant.objects.filter(source_id=source_id).first(),
                source=Source.objects.filter(pk=source_id).first(),
                rejected=rejected,
                now=clock,
            )
        if current is not None:
            return current
        try:
            outcome = _claimed(sight=sight, source_id=source_id, rejected=rejected, now=clock)
            if isinstance(outcome, _Claim):
                outcome = _renewed(sight=sight, source_id=source_id, claim=outcome, egress=egress, now=clock)
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            # Whoever refreshes waits for a slow portal, and we have waited for them for as long as is wise.
            outcome = RetryLater("timeout")
        if isinstance(outcome, Secret):
            return outcome
        if isinstance(outcome, PortalError):
            raise outcome
        taken = outcome
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    raise RetryLater("timeout", after=(taken.marker + MARKER_LIFE - clock).total_seconds() if taken else None)


def require_reconnect(*, sight: Sight, source_id: UUID, reason: Reason) -> bool:
    """Let a source wait for its person, for a cause found elsewhere; False when it was not active."""
    with transaction.atomic(durable=True), sight.open():
        _grant, source = grants.locked(source_id=source_id)
        return source is not None and grants.end(source=source, reason=reason)


def _usable(
    *, grant: Grant | None, source: Source | None, rejected: Secret | None, now: datetime
) -> Secret | None:
    """Return the token if it will do, None if it must be renewed; raises Reauthorize without a grant."""
    if grant is None or source is None or source.state != Source.State.ACTIVE:
        raise Reauthorize("grant_over")
    token = unseal(grant, "access_token")
    if token is None or token == rejected:
        return None
    # Without a refresh token there is nothing to be early for.
    leeway = LEEWAY if _renewable(grant) else timedelta()
    # A lifetime that the server did not tell ends with its first 401.
    if grant.access_expires_at is None or grant.access_expires_at - leeway > now:
        return token
    return None


def _renewable(grant: Grant) -> bool:
    return grant.refresh_token is not None or grant.own_client is not None


def _claimed(
    *, sight: Sight, source_id: UUID, rejected: Secret | None, now: datetime
) -> _Claim | _Taken | Secret | PortalError | None:
    """Look again under the lock, and commit our marker; or the end of a grant that cannot be renewed."""
    with transaction.atomic(durable=True), sight.open():
        grant, source = grants.locked(source_id=source_id)
        token = _usable(grant=grant, source=source, rejected=rejected, now=now)
        if token is not None:
            return token
        assert grant is not None
        assert source is not None
        if not _renewable(grant) or not grant.server:
            grants.end(source=source, reason="no_refresh_token")
            return Reauthorize("grant_over")
        profile = profile_of(source.profile_id)
        earliest = earliest_refresh(
            refresh=profile.refresh, obtained_at=grant.obtained_at, refreshed_at=grant.refreshed_at
        )
        if earliest is not None and earliest > now:
            return RetryLater("rate_limited", after=(earliest - now).total_seconds())
        own = own_client.of(grant)
        registration = grant.registration
        if registration is None and source.portal is not None:
            registration = registration_for(portal=source.portal)
        if registration is None and own is None:
            grants.end(source=source, reason="not_registered")
            return Reauthorize("grant_over")
        before = grant.refresh_started_at
        if before is not None and now - before < MARKER_LIFE:
            return _Taken(before)
        client = own
        if client is None:
            assert registration is not None
            client = client_of(registration=registration, now=now)
        claim = _Claim(now, before, profile, client, is_own=own is not None)
        marked = Grant.objects.filter(pk=grant.pk, refresh_started_at=before).update(refresh_started_at=now)
        return claim if marked == 1 else None


def _renewed(
    *, sight: Sight, source_id: UUID, claim: _Claim, egress: Egress, now: datetime
) -> Secret | PortalError | None:
    """Ask for new tokens under the lock, and commit what came of it; None when the claim no longer holds."""
    held: TokenReply | None = None
    try:
        with transaction.atomic(durable=True), sight.open():
            grant, source = grants.locked(source_id=source_id)
            if grant is None or source is None or grant.refresh_started_at != claim.marker:
                return None
            refresh_token = unseal(grant, "refresh_token")
            if not _renewable(grant) or source.state != Source.State.ACTIVE:
                return None
            outcome = _asked(grant=grant, refresh_token=refresh_token, claim=claim, egress=egress, now=now)
            if isinstance(outcome, TokenReply):
                held = outcome
                _write(grant=grant, reply=held, now=now)
                return held.access_token
            if isinstance(outcome, Reauthorize):
                grants.end(
                    source=source, reason="grant_over" if claim.before is None else "refresh_interrupted"
                )
                _unmark(grant=grant, claim=claim, to=None)
            elif _left_untouched(outcome):
                # What an earlier death may have done is as open as before.
                _unmark(grant=grant, claim=claim, to=claim.before)
            return outcome
    except (OperationalError, InterfaceError):
        if held is None:
            raise
    return _written_late(sight=sight, source_id=source_id, claim=claim, reply=held, now=now)


def _asked(
    *, grant: Grant, refresh_token: Secret | None, claim: _Claim, egress: Egress, now: datetime
) -> TokenReply | PortalError:
    """Send the refresh token, or what the grant's own key signs; once more before `invalid_grant` is believed,
    unless the token may be spent anyway.
    """
    tries = 2 if claim.before is None else 1
    while True:
        tries -= 1
        endpoint = Server.from_dict(grant.server).token_endpoint
        try:
            if claim.is_own or refresh_token is None:
                return jwt_bearer.access_token(
                    egress=egress, token_endpoint=endpoint, client=claim.client, now=now
                )
            return tokens.refresh(
                egress=egress,
                token_endpoint=endpoint,
                client=claim.client,
                profile=claim.profile,
                refresh_token=refresh_token,
                scope=grant.scope,
                now=now,
            )
        except PortalError as error:
            # Without the frames, whose variables hold what was sent.
            failure = error.with_traceback(None)
        if not isinstance(failure, Reauthorize) or not tries:
            return failure
        time.sleep(CONFIRM_AFTER_SECONDS)


def _left_untouched(error: PortalError) -> bool:
    """Say whether the server surely did not rotate: nothing was sent, or it answered with an error of its
    own.
    """
    if isinstance(error, EgressRefused) or error.code == "unreachable":
        return True
    return error.status is not None and error.status >= 400 and error.status not in _UNDECIDED


def _unmark(*, grant: Grant, claim: _Claim, to: datetime | None) -> None:
    cleared = Grant.objects.filter(pk=grant.pk, refresh_started_at=claim.marker).update(refresh_started_at=to)
    if cleared != 1:
        raise RuntimeError(f"Grant {grant.pk} was changed under its lock.")


def _write(*, grant: Grant, reply: TokenReply, now: datetime) -> None:
    grants.record(grant=grant, reply=reply, now=now)
    grants.put(grant=grant, reply=reply, scope=grant.scope, fresh=False, now=now)


def _written_late(
    *, sight: Sight, source_id: UUID, claim: _Claim, reply: TokenReply, now: datetime
) -> Secret | None:
    """Write a reply whose transaction the database broke off: until its marker is old, nobody else asks."""
    last: OperationalError | InterfaceError | None = None
    for late in range(_LATE_TRIES):
        connection.close()
        time.sleep(0.1 * 2**late)
        try:
            with transaction.atomic(durable=True), sight.open():
                grant, _source = grants.locked(source_id=source_id)
                if grant is None:
                    return None
                if unseal(grant, "access_token") == reply.access_token:
                    # The commit had reached the database, and its answer had not reached us.
                    return reply.access_token
                if grant.refresh_started_at != claim.marker:
                    grants.record(grant=grant, reply=reply, now=now)
                    return None
                _write(grant=grant, reply=reply, now=now)
                return reply.access_token
        except (OperationalError, InterfaceError) as error:
            last = error
    assert last is not None
    raise last
