"""What a finished export consists of (PURE). Source: HL7 Bulk Data Access, "Complete Status"."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from connectors.errors import BadReply

FileKind = Literal["output", "deleted", "error"]

# A server that writes a file for each patient and type of a large hospital stays below that.
MAX_FILES: Final = 100_000
_TYPE_LENGTH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file to fetch. `resource_type`: what its lines hold; `count`: how many the server says, or None."""

    kind: FileKind
    resource_type: str
    url: str = field(repr=False)
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the server says of a finished export.

    `transaction_time`: the state of the server that it shows, and where the next one begins. `requires_token`:
    the files are given to the bearer of the access token alone. `next_url`: further files stand in another
    manifest (version 3 of the specification), None on the last.
    """

    transaction_time: datetime
    requires_token: bool
    files: tuple[File, ...]
    next_url: str | None = field(default=None, repr=False)


def read_manifest(body: bytes, *, status_url: str) -> Manifest:
    """Read and check a manifest; relative addresses are taken from `status_url`.

    Version 4 of the specification calls `error` `outcome`; either is read. Raises BadReply `not_json`, `too_deep` and
    `bad_response`: a manifest that is not understood whole is not used in part, for nobody would know what is missing.
    """
    try:
        found = msgspec.json.decode(body)
    except RecursionError:
        raise BadReply("too_deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadReply("not_json") from None
    if not isinstance(found, dict) or not isinstance(found.get("requiresAccessToken"), bool):
        raise BadReply("bad_response")
    files = [
        *_files(found, "output", kind="output", status_url=status_url, required=True),
        *_files(found, "deleted", kind="deleted", status_url=status_url),
        *_files(found, "error", kind="error", status_url=status_url),
        *_files(found, "outcome", kind="error", status_url=status_url),
    ]
    if len(files) > MAX_FILES:
        raise BadReply("too_large")
    return Manifest(
        transaction_time=_moment(found.get("transactionTime")),
        requires_token=found["requiresAccessToken"],
        files=tuple(files),
        next_url=_next(found.get("link"), status_url),
    )


def _files(
    found: dict[str, Any], name: str, *, kind: FileKind, status_url: str, required: bool = False
) -> list[File]:
    listed = found.get(name)
    if listed is None and not required:
        return []
    if not isinstance(listed, list):
        raise BadReply("bad_response")
    return [_file(each, kind=kind, status_url=status_url) for each in listed]


def _file(item: object, *, kind: FileKind, status_url: str) -> File:
    if not isinstance(item, dict):
        raise BadReply("bad_response")
    named = item.get("type")
    if kind == "error":
        named = named or "OperationOutcome"  # some servers leave out what can be nothing else
    if kind == "deleted":
        named = named or "Bundle"
    if not isinstance(named, str) or not named.isascii() or not named.isalpha() or len(named) > _TYPE_LENGTH:
        raise BadReply("bad_response")
    count = item.get("count")
    return File(
        kind=kind,
        resource_type=named,
        url=_address(item.get("url"), status_url),
        count=count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None,
    )


def _address(value: object, status_url: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadReply("bad_response")
    try:
        url = urljoin(status_url, value.strip())
        fit = urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)
    except ValueError:
        fit = False
    if not fit:
        raise BadReply("bad_response")
    return url


def _next(links: object, status_url: str) -> str | None:
    if not isinstance(links, list):
        return None
    for link in links:
        if isinstance(link, dict) and link.get("relation") == "next":
            return _address(link.get("url"), status_url)
    return None


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise BadReply("bad_response")
    # An instant must name its zone; one that does not is read as UTC, and the next export asks for a little more.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
