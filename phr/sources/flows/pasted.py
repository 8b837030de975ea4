"""The way back for a server that no browser is sent to: people paste the address that theirs ended on.

The address was registered at the vendor, and nobody need answer there: the code stands in the browser's address
bar. What is pasted goes through `finish` as a callback does, and counts for the one journey whose page it is
pasted into.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from connectors.egress import Egress
from connectors.smart.authorize import AuthorizationRequest
from connectors.smart.documents import DocumentCache
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.core.crypto import unseal_bytes
from phr.sources.flows.attempts import digest, is_of
from phr.sources.flows.begin import request_of
from phr.sources.flows.finish import finish
from phr.sources.flows.outcomes import ConnectCode, ConnectRefused, Finished, Unconfirmed
from phr.sources.models import ConnectAttempt
from phr.sources.registrations import comes_back_here

# A code may be a whole token, and stands in an address; beyond this it is something else.
LONGEST: Final = 20_000
_MOST_PARAMETERS: Final = 40
# RFC 6749, 3.1: none of these may stand twice, and of two we would not know which was meant.
_ONCE: Final = frozenset({"code", "error", "iss", "state"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A journey that has not come back yet."""

    attempt_id: UUID
    portal_id: int
    portal_name: str
    slug: str
    request: AuthorizationRequest = field(repr=False)
    redirect_uri: str
    """Where the browser ends."""
    comes_back: bool
    """True when that is our own callback, so that nothing need be pasted."""
    until: datetime


def waiting(*, sight: Sight, attempt_id: UUID, session_key: str, now: datetime) -> Waiting:
    """Return a journey of this user in this session; the Sight is open. Raises ConnectRefused."""
    attempt = (
        ConnectAttempt.objects.select_related("portal", "registration", "brand")
        .filter(pk=attempt_id, user=sight.user_id, person_id=sight.person_id)
        .first()
    )
    if attempt is None:
        raise ConnectRefused("state_unknown")
    plain = unseal_bytes(attempt, "request")
    code: ConnectCode | None = None
    if not is_of(attempt=attempt, session_key=session_key):
        code = "other_session"
    elif attempt.used_at is not None or plain is None:
        code = "state_used"
    elif attempt.expires_at <= now:
        code = "state_expired"
    if code is not None or plain is None:
        raise ConnectRefused(code or "state_used", person_id=attempt.person_id, portal_id=attempt.portal_id)
    return Waiting(
        attempt_id=attempt.pk,
        portal_id=attempt.portal_id,
        portal_name=attempt.brand.name if attempt.brand else attempt.portal.name,
        slug=attempt.registration.slug,
        request=request_of(plain),
        redirect_uri=attempt.redirect_uri,
        comes_back=comes_back_here(registration=attempt.registration),
        until=attempt.expires_at,
    )


def open_journey(*, sight: Sight, portal_id: int, session_key: str, now: datetime) -> UUID | None:
    """Return this user's latest journey to a portal that has not come back, in this session; the Sight is open."""
    return (
        ConnectAttempt.objects.filter(
            user=sight.user_id,
            person_id=sight.person_id,
            portal_id=portal_id,
            session_digest=digest(session_key),
            used_at=None,
            expires_at__gt=now,
        )
        .exclude(request=None)
        .order_by("-created_at")
        .values_list("pk", flat=True)
        .first()
    )


def finish_pasted(
    *,
    user: User,
    session_key: str,
    there: Waiting,
    text: str,
    egress: Egress,
    cache: DocumentCache | None = None,
    now: datetime,
) -> Finished | Unconfirmed:
    """Finish a journey with the address that was pasted. Raises ConnectRefused: `not_an_answer` uses nothing up."""
    return finish(
        user=user,
        session_key=session_key,
        slug=there.slug,
        attempt_id=there.attempt_id,
        params=read_address(text=text, redirect_uri=there.redirect_uri),
        egress=egress,
        cache=cache,
        now=now,
    )


def read_address(*, text: str, redirect_uri: str) -> Mapping[str, str]:
    """Return the parameters of a pasted address; raises ConnectRefused for one that is not the registered one."""
    text = text.strip().strip("<>\"'").strip()
    if "://" not in text.partition("?")[0]:
        # Some browsers hide how an address begins, and copy what they show.
        text = f"{redirect_uri.partition('://')[0]}://{text}"
    try:
        given, ours = urlsplit(text), urlsplit(redirect_uri)
        same = (given.scheme.lower(), given.hostname, given.port, given.path) == (
            ours.scheme.lower(),
            ours.hostname,
            ours.port,
            ours.path,
        )
    except ValueError:
        same = False
    if not same or len(text) > LONGEST or given.username is not None:
        raise ConnectRefused("not_an_answer")
    params = read_answer(query=given.query)
    if not params.get("state"):
        raise ConnectRefused("not_an_answer")
    return params


def read_answer(*, query: str) -> Mapping[str, str]:
    """Return the parameters of an answer at a redirect address. Raises ConnectRefused where one stands twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise ConnectRefused("not_an_answer") from None
    names = [name for name, _value in pairs if name in _ONCE]
    if len(set(names)) != len(names):
        raise ConnectRefused("not_an_answer")
    return dict(pairs)
