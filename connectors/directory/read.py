"""From the bytes of a list to listings, and to rows that are none with the reason. PURE: its bytes are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO, Final

from connectors.directory import bundle, rows
from connectors.directory.addresses import Address, clean, is_r4
from connectors.directory.names import key_of, place_key, without_state
from connectors.directory.places import postal5, state_letters, state_of_postal
from connectors.directory.shapes import BadList, Listing, Reason, Row, Skipped
from connectors.directory.stream import members
from connectors.directory.unpack import MAGIC, unpacked
from connectors.directory.vendors import Vendor, Vendors

NAME_MAX: Final = 300
CITY_MAX: Final = 100
STATE_MAX: Final = 64
POSTAL_MAX: Final = 16
PRACTICE_MAX: Final = 128
URL_MAX: Final = 500
_WHAT_MAX: Final = 200
_HEAD: Final = 4096
# Texts that stand before what tells the format, all together.
_BEFORE_MAX: Final = 1024 * 1024


def read(
    stream: BinaryIO, *, vendors: Vendors, given: str = "", list_name: str = ""
) -> Iterator[Listing | Skipped]:
    """Yield what a list of endpoints holds, a Listing or a Skipped for each name at each address.

    Reads SMART brand bundles, bundles of Endpoint and Organization, Lantern's lists, arrays of objects, brand items,
    objects of names alone (all at the one address of the ``given`` vendor), and CSV; each of them gzipped too. The
    format is told from the beginning. ``stream`` can seek, and nothing is held of it but short strings, so that a
    bundle of 100 MB needs no more room than its names.

    ``given``: the id of the vendor that whoever loads the list says; ``list_name``: its file name or address.
    Raises BadList.
    """
    of_list = vendors.of_list(list_name) if list_name else ""
    seen: set[int] = set()
    for row in _rows(stream):
        if isinstance(row, Skipped):
            yield row
            continue
        for listing in _listings(row, vendors=vendors, given=given, of_list=of_list):
            if isinstance(listing, Listing) and _met(listing, seen):
                yield Skipped("duplicate", _what(row))
            else:
                yield listing


def _met(listing: Listing, seen: set[int]) -> bool:
    """Tell whether this name was at this address before, and remember it."""
    place = place_key(city=listing.city, state=listing.state, postal_code=listing.postal_code)
    mark = hash((listing.base_url, key_of(listing.name), place, listing.practice))
    met = mark in seen
    seen.add(mark)
    return met


def _rows(stream: BinaryIO) -> Iterator[Row | Skipped]:
    stream.seek(0)
    head = stream.read(_HEAD)
    if head.startswith(MAGIC):
        stream.seek(0)
        stream = unpacked(stream)
        head = stream.read(_HEAD)
        if head.startswith(MAGIC):
            raise BadList("It is packed with gzip more than once.")
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    stream.seek(0)
    if not begins:
        raise BadList("It is empty.")
    if begins == b"<":
        raise BadList("It is a web page or XML, and no list.")
    if begins not in b"[{":
        yield from rows.of_csv(stream)
        return

    def again() -> Iterator[tuple[str | None, Any]]:
        stream.seek(0)
        return members(stream)

    yield from _json(again)


def _json(again: Callable[[], Iterator[tuple[str | None, Any]]]) -> Iterator[Row | Skipped]:
    """Tell the format by the first members: a resource says its type among them."""
    walk = again()
    first = _first(walk)
    if not first:
        return
    name, value = first[-1]
    names = {each for each, _value in first}
    if (name == "resourceType" and value == "Bundle") or name == "entry":
        yield from bundle.rows(again)
    elif name is None or name in _MEMBERS:
        for each, element in chain(first, walk):
            if each == name:
                yield from rows.of_object(element)
    elif all(isinstance(each, str) for _name, each in first) and not names & {"resourceType", "error"}:
        yield from rows.of_names(chain(first, walk))
    else:
        raise BadList("It is JSON, but no list of endpoints of a kind that is known.")


def _first(walk: Iterator[tuple[str | None, Any]]) -> list[tuple[str | None, Any]]:
    """Return the texts that a file begins with, and the first member that is none. Raises BadList."""
    first: list[tuple[str | None, Any]] = []
    held = 0
    for name, value in walk:
        first.append((name, value))
        if name is None or name in _MEMBERS or not isinstance(value, str):
            break
        held += len(value)
        if held > _BEFORE_MAX:
            raise BadList("It is JSON, but no list of endpoints of a kind that is known.")
        if name == "resourceType" or len(first) > 50:
            break
    return first


# The arrays that lists keep their rows in.
_MEMBERS: Final = frozenset(
    {"Endpoints", "endpoints", "items", "data", "organizations", "results", "entries"}
)


def _listings(row: Row, *, vendors: Vendors, given: str, of_list: str) -> Iterator[Listing | Skipped]:
    url = row.url or (vendors.only_address(given or of_list) if row.practice else "")
    address = clean(url)
    if not isinstance(address, Address):
        yield Skipped(address, _what(row))
        return
    vendor = vendors.of_address(address.bare, given=given, of_list=of_list)
    name, state = without_state(_one_line(row.name, NAME_MAX))
    if reason := _fault(row, name=name, address=address, vendor=vendor):
        yield Skipped(reason, _what(row))
        return
    code = _one_line(row.postal_code, POSTAL_MAX)
    code = postal5(code) or code
    said = _one_line(row.state, STATE_MAX)
    listing = Listing(
        base_url=address.bare,
        published_url=address.published,
        name=name,
        vendor=vendor.id,
        told=vendor.told,
        sure=vendor.sure,
        staff=vendor.staff,
        aliases=tuple(_one_line(each, NAME_MAX) for each in row.aliases[:10]),
        city=_one_line(row.city, CITY_MAX),
        state=state_letters(said) or said or state or state_of_postal(code),
        postal_code=code,
        parent=_one_line(row.parent, NAME_MAX) if key_of(row.parent) != key_of(name) else "",
        logo_url=_web(row.logo_url),
        portal_name=_one_line(row.portal_name, NAME_MAX),
        portal_url=_web(row.portal_url),
        practice=_one_line(row.practice, PRACTICE_MAX),
        endpoint_name=_one_line(row.endpoint_name, NAME_MAX),
        fhir_version=_one_line(row.fhir_version, POSTAL_MAX),
        mended=address.mended,
    )
    yield listing
    if vendor.patients:
        there = vendor.patients
        yield replace(
            listing,
            base_url=there,
            published_url=there,
            staff=False,
            endpoint_name="",
            mended=("staff_address",),
        )


def _fault(row: Row, *, name: str, address: Address, vendor: Vendor) -> Reason | None:
    """Say why a row with a good address is no listing all the same."""
    if not is_r4(row.fhir_version):
        return "wrong_version"
    if row.status.lower() not in {"", "active"}:
        return "not_active"
    if row.connection and not row.connection.startswith("hl7-fhir"):
        return "not_fhir"
    if vendor.replaced:
        return "replaced"
    return None if _is_name(name, address) else "blank_name"


def _is_name(name: str, address: Address) -> bool:
    """Tell a name from nothing, from a number, and from the last piece of the address over again."""
    key = key_of(name)
    if not any(letter.isalpha() for letter in key):
        return False
    return key != key_of(address.bare.rsplit("/", 1)[-1])


def _one_line(text: str, most: int) -> str:
    """Return a text without control characters, and with one blank where there were several."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())[:most].strip()


def _web(text: str) -> str:
    """Return an https address that fits; "" for any other: nobody is sent elsewhere."""
    text = text.strip()
    return text if text.startswith("https://") and len(text) <= URL_MAX and text.isprintable() else ""


def _what(row: Row) -> str:
    return _one_line(row.url or row.name, _WHAT_MAX)
