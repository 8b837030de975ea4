"""The wire: resolve a name, check every address it has, and connect to exactly the one that was checked."""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import httpcore2  # noqa: TID251  # this package is the way out
import httpx2  # noqa: TID251  # this package is the way out

from connectors.egress.addresses import Address, is_allowed, parse_address
from connectors.egress.limits import Deadline
from connectors.errors import EgressRefused, PortalError, RetryLater

Resolver = Callable[[str, int], Sequence[str]]

# A dead first address (often IPv6) must not use up the time of the living second one.
_CONNECT_SECONDS: Final = 10.0
# Checked addresses live as long as their connection; idle ones are let go early enough to follow a moved
# portal.
_KEEP_ALIVE_SECONDS: Final = 60.0
_MAX_CONNECTIONS: Final = 100
# Failures of the handshake that waiting does not mend: the server speaks nothing newer than TLS 1.1.
_TLS_TOO_OLD: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system for the addresses of `host`, in its order of preference. Raises
    socket.gaierror.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def tls_context() -> ssl.SSLContext:
    """Verify certificates and names against the system's trust store, with TLS 1.2 as the oldest version."""
    context = httpcore2.default_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Wire(httpx2.BaseTransport):
    """A keep-alive pool over `CheckedBackend`; without proxies, retries or cookies of its own."""

    def __init__(
        self, *, allow: Collection[tuple[str, int]], resolve: Resolver, tls: ssl.SSLContext | None
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls or tls_context(),
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=CheckedBackend(allow=allow, resolve=resolve),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Failures leave as httpcore2's own exceptions or as ours."""
        assert isinstance(request.stream, httpx2.SyncByteStream)
        url = request.url
        reply = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(reply.stream, Iterable)
        return httpx2.Response(reply.status, headers=reply.headers, stream=_Stream(reply.stream))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Stream(httpx2.SyncByteStream):
    def __init__(self, inner: Iterable[bytes]) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()


class CheckedBackend(httpcore2.NetworkBackend):
    """Opens TCP connections to checked addresses only; TLS above it still sees the name."""

    def __init__(self, *, allow: Collection[tuple[str, int]], resolve: Resolver) -> None:
        self._allow = allow
        self._resolve = resolve
        self._tcp = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of `host` that answers, after all of them passed.

        One refused address refuses the name: an honest portal has no internal address beside its public
        one, a rebinding attack does.
        """
        deadline = timeout if isinstance(timeout, Deadline) else Deadline(_CONNECT_SECONDS)
        home = (host.lower(), port) in self._allow
        addresses = self._addresses(host, port, deadline)
        if not addresses:
            raise RetryLater("unreachable")
        if not all(is_allowed(address, home=home) for address in addresses):
            raise EgressRefused("address_refused")
        for position, address in enumerate(addresses, start=1):
            try:
                stream = self._tcp.connect_tcp(
                    str(address),
                    port,
                    timeout=min(deadline.left(), _CONNECT_SECONDS),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if position == len(addresses):
                    raise
            else:
                return TimedStream(stream)
        raise RetryLater("unreachable")

    def _addresses(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        literal = parse_address(host)
        if literal is not None:
            return [literal]
        texts = _within(deadline, lambda: self._resolve(host, port))
        addresses = [parse_address(text) for text in texts]
        if None in addresses:
            raise EgressRefused("address_refused")
        return [address for address in addresses if address is not None]


def _within(deadline: Deadline, ask: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Run a look-up, which cannot be interrupted, in a thread that is left behind when the time is over."""
    answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=run, name="egress-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise RetryLater("timeout") from None
    if isinstance(answer, UnicodeError):  # the idna codec: no such name can exist
        raise EgressRefused("address_refused")
    if isinstance(answer, OSError):
        # Also "no such name": a home connection that is down says so about every name, and it comes back.
        raise RetryLater("unreachable")
    return answer


class TimedStream(httpcore2.NetworkStream):
    """A stream whose every operation is bounded by what is left of the exchange's deadline."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands; a certificate that does not verify is a refusal, not something to try again."""
        try:
            return TimedStream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))
        except httpcore2.ConnectError as error:
            refused = _refusal(error)
            if refused is None:
                raise
        except PortalError:
            self.close()
            raise
        raise refused

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _refusal(error: BaseException) -> EgressRefused | None:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError) or (
        isinstance(cause, ssl.SSLError) and cause.reason in _TLS_TOO_OLD
    ):
        return EgressRefused("certificate_refused")
    return None


def _left(timeout: float | None) -> float | None:
    return timeout.left() if isinstance(timeout, Deadline) else timeout
