"""The token endpoint: codes and refresh tokens become access tokens.

Built on Authlib's framework-free OAuth 2 client with the egress as its session. This is the one module that
knows Authlib's failures, and none of them leaves it: only `invalid_grant` ends a grant; what cannot be
understood while refreshing is tried again later. Sources: RFC 6749, RFC 7009, SMART App Launch 2.2.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

from authlib.oauth2.client import OAuth2Client

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, Code, Denied, PortalError, Reauthorize, RetryLater
from connectors.profile import ClientMethod, Profile
from connectors.secret import Secret
from connectors.smart.assertion import ASSERTION_TYPE, SigningAlgorithm, client_assertion
from connectors.smart.discovery import Server
from connectors.smart.replies import failure_of, read_object

MAX_BYTES: Final = 256 * 1024  # tokens are some kilobytes; what is more is not a token
DEADLINE: Final = 30.0  # seconds for the whole exchange
_LONGEST_LIFE: Final = 10 * 365 * 86400
_OWN_MEMBERS: Final = frozenset(
    {
        "access_token",
        "expires_at",
        "expires_in",
        "fhirUser",
        "id_token",
        "patient",
        "refresh_token",
        "scope",
        "token_type",
    }
)

_REFUSALS: Final[dict[str, Code]] = {
    "access_denied": "access_denied",
    "invalid_client": "client_refused",
    "invalid_grant": "code_refused",
    "invalid_scope": "bad_scope",
    "unauthorized_client": "client_refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our registration at one authorization server."""

    id: str
    method: ClientMethod
    # The client secret, or the private key as PEM; None for a public client.
    secret: Secret | None = None
    # Of a key pair: what the server knows the public key as, and what is signed with it.
    key_id: str = ""
    algorithm: SigningAlgorithm = "RS384"

    def __post_init__(self) -> None:
        """Raise ValueError for a client that cannot prove itself as it says."""
        if not self.id.isascii() or not self.id.isprintable() or not self.id:
            raise ValueError("a client id is printable ASCII")
        if (self.method == "public") != (self.secret is None):
            raise ValueError("a public client has no secret, and every other has one")
        if self.method == "private_key_jwt" and not self.key_id:
            raise ValueError("a key needs its key id")
        if self.method == "client_secret_basic" and self.secret and not self.secret.reveal().isascii():
            raise ValueError("a client secret for HTTP Basic is ASCII")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReply:
    """What the token endpoint granted. It prints without tokens and without anybody's identity."""

    access_token: Secret
    # None when none came, or the one that was sent came back: the caller keeps the one it has.
    refresh_token: Secret | None = None
    id_token: Secret | None = None
    # "" when the answer has none: then everything that was asked for is granted (RFC 6749, 5.1).
    scope: str = ""
    # Seconds; None where the server does not say, which the caller takes as short.
    expires_in: int | None = None
    patient: str | None = field(default=None, repr=False)
    fhir_user: str | None = field(default=None, repr=False)
    # Every further member of the answer: encounter, tenant, fhirContext, a vendor's own.
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


def exchange_code(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    profile: Profile,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    now: datetime | None = None,
) -> TokenReply:
    """Exchange an authorization code, once.

    `now` dates the signature of a client with a key. Raises `Denied` when the server does not accept code,
    client or request; `RetryLater` when it is busy or away (the code may be spent); `BadReply` for an
    answer that is not a token response; `EgressRefused` for a redirect.
    """
    extra = {} if profile.auth.pkce == "off" else {"code_verifier": code_verifier}
    oauth = _oauth(egress, client, server.token_endpoint, now)
    with _ours(oauth.session, refreshing=False):
        token = oauth.fetch_token(
            server.token_endpoint,
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            **extra,
        )
        return _reply(token, sent=None)


def refresh(
    *,
    egress: Egress,
    token_endpoint: str,
    client: Client,
    profile: Profile,
    refresh_token: Secret,
    scope: str,
    now: datetime | None = None,
) -> TokenReply:
    """Exchange a refresh token. The caller holds the grant's lock, and keeps the old token where none comes.

    `scope` is sent where the profile asks for it. Raises `Reauthorize` for `invalid_grant` and for nothing
    else; `Denied` when the registration or request is refused, which the grant survives; `RetryLater` for
    everything that time may mend, an answer that cannot be read among it; `EgressRefused` for a redirect.
    """
    extra = {"scope": scope} if profile.auth.send_scope_on_refresh and scope else {}
    oauth = _oauth(egress, client, token_endpoint, now)
    with _ours(oauth.session, refreshing=True):
        token = oauth.refresh_token(token_endpoint, refresh_token=refresh_token.reveal(), **extra)
        return _reply(token, sent=refresh_token)


def revoke(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    token: Secret,
    kind: Literal["refresh_token", "access_token"] = "refresh_token",
    now: datetime | None = None,
) -> bool:
    """Tell the server to forget a token (RFC 7009). Returns False where it offers no way to, or declines.

    Raises `RetryLater` when it is busy or away, `EgressRefused` for a redirect.
    """
    if not server.revocation_endpoint:
        return False
    oauth = _oauth(egress, client, server.revocation_endpoint, now)
    with _ours(oauth.session, refreshing=False):
        answer = oauth.revoke_token(server.revocation_endpoint, token=token.reveal(), token_type_hint=kind)
        return bool(200 <= answer.status_code < 300)


class _TokenError(Exception):
    """What an `error` member says, and no more.

    In place of Authlib's own error, whose constructor raises ValueError for a description with a quotation
    mark or a letter beyond ASCII: then an `invalid_grant` would no longer be one.
    """

    def __init__(self, error: object = None, description: object = None) -> None:
        del description  # the server's prose, which may name the person
        super().__init__()
        self.error = error if isinstance(error, str) else ""


class _Answer:
    """A reply with the three things that Authlib asks of one."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self._reply = reply

    def json(self) -> dict[str, Any]:
        payload = read_object(self._reply)
        if not payload.get("error"):
            payload.pop("error", None)  # some servers send `"error": null` with a good token
        payload.pop("expires_at", None)
        # Authlib does a sum with this one, and fails on what is no number.
        payload["expires_in"] = _seconds(payload.get("expires_in"))
        return payload

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise BadReply("bad_response", status=self.status_code)


class _Session:
    """The egress in the shape of the session that Authlib posts with."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self.status: int | None = None

    def post(
        self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str] | None, auth: Any
    ) -> _Answer:
        # A copy: Authlib hands out one dict of its module, and the client's secret must not stay in it.
        url, sent, body = auth.prepare("POST", url, dict(headers or {}), urlencode(data))
        reply = self._egress.request(
            "POST",
            url,
            headers=sent,
            content=body.encode("ascii"),
            deadline=DEADLINE,
            max_bytes=MAX_BYTES,
            redirects="refuse",
        )
        self.status = reply.status
        if failure := failure_of(reply):
            raise failure
        return _Answer(reply)


def _oauth(egress: Egress, client: Client, endpoint: str, now: datetime | None) -> Any:
    """Build Authlib's client for one request to `endpoint`."""
    method = "none" if client.method == "public" else client.method
    secret = None
    if client.secret is not None and client.method != "private_key_jwt":
        secret = client.secret.reveal()
    oauth = OAuth2Client(
        _Session(egress),
        client_id=client.id,
        client_secret=secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    oauth.oauth_error_class = _TokenError
    if client.method == "private_key_jwt":
        assert client.secret is not None
        assertion = client_assertion(
            client_id=client.id,
            token_endpoint=endpoint,
            private_key=client.secret,
            key_id=client.key_id,
            algorithm=client.algorithm,
            now=now or datetime.now(UTC),
        )
        oauth.register_client_auth_method(("private_key_jwt", _signed(assertion)))
    return oauth


def _signed(
    assertion: str,
) -> Callable[[Any, str, str, dict[str, str], str], tuple[str, dict[str, str], str]]:
    proof = urlencode({"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion})

    def prepare(
        _auth: Any, _method: str, uri: str, headers: dict[str, str], body: str
    ) -> tuple[str, dict[str, str], str]:
        return uri, headers, f"{body}&{proof}"

    return prepare


@contextmanager
def _ours(session: _Session, *, refreshing: bool) -> Iterator[None]:
    """Let nothing out but our own errors."""
    try:
        yield
    except _TokenError as error:
        raise _meaning(error.error, session.status, refreshing=refreshing) from None
    except BadReply as error:
        # The grant is as good as before; what came is a gateway's page or a broken proxy.
        raise (RetryLater(error.code, status=error.status) if refreshing else error) from None
    except PortalError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError):
        # Authlib's own complaints, whose text may hold what was sent.
        code: Code = "bad_response"
        raise (RetryLater if refreshing else BadReply)(code, status=session.status) from None


def _meaning(error: str, status: int | None, *, refreshing: bool) -> PortalError:
    if refreshing and error == "invalid_grant":
        return Reauthorize("grant_over", status=status)
    if error in {"server_error", "temporarily_unavailable", "slow_down"}:
        return RetryLater("server_error", status=status)
    return Denied(_REFUSALS.get(error, "request_refused"), status=status)


def _reply(token: Mapping[str, Any], *, sent: Secret | None) -> TokenReply:
    kind = token.get("token_type") or "Bearer"
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadReply("wrong_token_type")
    access = _secret(token.get("access_token"))
    if access is None:
        raise BadReply("bad_response")
    renewed = _secret(token.get("refresh_token"))
    scope = token.get("scope")
    if isinstance(scope, list):
        scope = " ".join(word for word in scope if isinstance(word, str))
    return TokenReply(
        access_token=access,
        # Authlib fills in the one that was sent; for the caller that is the same as none.
        refresh_token=None if renewed == sent else renewed,
        id_token=_secret(token.get("id_token")),
        scope=scope if isinstance(scope, str) else "",
        expires_in=token.get("expires_in"),
        patient=_text(token.get("patient")),
        fhir_user=_text(token.get("fhirUser")),
        context={name: value for name, value in token.items() if name not in _OWN_MEMBERS},
    )


def _secret(value: object) -> Secret | None:
    """Wrap a token. One with letters that no header can carry (RFC 6749, appendix A) is none."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable():
        return Secret(value)
    return None


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # some servers number their patients
    return value if isinstance(value, str) and value else None


def _seconds(value: object) -> int | None:
    """Read a lifetime in any form that servers send; None for what is none."""
    try:
        seconds = int(float(value)) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _LONGEST_LIFE and not isinstance(value, bool) else None
