"""Public JSON documents of a server, kept for as long as HTTP allows (RFC 9111): discovery and key sets.

SMART App Launch 2.2: clients should re-use what a server says of itself "by its HTTP headers".
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urljoin

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, EgressRefused
from connectors.smart.replies import failure_of
from connectors.smart.server import origin

Document = Mapping[str, Any]
Reader = Callable[[Reply], Document]

# A server that promises its addresses for a year is asked again after a day.
LONGEST_FRESH: Final = 86400.0
# A directory's worth of portals in daily use; each entry is some kilobytes.
SIZE: Final = 256
_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Document
    etag: str
    last_modified: str
    fresh_until: float


class DocumentCache:
    """What servers said of themselves, in this process: bounded, the one not asked for longest goes first.

    Thread-safe. It holds nothing about a person: such documents are fetched without a credential.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, size: int = SIZE) -> None:
        """`clock`: seconds, from any beginning. `size`: documents."""
        self._clock = clock
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def fresh(self, key: str) -> Document | None:
        """Return a document that may be used without asking, or None."""
        kept = self._get(key)
        return kept.document if kept and kept.fresh_until > self._clock() else None

    def validators(self, key: str) -> dict[str, str]:
        """Return the headers that let a server answer "not modified"; {} where nothing is kept."""
        kept = self._get(key)
        if kept is None:
            return {}
        pairs = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
        return {name: value for name, value in pairs.items() if value}

    def renew(self, key: str, reply: Reply) -> Document | None:
        """Take a 304 for what is kept, and return that; None when it went in the meantime."""
        kept = self._get(key)
        if kept is None:
            return None
        self._put(key, replace(kept, fresh_until=self._clock() + _lifetime(reply)))
        return kept.document

    def keep(self, key: str, document: Document, reply: Reply) -> None:
        """Keep a document as long as its headers allow; one that may not be kept replaces none."""
        if "no-store" in _directives(reply):
            with self._lock:
                self._kept.pop(key, None)
            return
        etag, modified = reply.headers.get("ETag", ""), reply.headers.get("Last-Modified", "")
        lifetime = _lifetime(reply)
        if lifetime or etag or modified:
            self._put(key, _Kept(document, etag, modified, self._clock() + lifetime))

    def __len__(self) -> int:
        """How many documents are kept."""
        return len(self._kept)

    def _get(self, key: str) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _put(self, key: str, kept: _Kept) -> None:
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def fetch_document(
    *,
    egress: Egress,
    url: str,
    read: Reader,
    max_bytes: int,
    headers: Mapping[str, str] = _EMPTY,
    cache: DocumentCache | None = None,
    anew: bool = False,
) -> Document:
    """Return what `read` makes of the answer of `url`, from `cache` where that is still good.

    `anew`: asked although a kept one is fresh. Redirects are followed on the same scheme, host and port
    alone: what another server says of this one is not believed, and it is not even asked. Raises what `read`
    raises, RetryLater, EgressRefused, and BadReply: `discovery_elsewhere` for a redirect away,
    `bad_discovery` for any other status.
    """
    sent = {"Accept": "application/json", **headers}
    key = "\n".join((url, *(f"{name.lower()}: {value}" for name, value in sorted(sent.items()))))
    if cache is not None and not anew and (known := cache.fresh(key)) is not None:
        return known
    validators = cache.validators(key) if cache is not None else {}
    reply = _get(egress, url, {**sent, **validators}, max_bytes)
    if reply.status == 304 and cache is not None and validators:
        known = cache.renew(key, reply)
        if known is not None:
            return known
    if reply.status != 200:
        raise failure_of(reply) or BadReply("bad_discovery", status=reply.status)
    document = read(reply)
    if cache is not None:
        cache.keep(key, document, reply)
    return document


def _get(egress: Egress, url: str, headers: Mapping[str, str], max_bytes: int) -> Reply:
    try:
        home, address = origin(url), url
    except ValueError:
        raise EgressRefused("address_refused") from None
    for _ in range(_MAX_REDIRECTS + 1):
        reply = egress.request("GET", address, headers=headers, max_bytes=max_bytes, redirects="return")
        if reply.status not in _REDIRECTS:
            return reply
        try:
            address = urljoin(address, reply.headers.get("Location", ""))
            stays = origin(address) == home
        except ValueError:
            stays = False
        if not stays:
            raise BadReply("discovery_elsewhere", status=reply.status)
    raise EgressRefused("redirect_refused", status=reply.status)


def _lifetime(reply: Reply) -> float:
    """Return the seconds for which an answer is fresh (RFC 9111, 4.2); 0 where it must be asked about."""
    directives = _directives(reply)
    if {"no-store", "no-cache"} & set(directives):
        return 0.0
    seconds = _seconds(directives["max-age"]) if "max-age" in directives else _until_expiry(reply)
    return min(max(seconds - _seconds(reply.headers.get("Age", "")), 0.0), LONGEST_FRESH)


def _until_expiry(reply: Reply) -> float:
    """Return Expires less Date, both by the server's own clock; 0 without either."""
    try:
        expires = parsedate_to_datetime(reply.headers.get("Expires", ""))
        sent = parsedate_to_datetime(reply.headers.get("Date", ""))
        return (expires - sent).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _directives(reply: Reply) -> dict[str, str]:
    found = {}
    for part in reply.headers.get("Cache-Control", "").split(","):
        name, _, value = part.strip().partition("=")
        found[name.lower()] = value.strip('"')
    return found


def _seconds(text: str) -> float:
    text = text.strip()
    return float(text[:9]) if text.isascii() and text.isdigit() else 0.0
