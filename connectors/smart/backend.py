"""SMART Backend Services: a token for the operator's own program, with nobody at a browser.

`client_credentials` with a freshly signed assertion each time (SMART App Launch 2.2, "Backend Services"); servers that
give such clients a secret take that in its place. There are no refresh tokens: a token lives for minutes, and the next
one is asked for like the first.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, Code, Denied, PortalError, RetryLater
from connectors.secret import Secret
from connectors.smart.assertion import ASSERTION_TYPE, client_assertion
from connectors.smart.client import Client
from connectors.smart.discovery import MAX_CONFIGURATION_BYTES
from connectors.smart.oauth import DEADLINE, MAX_BYTES
from connectors.smart.replies import failure_of, read_object

# What a token lives where the answer does not say: the specification recommends no more.
SHORT_SECONDS: Final = 300
_REFUSALS: Final[dict[str, Code]] = {
    "access_denied": "access_denied",
    "invalid_client": "client_refused",
    "invalid_grant": "client_refused",
    "invalid_scope": "bad_scope",
    "unauthorized_client": "client_refused",
    "unsupported_grant_type": "not_supported",
}
_BUSY: Final = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What the token endpoint granted; `expires_in` in seconds, `scope` as granted ("" means as asked)."""

    token: Secret
    expires_in: int
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServer:
    """Where tokens are issued, and the scopes that the server lists (perhaps none, perhaps not all)."""

    token_endpoint: str
    scopes_supported: tuple[str, ...] = ()


def find(*, egress: Egress, base_url: str) -> TokenServer:
    """Ask the FHIR server at `base_url` where tokens are issued.

    A server for programs alone names no place to sign in, so this wants one address where `discover` wants two.
    What to ask for there: `connectors.scopes.requested(flow="backend", ...)`. Raises RetryLater, EgressRefused,
    and BadReply `bad_discovery` where there is no address that could be used.
    """
    base = f"{base_url.rstrip('/')}/"
    reply = egress.request(
        "GET",
        f"{base}.well-known/smart-configuration",
        headers={"Accept": "application/json"},
        max_bytes=MAX_CONFIGURATION_BYTES,
        redirects="check",
    )
    if reply.status != 200:
        raise failure_of(reply) or BadReply("bad_discovery", status=reply.status)
    found = read_object(reply)
    named, listed = found.get("token_endpoint"), found.get("scopes_supported")
    url = _checked(named, base) if isinstance(named, str) and named else None
    if url is None:
        raise BadReply("bad_discovery", status=reply.status)
    words = listed if isinstance(listed, list) else []
    return TokenServer(
        token_endpoint=url, scopes_supported=tuple(word for word in words if isinstance(word, str))
    )


def access_token(
    *,
    egress: Egress,
    token_endpoint: str,
    client: Client,
    scope: str,
    now: datetime,
) -> AccessToken:
    """Ask for a token; every call signs an assertion of its own.

    Raises ValueError for a public client, which has nothing to prove itself with; `Denied` when the server does
    not accept client or scope; `RetryLater` when it is busy or away; `BadReply` for what is no token response;
    `EgressRefused` for a redirect.
    """
    form = {"grant_type": "client_credentials", "scope": scope}
    headers = {"Accept": "application/json"}
    if client.secret is None:
        raise ValueError("a public client cannot ask for a token of its own")
    match client.method:
        case "private_key_jwt":
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = client_assertion(
                client_id=client.id,
                token_endpoint=token_endpoint,
                private_key=client.secret,
                key_id=client.key_id,
                algorithm=client.algorithm,
                now=now,
            )
        case "client_secret_basic":
            headers["Authorization"] = _basic(client.id, client.secret)
        case _:
            form |= {"client_id": client.id, "client_secret": client.secret.reveal()}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    reply = egress.request(
        "POST",
        token_endpoint,
        headers=headers,
        content=urlencode(form).encode("ascii"),
        deadline=DEADLINE,
        max_bytes=MAX_BYTES,
        redirects="refuse",
    )
    return _granted(reply)


def _granted(reply: Reply) -> AccessToken:
    if failure := failure_of(reply):
        raise failure
    payload = read_object(reply)
    if payload.get("error") or reply.status >= 400:  # some servers say no with 200
        raise _refused(payload.get("error"), reply.status)
    kind = payload.get("token_type") or "Bearer"
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadReply("wrong_token_type", status=reply.status)
    token, scope = payload.get("access_token"), payload.get("scope")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise BadReply("bad_response", status=reply.status)
    return AccessToken(
        token=Secret(token),
        expires_in=_seconds(payload.get("expires_in")),
        scope=scope if isinstance(scope, str) else "",
    )


def _refused(error: object, status: int) -> PortalError:
    said = error if isinstance(error, str) else ""
    if said in _BUSY:
        return RetryLater("server_error", status=status)
    return Denied(_REFUSALS.get(said, "request_refused"), status=status)


def _basic(client_id: str, secret: Secret) -> str:
    # RFC 6749, 2.3.1: both are form-encoded before they are joined.
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _seconds(value: object) -> int:
    try:
        seconds = int(float(value)) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        seconds = 0
    return seconds if seconds > 0 and not isinstance(value, bool) else SHORT_SECONDS


def _checked(named: str, base: str) -> str | None:
    """Return where a token may be asked for: https, or at the scheme, host and port of the base; else None."""
    try:
        url = urljoin(base, named)
        parts, own = urlsplit(url), urlsplit(base)
        same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return None
    fit = bool(parts.hostname) and parts.username is None and (parts.scheme == "https" or same)
    return url if fit else None
