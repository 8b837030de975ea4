"""Authlib's framework-free OAuth 2 client, with the egress as its session.

This is the one module that knows Authlib's failures, and none of them leaves it: only `invalid_grant` ends a
grant; what cannot be understood while refreshing is tried again later. Source: RFC 6749.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.client import OAuth2Client

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, Code, Denied, PortalError, Reauthorize, RetryLater
from connectors.smart.assertion import ASSERTION_TYPE, client_assertion
from connectors.smart.client import Client
from connectors.smart.replies import failure_of, read_object
from connectors.smart.token_reply import seconds

MAX_BYTES: Final = 256 * 1024  # tokens are some kilobytes; what is more is not a token
DEADLINE: Final = 30.0  # seconds for the whole exchange

_REFUSALS: Final[dict[str, Code]] = {
    "access_denied": "access_denied",
    "invalid_client": "client_refused",
    "invalid_grant": "code_refused",
    "invalid_scope": "bad_scope",
    "unauthorized_client": "client_refused",
}


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
        payload["expires_in"] = seconds(payload.get("expires_in"))
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


def oauth_client(*, egress: Egress, client: Client, endpoint: str, now: datetime | None) -> Any:
    """Build Authlib's client for one request to `endpoint`, to be made within `only_ours`.

    `now` dates the signature of a client with a key.
    """
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
def only_ours(oauth: Any, *, refreshing: bool = False) -> Iterator[None]:
    """Let nothing out of a request but our own errors."""
    session: _Session = oauth.session
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
