"""`Egress.request`: one question to one portal, bounded in where it goes, how long it takes and how much
comes back.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlencode

import httpx2  # noqa: TID251  # this package is the way out

from connectors.egress.failures import WIRE_ERRORS, translate
from connectors.egress.limits import Body, Deadline, Patience
from connectors.egress.streams import Stream
from connectors.egress.targets import Target, read_target
from connectors.egress.transport import Resolver, Wire, system_resolver
from connectors.errors import BadReply, EgressRefused, PortalError

MAX_BYTES: Final = 50 * 1024 * 1024
# Of an answer that is read piece by piece: the export of a large hospital comes in many files below that.
MAX_STREAM_BYTES: Final = 16 * 1024**3
MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_USER_AGENT: Final = "phr (self-hosted personal health record)"
# The only headers that follow a redirect to another origin: nothing in them is about the person or us.
_HARMLESS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "if-range", "range", "user-agent"}
)


class ReplyHeaders(Mapping[str, str]):
    """Response headers by name in any case; a header sent twice reads as both values, comma-separated."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in pairs.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Names only: values may be cookies."""
        return f"ReplyHeaders({sorted(self._values)})"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `content` is decompressed, `url` is where it came from after redirects."""

    status: int
    headers: ReplyHeaders
    content: bytes = field(repr=False)
    url: str = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" when none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Egress:
    """The only way out to the network. One for a process: it is thread-safe and keeps connections alive.

    Create it after forking; sockets must not be shared between processes.
    """

    def __init__(
        self,
        *,
        allow: frozenset[tuple[str, int]] = frozenset(),
        transport: httpx2.BaseTransport | None = None,
        resolve: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`allow`: exact (host, port) pairs that may be loopback or LAN, and plain http.

        `transport` replaces the wire (then no name is resolved); `resolve` and `tls` replace the name
        look-up and the trust store of the real one.
        """
        self._allow = frozenset((host.lower(), port) for host, port in allow)
        self._transport = transport or Wire(allow=self._allow, resolve=resolve, tls=tls)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline: float = 30.0,
        max_bytes: int = MAX_BYTES,
        redirects: Literal["refuse", "check", "return"] = "refuse",
    ) -> Reply:
        """Ask `url` and return the whole answer, whatever its status.

        `form` is sent url-encoded, `content` as it is. `deadline`: seconds for everything, from the look-up
        of the name to the last byte. `max_bytes`: of the body, as sent and as unpacked. `redirects`:
        "check" follows up to five for GET and HEAD, each checked like the first address; credentials stay
        on one scheme, host and port. "return" hands the redirect to the caller, who follows it or not.

        Raises EgressRefused (nothing was sent, or the portal pointed where we do not go), RetryLater
        (time-outs, lost connections, a body that breaks off) and BadReply (too large, a content coding that
        was not offered).
        """
        if form is not None and content is not None:
            msg = "a request carries a form or content, not both"
            raise ValueError(msg)
        sent = {"accept-encoding": "gzip", "user-agent": _USER_AGENT}
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        if form is not None:
            content = urlencode(form).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        clock = Deadline(deadline)
        target = read_target(url, allow=self._allow)
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._ask(method, target, sent, content, clock, max_bytes)
            if reply.status not in _REDIRECTS or redirects == "return":
                return reply
            if redirects == "refuse" or method.upper() not in {"GET", "HEAD"}:
                break
            target, sent = self._redirected(target, sent, reply.headers, reply.status)
        raise EgressRefused("redirect_refused", status=reply.status)

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 3600.0,
        idle: float = 60.0,
        max_bytes: int = MAX_STREAM_BYTES,
        redirects: Literal["refuse", "check"] = "refuse",
    ) -> Iterator[Stream]:
        """Ask for `url` with GET and read the answer piece by piece, whatever its status.

        `deadline`: seconds for everything, what the reader does in between included. `idle`: seconds that
        the sender may stay silent. `max_bytes`: of the body, as sent and as unpacked. `redirects` as in
        `request`. Leaving the block early closes the connection. Raises as `request`, also while the body is
        read.
        """
        sent = {"accept-encoding": "gzip", "user-agent": _USER_AGENT}
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        clock = Patience(deadline, idle)
        target = read_target(url, allow=self._allow)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send("GET", target, sent, None, clock)
            try:
                found = ReplyHeaders(dict(response.headers))
                status = response.status_code
                if status not in _REDIRECTS:
                    yield Stream(response, found, url=str(target.url), clock=clock, max_bytes=max_bytes)
                    return
            finally:
                response.close()
            if redirects == "refuse":
                break
            target, sent = self._redirected(target, sent, found, status)
        raise EgressRefused("redirect_refused", status=status)

    def _redirected(
        self, target: Target, sent: dict[str, str], headers: Mapping[str, str], status: int
    ) -> tuple[Target, dict[str, str]]:
        """Return where a redirect leads, and what may be sent there."""
        try:
            url = str(target.url.join(headers.get("location", "")))
        except (httpx2.InvalidURL, ValueError):
            raise EgressRefused("redirect_refused", status=status) from None
        following = read_target(url, allow=self._allow)
        if following.origin != target.origin:
            sent = {name: value for name, value in sent.items() if name in _HARMLESS}
        return following, sent

    def _ask(  # noqa: PLR0917
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        content: bytes | None,
        clock: Deadline,
        max_bytes: int,
    ) -> Reply:
        response = self._send(method, target, headers, content, clock)
        try:
            return _read(response, str(target.url), clock, max_bytes, head=method.upper() == "HEAD")
        except PortalError:
            raise
        except WIRE_ERRORS as error:
            translated = translate(error)
        finally:
            response.close()
        # Raised outside the handler: the library's exception holds the request, and with it the token.
        raise translated

    def _send(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        content: bytes | None,
        clock: Deadline,
    ) -> httpx2.Response:
        left = clock.left()
        request = httpx2.Request(
            method,
            target.url,
            headers=dict(headers),
            content=content,
            extensions={"timeout": {"connect": clock, "read": clock, "write": clock, "pool": left}},
        )
        try:
            return self._transport.handle_request(request)
        except PortalError:
            raise
        except WIRE_ERRORS as error:
            translated = translate(error)
        raise translated

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read(response: httpx2.Response, url: str, clock: Deadline, max_bytes: int, *, head: bool) -> Reply:
    headers = ReplyHeaders(dict(response.headers))
    announced = headers.get("content-length", "")
    if announced.isdecimal() and not head and (len(announced) > 18 or int(announced) > max_bytes):
        raise BadReply("too_large", status=response.status_code)
    try:
        body = Body(encoding="" if head else headers.get("content-encoding", ""), max_bytes=max_bytes)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        for chunk in response.stream:
            body.add(chunk)
            clock.left()
        content = body.finish()
    except BadReply as error:
        error.status = response.status_code
        raise
    return Reply(response.status_code, headers, content, url)
