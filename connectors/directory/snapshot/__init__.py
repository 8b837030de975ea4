"""The facts that ship with the program, so that a new installation finds hospitals at once: name, state, postal code,
base address, vendor. PURE.

A gzipped text. Each line begins with what it is: V a vendor, U the address of an endpoint of the vendor above it, N a
name there, with state and postal code after tabs. NOTICE beside it says where the facts come from, and under which
licence.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from importlib.resources import files

from connectors.directory.addresses import Address, clean
from connectors.directory.names import key_of
from connectors.directory.shapes import BadList, Listing, Skipped
from connectors.directory.vendors import Vendors

# What the shipped list is called in the directory.
NAME = "shipped with phr"
_FILE = "facts.txt.gz"


def pack(listings: Iterable[Listing]) -> bytes:
    """Return the facts of listings, each once, those of staff left out; the same listings give the same bytes."""
    facts: dict[tuple[str, str, str, str], Listing] = {}
    for each in listings:
        if not each.staff:
            facts.setdefault((each.base_url, key_of(each.name), each.state, each.postal_code), each)
    lines: list[str] = []
    vendor = address = ""
    for each in sorted(
        facts.values(), key=lambda one: (one.vendor, one.base_url, one.name, one.state, one.postal_code)
    ):
        if each.vendor != vendor:
            vendor, address = each.vendor, ""
            lines.append(f"V{vendor}")
        if each.base_url != address:
            address = each.base_url
            lines.append(f"U{each.published_url}")
        lines.append(f"N{each.name}\t{each.state}\t{each.postal_code}".rstrip("\t"))
    return gzip.compress("\n".join(lines).encode(), compresslevel=9, mtime=0)


def unpack(packed: bytes, *, vendors: Vendors) -> Iterator[Listing | Skipped]:
    """Yield the facts as listings; the profiles of today tell the vendor, else what was written down.

    Raises BadList for what was not packed so.
    """
    try:
        text = gzip.decompress(packed).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise BadList("The facts that ship with phr cannot be unpacked.") from None
    written, address = "", None
    for line in text.split("\n"):
        kind, said = line[:1], line[1:]
        if kind == "V":
            written = said
        elif kind == "U":
            address = clean(said)
        elif kind == "N" and isinstance(address, Address):
            name, state, code = (*said.split("\t"), "", "")[:3]
            vendor = vendors.of_address(address.bare, of_list=written)
            if vendor.replaced:
                yield Skipped("replaced", address.bare)
                continue
            yield Listing(
                base_url=address.bare,
                published_url=address.published,
                name=name,
                vendor=vendor.id,
                told=vendor.told,
                sure=vendor.sure,
                staff=vendor.staff,
                state=state,
                postal_code=code,
            )
        elif line:
            raise BadList("The facts that ship with phr cannot be read.")


def shipped() -> bytes:
    """Return what ships with the program, packed."""
    return files("connectors.directory.snapshot").joinpath(_FILE).read_bytes()
