"""What the HTTP library raised, as what the caller must do."""

from typing import Final

import httpcore2  # noqa: TID251  # this package is the way out
import httpx2  # noqa: TID251  # this package is the way out

from connectors.errors import EgressRefused, PortalError, RetryLater

WIRE_ERRORS: Final = (
    httpx2.TransportError,
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


def translate(error: Exception) -> PortalError:
    """Turn what the HTTP library raised into what the caller must do; its text stays behind."""
    if isinstance(error, (httpx2.TimeoutException, httpcore2.TimeoutException)):
        return RetryLater("timeout")
    if isinstance(error, (httpx2.ConnectError, httpcore2.ConnectError)):
        return RetryLater("unreachable")
    if isinstance(error, (httpx2.LocalProtocolError, httpcore2.LocalProtocolError)):
        return EgressRefused("request_refused")
    if isinstance(error, (httpx2.RemoteProtocolError, httpcore2.RemoteProtocolError)):
        # h11 has no class of its own for a body that ends before its announced length.
        return RetryLater("truncated" if "complete message body" in str(error) else "connection_lost")
    return RetryLater("connection_lost")
