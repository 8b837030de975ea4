"""FHIR Attachments: what a document or report carries or points at."""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from phr.timeline.events import Attachment
from phr.timeline.normalize import read, references

_SHA1_BYTES = 20


def attachments(found: Iterable[read.Json], *, base_url: str = "") -> tuple[Attachment, ...]:
    """Each Attachment with content type, address, size and the SHA-1 of its bytes where the portal lets us know it.

    SHA-1 because that is what `Attachment.hash` is (https://hl7.org/fhir/R4/datatypes.html#Attachment): inline data
    and hashes sent beside an address then compare with each other. Equality of content is its only use.
    """
    return tuple(_attachment(each, base_url) for each in found)


def _attachment(each: read.Json, base_url: str) -> Attachment:
    data = each.get("data")
    body = _bytes(data) if isinstance(data, str) else b""
    url = read.text(each, "url")
    size = each.get("size")
    return Attachment(
        content_type=read.text(each, "contentType").lower(),
        url=references.target(url, base_url) or url,
        title=read.text(each, "title"),
        size=size
        if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 53
        else len(body) or None,
        digest=sha1(body) if body else _sent_hash(each.get("hash")),
        inline=bool(body),
        language=read.text(each, "language"),
    )


def sha1(body: bytes) -> str:
    """`sha1:<hex>` of the bytes."""
    return f"sha1:{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"


_OF_NOTHING = sha1(b"")


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()).rstrip("=") + "==", validate=False)
    except (binascii.Error, ValueError):
        return b""


def _sent_hash(sent: object) -> str:
    """The hash a portal sent, unless it is that of no bytes at all (which some send for contents made on demand)."""
    body = _bytes(sent) if isinstance(sent, str) else b""
    digest = f"sha1:{body.hex()}" if len(body) == _SHA1_BYTES else ""
    return "" if digest == _OF_NOTHING else digest
