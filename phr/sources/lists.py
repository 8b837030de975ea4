"""Where a published list comes from: a file, or an address that is asked only for what changed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

from connectors.directory import BadList, Vendors, read, snapshot
from connectors.egress import Egress
from connectors.errors import BadReply
from phr.sources.loading import Loaded, load
from phr.sources.models import EndpointList
from phr.sources.profiles import all_profiles, profile_of

# The largest list that is published has some 95 MB; it is no reason to fill a disk.
MAX_BYTES: Final = 1024**3
_PIECE: Final = 1024 * 1024
# Kept in memory up to here, in a file of the moment beyond.
_SPOOLED: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Arrived:
    stream: BinaryIO
    digest: bytes
    etag: str = ""
    last_modified: str = ""


def load_list(
    *, where: str, vendor: str = "", name: str = "", egress: Egress, now: datetime
) -> Loaded | None:
    """Load one list, from a file or an https address; returns None where it has not changed since the last time.

    ``vendor``: the profile id that whoever loads it says; ``name``: what the list is called from now on, in place of
    its address or file name. `brandwords.refresh` is due after it, once for all lists. Raises BadList, OSError,
    UnknownProfile, and the PortalErrors of asking.
    """
    if vendor:
        profile_of(vendor)
    profiles = all_profiles()
    known = EndpointList.objects.filter(name=name or list_name(where)).first()
    with _opened(where, known=known, egress=egress) as arrived:
        if arrived is None:
            return None
        # What the profiles say of addresses may have changed since, so the same bytes may read differently.
        mark = hashlib.sha256(arrived.digest + vendor.encode() + _facts())
        if known is not None and known.digest is not None and bytes(known.digest) == mark.digest():
            return None
        return load(
            name=name or list_name(where),
            found=read(arrived.stream, vendors=vendors(), given=vendor, list_name=where),
            vendor_names={each.id: each.name for each in profiles.values()},
            now=now,
            vendor=vendor,
            etag=arrived.etag,
            last_modified=arrived.last_modified,
            digest=mark.digest(),
        )


def load_shipped(*, now: datetime) -> Loaded | None:
    """Load the facts that ship with the program; returns None where they are in the directory already.

    They are a list like others: what was loaded besides stays as it is. `brandwords.refresh` is due after it.
    """
    packed = snapshot.shipped()
    mark = hashlib.sha256(packed + _facts()).digest()
    known = EndpointList.objects.filter(name=snapshot.NAME).first()
    if known is not None and known.digest is not None and bytes(known.digest) == mark:
        return None
    return load(
        name=snapshot.NAME,
        found=snapshot.unpack(packed, vendors=vendors()),
        vendor_names={each.id: each.name for each in all_profiles().values()},
        now=now,
        digest=mark,
    )


def list_name(where: str) -> str:
    """Return the identity of a list: its address, or the last two parts of its path."""
    return where if is_address(where) else "/".join(Path(where).resolve().parts[-2:])


def is_address(where: str) -> bool:
    """Tell an address from the path of a file."""
    return where.startswith(("https://", "http://"))


def vendors() -> Vendors:
    """Return what the profiles of this process know of addresses."""
    return Vendors(all_profiles().values())


def _facts() -> bytes:
    return repr([(each.id, each.addresses) for each in all_profiles().values()]).encode()


@contextmanager
def _opened(where: str, *, known: EndpointList | None, egress: Egress) -> Iterator[_Arrived | None]:
    if not is_address(where):
        with Path(where).open("rb") as file:
            if Path(where).stat().st_size > MAX_BYTES:
                raise BadList("It is larger than a gigabyte.")
            yield _Arrived(stream=file, digest=_digest(file))
        return
    headers = {"accept": "application/fhir+json, application/json, text/csv;q=0.9, */*;q=0.1"}
    if known is not None and known.etag:
        headers["if-none-match"] = known.etag
    elif known is not None and known.last_modified:
        headers["if-modified-since"] = known.last_modified
    with (
        tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as kept,
        egress.stream(where, headers=headers, max_bytes=MAX_BYTES, redirects="check") as reply,
    ):
        if reply.status == 304:
            yield None
            return
        if reply.status != 200:
            raise BadReply("bad_response", status=reply.status)
        stream = cast("BinaryIO", kept)
        for piece in reply:
            stream.write(piece)
        yield _Arrived(
            stream=stream,
            digest=_digest(stream),
            etag=reply.headers.get("etag", "")[:200],
            last_modified=reply.headers.get("last-modified", "")[:64],
        )


def _digest(stream: BinaryIO) -> bytes:
    stream.seek(0)
    found = hashlib.sha256()
    while piece := stream.read(_PIECE):
        found.update(piece)
    stream.seek(0)
    return found.digest()
