"""Dynamic client registration: RFC 7591, and the kind that makes one client for each consent.

What a server answers is what holds: it may change any value that it was sent. Both kinds speak to the
registration endpoint of discovery, and to no other address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, Code, Denied, PortalError, RetryLater
from connectors.profile import ClientMethod
from connectors.secret import Secret
from connectors.smart.replies import failure_of, read_object
from connectors.smart.server import Server

MAX_BYTES: Final = 256 * 1024
DEADLINE: Final = 30.0
_LAST_INSTANT: Final = 253402300799  # the end of the year 9999, beyond which datetime does not go
# RFC 7591 calls a public client's method "none".
_NAMES: Final[dict[ClientMethod, str]] = {
    "public": "none",
    **{method: method for method in get_args(ClientMethod) if method != "public"},
}
_METHODS: Final = {name: method for method, name in _NAMES.items()}
_REFUSALS: Final[dict[str, Code]] = {
    "access_denied": "refused",
    "invalid_client_metadata": "metadata_refused",
    "invalid_redirect_uri": "redirect_uri_refused",
    "invalid_software_statement": "statement_refused",
    "invalid_token": "unauthorized",
    "unapproved_software_statement": "statement_refused",
}
_BY_STATUS: Final[dict[int, Code]] = {
    401: "unauthorized",
    403: "refused",
    404: "not_supported",
    405: "not_supported",
    501: "not_supported",
}
_SECRETS: Final = frozenset({"client_secret", "registration_access_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """What we say of ourselves (RFC 7591, section 2). What is empty is not sent.

    Raises ValueError for what we never are: a client of the implicit flow, or one with its keys in two places.
    """

    redirect_uris: tuple[str, ...]
    method: ClientMethod
    client_name: str
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    response_types: tuple[str, ...] = ("code",)
    scope: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    contacts: tuple[str, ...] = ()
    tos_uri: str = ""
    policy_uri: str = ""
    # Where a portal's own page begins (SMART App Launch 2.2, EHR launch).
    initiate_login_uri: str = ""
    # Our public keys, by address or as they are, for `private_key_jwt`.
    jwks_uri: str = ""
    jwks: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    signing_algorithm: str = ""
    software_id: str = ""
    software_version: str = ""
    # A JWT of somebody whom the server trusts, which speaks for us.
    software_statement: str = ""

    def __post_init__(self) -> None:
        if "implicit" in self.grant_types or set(self.response_types) - {"code"}:
            raise ValueError("this client asks for codes alone")
        if self.jwks and self.jwks_uri:
            raise ValueError("keys stand in one place: by value or by address")
        if self.method == "private_key_jwt" and not (self.jwks or self.jwks_uri):
            raise ValueError("a client with a key says which")

    def as_json(self) -> dict[str, Any]:
        """Return the members of the request."""
        names = {
            "method": "token_endpoint_auth_method",
            "signing_algorithm": "token_endpoint_auth_signing_alg",
        }
        found: dict[str, Any] = {}
        for each in fields(self):
            value = _NAMES[self.method] if each.name == "method" else getattr(self, each.name)
            if value:
                value = list(value) if isinstance(value, tuple) else value
                found[names.get(each.name, each.name)] = dict(value) if isinstance(value, Mapping) else value
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRegistration:
    """What a server made of us. The caller keeps all of it; nothing secret prints."""

    client_id: str
    method: ClientMethod
    secret: Secret | None = None
    issued_at: datetime | None = None
    # None: never, or the server does not say.
    secret_expires_at: datetime | None = None
    # With these the entry can be read, changed and deleted at the server (RFC 7592).
    registration_access_token: Secret | None = None
    registration_client_uri: str = ""
    redirect_uris: tuple[str, ...] = ()
    scope: str = ""
    # Members that we sent and that came back with another value: what the server changed.
    changed: tuple[str, ...] = ()
    # The whole answer, without its secrets.
    answer: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def register(
    *, egress: Egress, server: Server, metadata: ClientMetadata, initial_access_token: Secret | None = None
) -> ClientRegistration:
    """Register with `server` (RFC 7591, section 3), and return what it made of it.

    Raises `Denied` when it declines: `redirect_uri_refused`, `metadata_refused`, `statement_refused`,
    `unauthorized` (the initial access token), `refused`, or `not_supported` where it offers no registration;
    `RetryLater` when it is busy or away, `BadReply` for an answer that is no registration we could use,
    `EgressRefused` for a redirect.
    """
    sent = metadata.as_json()
    return _read(_post(egress, server, sent, initial_access_token), sent, metadata.method)


def register_software(
    *, egress: Egress, server: Server, software_id: str, jwks: Mapping[str, Any], access_token: Secret
) -> ClientRegistration:
    """Make a client of its own for one consent, from the access token which that gave.

    `software_id`: the client id that we were registered with by hand. `jwks`: the public half of a key made
    for this one client. Then `jwt_bearer.access_token` serves in place of a refresh. Raises as `register`.
    """
    sent = {"software_id": software_id, "jwks": dict(jwks)}
    made = _read(_post(egress, server, sent, access_token), sent, "private_key_jwt")
    # Servers of this kind say "none": the key is the grant, and proves nothing beside it.
    return replace(made, method="private_key_jwt")


def _post(egress: Egress, server: Server, sent: Mapping[str, Any], token: Secret | None) -> Reply:
    if not server.registration_endpoint:
        raise Denied("not_supported")
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    reply = egress.request(
        "POST",
        server.registration_endpoint,
        headers=headers,
        content=msgspec.json.encode(sent),
        deadline=DEADLINE,
        max_bytes=MAX_BYTES,
        redirects="refuse",
    )
    if refusal := _refusal(reply):
        raise refusal
    return reply


def _refusal(reply: Reply) -> PortalError | None:
    if reply.status != 501 and (failure := failure_of(reply)):
        return failure
    error: object = None
    try:
        error = read_object(reply).get("error")
    except BadReply as unreadable:
        # A page says nothing, its status may: an organisation without registration answers 404.
        if reply.status < 400:
            return unreadable
    if isinstance(error, str) and error in {"server_error", "temporarily_unavailable"}:
        return RetryLater("server_error", status=reply.status)
    if error or reply.status >= 400:
        known = _REFUSALS.get(error) if isinstance(error, str) else None
        return Denied(known or _BY_STATUS.get(reply.status, "request_refused"), status=reply.status)
    return None


def _read(reply: Reply, sent: Mapping[str, Any], asked: ClientMethod) -> ClientRegistration:
    found = read_object(reply)
    client_id = _text(found.get("client_id"))
    secret = _secret(found.get("client_secret"))
    # A server that leaves the method out took ours; the specification's default is of no use where no secret
    # came with it.
    method = _METHODS.get(_text(found.get("token_endpoint_auth_method")) or _NAMES[asked])
    if not client_id or not client_id.isascii() or not client_id.isprintable():
        raise BadReply("bad_response", status=reply.status)
    if method is None:
        raise BadReply("not_supported", status=reply.status)
    if method in {"client_secret_basic", "client_secret_post"} and secret is None:
        raise BadReply("bad_response", status=reply.status)
    return ClientRegistration(
        client_id=client_id,
        method=method,
        secret=secret if method in {"client_secret_basic", "client_secret_post"} else None,
        issued_at=_instant(found.get("client_id_issued_at")),
        secret_expires_at=_instant(found.get("client_secret_expires_at")),
        registration_access_token=_secret(found.get("registration_access_token")),
        registration_client_uri=_text(found.get("registration_client_uri")),
        redirect_uris=_texts(found.get("redirect_uris")),
        scope=_text(found.get("scope")),
        changed=tuple(
            name for name, value in sent.items() if name in found and not _same(value, found[name])
        ),
        answer=MappingProxyType({name: value for name, value in found.items() if name not in _SECRETS}),
    )


def _same(sent: object, found: object) -> bool:
    """Compare without regard to order, which nothing in a registration depends on."""
    if isinstance(sent, list) and isinstance(found, list):
        return sorted(map(repr, sent)) == sorted(map(repr, found))
    if isinstance(sent, str) and isinstance(found, str):
        return sorted(sent.split()) == sorted(found.split())
    return sent == found


def _instant(value: object) -> datetime | None:
    """Read seconds since 1970; 0 is RFC 7591's "never"."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LAST_INSTANT:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _secret(value: object) -> Secret | None:
    return Secret(value) if isinstance(value, str) and value and value.isprintable() else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
