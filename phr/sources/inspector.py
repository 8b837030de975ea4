"""What we asked a portal, and what the token that we hold there says: for the inspector's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Literal
from uuid import UUID

from django.utils.formats import date_format, localize, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connectors.errors import SENTENCES
from connectors.smart.identity import access_claims
from phr.accounts.access import Sight
from phr.core.crypto import unseal
from phr.sources.models import Call, Grant, Source

SHOWN: Final = 50
_KILO: Final = 1024
# Beyond these years an instant is a slip, and datetime may not hold it.
_LAST_INSTANT: Final = 253_402_300_799

# RFC 7519 and 9068, OpenID Connect Core, SMART App Launch 2.2; others are shown under their own name.
_MEANINGS: Final[Mapping[str, Any]] = {
    "iss": gettext_lazy("who issued it"),
    "sub": gettext_lazy("whom it speaks of, in the portal's own numbers"),
    "aud": gettext_lazy("where it is meant to be used"),
    "exp": gettext_lazy("it ends"),
    "nbf": gettext_lazy("it begins"),
    "iat": gettext_lazy("it was issued"),
    "auth_time": gettext_lazy("the person signed in"),
    "jti": gettext_lazy("its own number"),
    "client_id": gettext_lazy("this program, as the portal knows it"),
    "azp": gettext_lazy("this program, as the portal knows it"),
    "scope": gettext_lazy("what it may read"),
    "scp": gettext_lazy("what it may read"),
    "patient": gettext_lazy("whose record"),
    "encounter": gettext_lazy("the visit it was opened in"),
    "tenant": gettext_lazy("the organisation at a shared server"),
    "fhirUser": gettext_lazy("who signed in"),
    "profile": gettext_lazy("who signed in"),
}
_INSTANTS: Final = frozenset({"exp", "nbf", "iat", "auth_time"})


@dataclass(frozen=True, slots=True)
class CallLine:
    """One question and its answer."""

    day_text: str
    time_text: str
    at_iso: str
    method: str
    path: str
    """Below the portal's base; elsewhere from the root."""
    parameters: tuple[str, ...]
    origin: str
    """"" where it went to the portal's own host."""
    answer: str
    tone: Literal["good", "warn", "high"]
    size_text: str
    took_text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a token says."""

    name: str
    meaning: str
    value: str


@dataclass(frozen=True, slots=True)
class Token:
    """The access token that we hold, without itself."""

    kind: Literal["none", "opaque", "jwt"]
    claims: tuple[Claim, ...] = ()
    expires_text: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The inspector's page of one source."""

    source_name: str
    """"" for what was asked while connecting."""
    lines: tuple[CallLine, ...]
    earlier: int | None
    """What to ask for next: calls before this number; None at the end."""
    only_failed: bool
    token: Token


def inspect(
    *, sight: Sight, source_id: UUID | None, only_failed: bool = False, before: int | None = None
) -> Inspection | None:
    """Return the calls of a source, newest first, and what its token says; None for no source. The Sight is open.

    ``source_id``: None for what was asked while connecting, before there was a source, or where none came of it.
    """
    source = Source.objects.filter(pk=source_id).first() if source_id is not None else None
    if source is None and source_id is not None:
        return None
    calls = Call.objects.filter(person_id=sight.person_id, source=source)
    if only_failed:
        # A redirect is no fault, and a page where data was due is one, though its status is 200.
        calls = calls.exclude(status__lt=400, code="")
    if before is not None:
        calls = calls.filter(pk__lt=before)
    rows = list(calls.order_by("-pk")[: SHOWN + 1])
    grant = Grant.objects.filter(source=source).first() if source is not None else None
    return Inspection(
        source_name=source.name if source is not None else "",
        lines=tuple(_line(row, base_url=source.base_url if source else "") for row in rows[:SHOWN]),
        earlier=rows[SHOWN - 1].pk if len(rows) > SHOWN else None,
        only_failed=only_failed,
        token=_token(grant),
    )


def _line(call: Call, *, base_url: str) -> CallLine:
    at = localtime(call.at)
    answer, tone = _answer(call)
    return CallLine(
        day_text=date_format(at, "j F Y"),
        time_text=date_format(at, "H:i:s"),
        at_iso=at.isoformat(),
        method=call.method,
        path=_below(call, base_url=base_url),
        parameters=tuple(str(name) for name in call.parameters),
        origin="" if base_url.startswith(f"{call.origin}/") else call.origin,
        answer=answer,
        tone=tone,
        size_text=_size(call.size),
        took_text=_took(call.milliseconds),
        purpose=str(Call.Purpose(call.purpose).label),
    )


def _below(call: Call, *, base_url: str) -> str:
    """Return the path below the portal's base, which every question would repeat; elsewhere the whole of it."""
    whole = f"{call.origin}{call.path}"
    return whole.removeprefix(base_url) if base_url and whole.startswith(f"{base_url}/") else call.path


def _answer(call: Call) -> tuple[str, Literal["good", "warn", "high"]]:
    if call.status is None:
        return _("No answer: %(why)s") % {"why": SENTENCES.get(call.code, call.code)}, "high"  # type: ignore[call-overload]
    try:
        phrase = HTTPStatus(call.status).phrase
    except ValueError:
        phrase = ""
    if call.code:
        phrase = SENTENCES.get(call.code, phrase)  # type: ignore[call-overload]
    text = f"{call.status} {phrase}".strip()
    if call.status < 400 and not call.code:
        return text, "good"
    return text, "high" if call.status >= 500 else "warn"


def _token(grant: Grant | None) -> Token:
    token = unseal(grant, "access_token") if grant is not None else None
    if grant is None or token is None:
        return Token("none")
    ends = grant.access_expires_at
    expires_text = date_format(localtime(ends), "j M Y, H:i") if ends is not None else ""
    claims = access_claims(access_token=token)
    if not claims:
        return Token("opaque", expires_text=expires_text)
    return Token("jwt", tuple(_claim(name, value) for name, value in claims.items()), expires_text)


def _claim(name: str, value: object) -> Claim:
    return Claim(name=name[:80], meaning=str(_MEANINGS.get(name, "")), value=_said(name, value)[:2000])


def _said(name: str, value: object) -> str:
    if name in _INSTANTS and isinstance(value, (int, float)) and 0 < value < _LAST_INSTANT:
        return date_format(localtime(datetime.fromtimestamp(value, UTC)), "j M Y, H:i:s")
    if isinstance(value, list):
        return " ".join(_said(name, item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_said(key, item)}" for key, item in value.items())
    return str(localize(value)) if isinstance(value, float) else str(value)


def _size(count: int) -> str:
    if not count:
        return ""
    if count < _KILO:
        return ngettext("%(n)s byte", "%(n)s bytes", count) % {"n": number_format(count)}
    return _("%(n)s kB") % {"n": number_format(count / _KILO, 1 if count < 10 * _KILO else 0)}


def _took(milliseconds: int) -> str:
    if milliseconds < 1000:
        return _("%(n)s ms") % {"n": number_format(milliseconds)}
    return _("%(n)s s") % {"n": number_format(milliseconds / 1000, 1)}
