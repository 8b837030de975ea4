"""Asking a server what it thinks of a token (RFC 7662; SMART App Launch 2.2, "Token Introspection")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from connectors.egress import Egress
from connectors.errors import BadReply, Denied
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.client import Client
from connectors.smart.oauth import oauth_client, only_ours
from connectors.smart.server import Server

_LAST_INSTANT: Final = 253402300799  # the end of the year 9999, beyond which datetime does not go


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """What a server says of a token; nothing but `active` where it is not. It prints without identity."""

    active: bool
    scope: str = ""
    client_id: str = ""
    # None where the server does not say; required by SMART for an active token.
    expires_at: datetime | None = None
    issuer: str = ""
    subject: str = field(default="", repr=False)
    fhir_user: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)


def introspect(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    profile: Profile,
    token: Secret,
    kind: Literal["access_token", "refresh_token"] = "access_token",
    bearer: Secret | None = None,
    now: datetime,
) -> Introspection | None:
    """Ask about a token; None where the server offers no introspection.

    The profile says what the question is proved with: our own client's proof, or an access token: `bearer`,
    else the token that is asked about. Raises `Denied` when the proof is not accepted, `RetryLater` when the
    server is busy or away, `BadReply` for an answer that is none, `EgressRefused` for a redirect.
    """
    if not server.introspection_endpoint:
        return None
    oauth = oauth_client(egress=egress, client=client, endpoint=server.introspection_endpoint, now=now)
    proof = _Bearer(bearer or token) if profile.auth.introspection == "bearer" else None
    with only_ours(oauth):
        answer = oauth.introspect_token(
            server.introspection_endpoint, token=token.reveal(), token_type_hint=kind, auth=proof
        )
        if answer.status_code in {401, 403}:
            raise Denied("client_refused" if proof is None else "unauthorized", status=answer.status_code)
        answer.raise_for_status()
        return _read(answer.json(), answer.status_code)


class _Bearer:
    """The proof of a request, in the shape that Authlib asks for: an access token in the header."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def prepare(
        self, _method: str, uri: str, headers: Mapping[str, str], body: str
    ) -> tuple[str, dict[str, str], str]:
        return uri, {**headers, "Authorization": f"Bearer {self._token.reveal()}"}, body


def _read(found: Mapping[str, Any], status: int) -> Introspection:
    active = found.get("active")
    if not isinstance(active, bool):
        raise BadReply("bad_response", status=status)
    if not active:
        return Introspection(active=False)
    return Introspection(
        active=True,
        scope=_text(found.get("scope")),
        client_id=_text(found.get("client_id")),
        expires_at=_instant(found.get("exp")),
        issuer=_text(found.get("iss")),
        subject=_text(found.get("sub")),
        fhir_user=_text(found.get("fhirUser")),
        patient=_text(found.get("patient")),
    )


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LAST_INSTANT:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
