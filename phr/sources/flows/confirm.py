"""A professional's connection waits here until somebody has said that chart and record are the same person's.

What came with the token is sealed in the attempt: there is no source, and no grant, before the word is given. The
portal's name and birth date are shown beside the record's; nothing is matched by itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.db import transaction
from django.utils.dateparse import parse_date

from connectors.egress import Egress
from connectors.scopes import Difference
from connectors.smart.discovery import Server
from connectors.smart.token_reply import TokenReply
from phr.accounts.access import Sight
from phr.core.crypto import seal, unseal_bytes
from phr.sources.calls import listening
from phr.sources.flows import grants, keep
from phr.sources.flows.attempts import LIFETIME, is_of
from phr.sources.flows.outcomes import ConnectRefused, Finished, Unconfirmed
from phr.sources.flows.revoke import give_back
from phr.sources.models import Call, ConnectAttempt
from phr.sources.registrations import NotRegistered, client_of

_LONGEST: Final = 200
_DATE: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")

Agreement = Literal["same", "differs", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The patient of a portal beside the person of a record."""

    portal_id: int
    portal_name: str
    name: str = field(repr=False)
    """"" where the portal tells none."""
    birth_date: str = field(repr=False)
    """As the portal writes it, at whatever precision; "" where it tells none."""
    names_agree: Agreement
    birth_dates_agree: Agreement

    @property
    def born(self) -> date | None:
        """The birth date where the portal tells the whole of it."""
        try:
            return parse_date(self.birth_date) if _DATE.fullmatch(self.birth_date) else None
        except ValueError:  # the 30th of February
            return None

    @property
    def needs_a_second_look(self) -> bool:
        """True unless both are told and agree."""
        return (self.names_agree, self.birth_dates_agree) != ("same", "same")


def hold(
    *,
    attempt: ConnectAttempt,
    sight: Sight,
    patient: str,
    resource: Mapping[str, Any],
    reply: TokenReply,
    withheld: Sequence[str],
    now: datetime,
) -> Unconfirmed:
    """Seal what came into its attempt, for ten minutes."""
    kept = {
        "patient": patient,
        "name": _name(resource),
        "birth_date": _text(resource.get("birthDate")),
        "withheld": list(withheld),
        "reply": grants.as_data(reply),
        "at": now.timestamp(),
    }
    sealed = seal(attempt, "unconfirmed", json.dumps(kept).encode())
    with transaction.atomic(durable=True), sight.open():
        ConnectAttempt.objects.filter(pk=attempt.pk).update(unconfirmed=sealed, confirm_before=now + LIFETIME)
    return Unconfirmed(person_id=attempt.person_id, attempt_id=attempt.pk)


def candidate(*, sight: Sight, attempt_id: UUID, session_key: str, now: datetime) -> Candidate | None:
    """Return whom to compare; None where nobody waits any more. The Sight is open.

    Raises ConnectRefused `state_unknown` where this user has no such journey.
    """
    if not ConnectAttempt.objects.filter(
        pk=attempt_id, user=sight.user_id, person_id=sight.person_id
    ).exists():
        raise ConnectRefused("state_unknown")
    attempt = _waiting(sight=sight, attempt_id=attempt_id, session_key=session_key)
    if attempt is None or attempt.confirm_before is None or attempt.confirm_before <= now:
        return None
    kept = _kept(attempt)
    born = sight.birth_date.isoformat() if sight.birth_date else ""
    return Candidate(
        portal_id=attempt.portal_id,
        portal_name=attempt.brand.name if attempt.brand else attempt.portal.name,
        name=kept["name"],
        birth_date=kept["birth_date"],
        names_agree=_names_agree(kept["name"], sight.name),
        birth_dates_agree=_dates_agree(kept["birth_date"], born),
    )


def confirm(
    *, sight: Sight, attempt_id: UUID, session_key: str, looked_twice: bool, now: datetime
) -> Finished:
    """Make the source that waited. ``looked_twice``: said where name or birth date do not agree.

    Raises ConnectRefused: `not_waiting` also where it was not said, and nothing is then used up.
    """
    with transaction.atomic(durable=True), sight.open():
        shown = candidate(sight=sight, attempt_id=attempt_id, session_key=session_key, now=now)
        attempt = _waiting(sight=sight, attempt_id=attempt_id, session_key=session_key, lock=True)
        if shown is None or attempt is None or (shown.needs_a_second_look and not looked_twice):
            raise ConnectRefused("not_waiting")
        kept = _kept(attempt)
        source, created = keep.keep_journey(
            attempt=attempt,
            patient=kept["patient"],
            reply=_aged(grants.from_data(kept["reply"]), seconds=now.timestamp() - kept["at"]),
            withheld=kept["withheld"],
            now=now,
        )
        ConnectAttempt.objects.filter(pk=attempt.pk).update(unconfirmed=None, confirm_before=None)
    return Finished(
        person_id=attempt.person_id,
        source_id=source.pk,
        created=created,
        difference=Difference(missing=tuple(kept["withheld"])),
    )


def decline(*, sight: Sight, attempt_id: UUID, session_key: str, egress: Egress, now: datetime) -> None:
    """Give the access back, and forget whose chart it was. Nothing happens where nobody waits."""
    with transaction.atomic(durable=True), sight.open():
        attempt = _waiting(sight=sight, attempt_id=attempt_id, session_key=session_key, lock=True)
        if attempt is None:
            return
        reply = grants.from_data(_kept(attempt)["reply"])
        ConnectAttempt.objects.filter(pk=attempt.pk).update(unconfirmed=None, confirm_before=None)
    with listening(sight=sight, purpose=Call.Purpose.CONNECT) as calls:
        _given_back(attempt=attempt, reply=reply, egress=calls.through(egress), now=now)


def give_back_unconfirmed(*, sight: Sight, egress: Egress, now: datetime) -> None:
    """Give back what this user left unconfirmed for too long, in this person's record."""
    with transaction.atomic(durable=True), sight.open():
        late = list(
            ConnectAttempt.objects.select_for_update(of=("self",))
            .select_related("registration")
            .filter(user=sight.user_id, confirm_before__lte=now)
            .exclude(unconfirmed=None)
        )
        replies = [grants.from_data(_kept(attempt)["reply"]) for attempt in late]
        ConnectAttempt.objects.filter(pk__in=[attempt.pk for attempt in late]).update(
            unconfirmed=None, confirm_before=None
        )
    with listening(sight=sight, purpose=Call.Purpose.CONNECT) as calls:
        heard = calls.through(egress)
        for attempt, reply in zip(late, replies, strict=True):
            _given_back(attempt=attempt, reply=reply, egress=heard, now=now)


def _given_back(*, attempt: ConnectAttempt, reply: TokenReply, egress: Egress, now: datetime) -> None:
    try:
        client = client_of(registration=attempt.registration, now=now)
    except NotRegistered:
        return
    give_back(egress=egress, server=Server.from_dict(attempt.server), client=client, reply=reply, now=now)


def _waiting(
    *, sight: Sight, attempt_id: UUID, session_key: str, lock: bool = False
) -> ConnectAttempt | None:
    rows = ConnectAttempt.objects.select_related("portal", "registration", "brand")
    if lock:
        rows = rows.select_for_update(of=("self",))
    attempt = (
        rows.filter(pk=attempt_id, user=sight.user_id, person_id=sight.person_id)
        .exclude(unconfirmed=None)
        .first()
    )
    if attempt is None or not is_of(attempt=attempt, session_key=session_key):
        return None
    return attempt


def _kept(attempt: ConnectAttempt) -> dict[str, Any]:
    plain = unseal_bytes(attempt, "unconfirmed")
    assert plain is not None
    kept: dict[str, Any] = json.loads(plain)
    return kept


def _name(resource: Mapping[str, Any]) -> str:
    """Return the name that the portal would call the patient by: the official one first, never an old one."""
    ranked = sorted(_names(resource), key=lambda pair: pair[0])
    return ranked[0][1] if ranked else ""


def _names(resource: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    rank = {"official": 0, "usual": 1, "": 2, "nickname": 3, "anonymous": 4, "temp": 4, "maiden": 5, "old": 5}
    names = resource.get("name")
    for name in names if isinstance(names, list) else ():
        if not isinstance(name, dict):
            continue
        given = name.get("given")
        parts = [*(given if isinstance(given, list) else ()), name.get("family")]
        text = _text(name.get("text")) or " ".join(part for part in map(_text, parts) if part)
        if text:
            yield rank.get(_text(name.get("use")), 2), text


def _aged(reply: TokenReply, *, seconds: float) -> TokenReply:
    """Return the reply as it would be worded now: its token has become older while somebody looked."""
    if reply.expires_in is None:
        return reply
    return replace(reply, expires_in=max(0, reply.expires_in - math.ceil(seconds)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())[:_LONGEST]


def _names_agree(one: str, other: str) -> Agreement:
    """Say whether two names are made of the same words; a middle name on one side alone is a difference."""
    if not one or not other:
        return "unknown"
    return "same" if sorted(one.casefold().split()) == sorted(other.casefold().split()) else "differs"


def _dates_agree(one: str, other: str) -> Agreement:
    if not one or not other:
        return "unknown"
    return "same" if one == other else "differs"
