"""Reading a URL before anything is sent to it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import httpx2  # noqa: TID251  # its parser, so that what is checked is what is sent

from connectors.egress.addresses import is_allowed, parse_address
from connectors.errors import EgressRefused
from connectors.secret import SUSPICIOUS, same_target

__all__ = ["Target", "read_target", "same_target"]

_PORTS: Final = {"https": 443, "http": 80}
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A URL that may be asked: `url` as it is sent, its scheme, host (lower case, IDNA) and port."""

    url: httpx2.URL
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what must stay the same for a credential to follow a redirect."""
        return (self.scheme, self.host, self.port)


def read_target(url: str, *, allow: Collection[tuple[str, int]]) -> Target:
    """Parse `url` and refuse what can be refused without asking a name server.

    `allow`: exact (host, port) pairs that may be plain http and local. Raises EgressRefused: `http_refused`
    for any scheme but https, `address_refused` for a malformed URL, one with a user name, or a literal
    internal address.
    """
    if SUSPICIOUS.search(url):
        raise EgressRefused("address_refused")
    try:
        parsed = httpx2.URL(url)
        host = parsed.raw_host.decode("ascii").lower()
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        raise EgressRefused("address_refused") from None
    port = parsed.port or _PORTS.get(parsed.scheme, 0)
    if parsed.scheme not in _PORTS:
        raise EgressRefused("http_refused")
    if not host or parsed.userinfo or not 0 < port <= _LAST_PORT:
        raise EgressRefused("address_refused")
    listed = (host, port) in allow
    if parsed.scheme != "https" and not listed:
        raise EgressRefused("http_refused")
    literal = parse_address(host)
    if literal is not None and not is_allowed(literal, home=listed):
        raise EgressRefused("address_refused")
    return Target(parsed.copy_with(fragment=None), parsed.scheme, host, port)
