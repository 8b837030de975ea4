"""How a journey ends: closed sets of codes, said in words by the web."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args
from uuid import UUID

from connectors.errors import Code
from connectors.scopes import Difference

ConnectCode = Literal[
    "denied",  # the person said no at the portal
    "state_unknown",  # no such journey of this user: made up, another user's, or of a person no longer shared
    "state_expired",
    "state_used",  # came back twice
    "other_session",  # begun in another browser, or before signing in again
    "other_portal",  # the answer came to another registration's address
    "issuer_mismatch",  # RFC 9207: another server answered
    "no_patient",
    "other_patient",  # a reconnect came back with somebody else's chart; nothing was merged
    "portal_error",  # `detail` says what the portal did
    "not_an_answer",  # what was pasted is no address of ours that a portal sent anybody to
    "not_waiting",  # there is nobody to be confirmed: never was, or somebody decided already
    "not_confirmed",  # somebody said that it is another person, or looked for too long
]
CONNECT_CODES: Final[frozenset[str]] = frozenset(get_args(ConnectCode))

# Why a source waits for its person (Source.state_reason).
Reason = Literal[
    "grant_over",  # the portal ended the permission
    "refresh_interrupted",  # we died between asking for new tokens and keeping them
    "no_refresh_token",  # the access token ended, and the portal gave nothing to renew it with
    "not_registered",  # there is something to renew with, but no client id of ours to do it
    "unauthorized",  # the portal refuses a token that it gave just now
]
REASONS: Final[frozenset[str]] = frozenset(get_args(Reason))


class ConnectRefused(Exception):  # noqa: N818 - named for what the caller meets
    """The callback does not end in a connection; nothing stored before was touched.

    The ids are set once the journey was found to be this user's own, so that a page can offer to begin again.
    """

    def __init__(
        self,
        code: ConnectCode,
        *,
        detail: Code | None = None,
        person_id: UUID | None = None,
        portal_id: int | None = None,
        reconnects: UUID | None = None,
    ) -> None:
        super().__init__(code if detail is None else f"{code} ({detail})")
        self.code: ConnectCode = code
        self.detail = detail
        self.person_id = person_id
        self.portal_id = portal_id
        self.reconnects = reconnects


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A source is connected. `difference`: what was asked for and not granted (false when nothing)."""

    person_id: UUID
    source_id: UUID
    created: bool
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """A portal gave access to a chart; somebody must say first whether it is this person's."""

    person_id: UUID
    attempt_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A source is disconnected here; `revoked` says what the portal did about it."""

    revoked: Literal["revoked", "not_offered", "failed"]
