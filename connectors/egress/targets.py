"""Reading a URL before anything is sent to it, and deciding where a bearer token may go (PURE)."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx2  # noqa: TID251  # its parser, so that what is checked is what is sent

from connectors.egress.addresses import is_allowed, parse_address
from connectors.errors import EgressRefused

_PORTS: Final = {"https": 443, "http": 80}
_LAST_PORT: Final = 65535
# Parsers disagree about these; a real portal has none of them in an address.
_SUSPICIOUS: Final = re.compile(r"[\x00-\x20\x7f\\]")


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
    if _SUSPICIOUS.search(url):
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


def same_target(base_url: str, url: str) -> bool:
    """Say whether a bearer token for `base_url` may be sent to `url`: same scheme, host, port, and below
    its path.

    SMART App Launch 2.2 forbids sending it anywhere else. The path is compared without regard to case,
    because some servers spell their own base differently in `next` links; the host that answers stays the
    same. An address with a user name, a backslash, white space or a dot segment, plain or encoded, is never
    the same target.
    """
    base, other = _parts(base_url), _parts(url)
    if base is None or other is None or base[:3] != other[:3]:
        return False
    prefix = base[3].rstrip("/")
    return other[3] == prefix or other[3].startswith(f"{prefix}/")


def _parts(url: str) -> tuple[str, str, int, str] | None:
    """Scheme, host, port and folded path of an absolute http(s) URL, or None where it is unfit for a
    credential.
    """
    if _SUSPICIOUS.search(url):
        return None
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    scheme = split.scheme.lower()
    host = (split.hostname or "").lower()
    if scheme not in _PORTS or not host or split.username is not None or split.password is not None:
        return None
    path = unquote(split.path)
    if "\\" in path or any(segment in {".", ".."} for segment in unquote(path).split("/")):
        return None
    return scheme, host, port or _PORTS[scheme], path.casefold()
