"""The formats whose rows stand by themselves: Lantern's, vendors' own arrays, brand items, names alone, CSV. PURE."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from connectors.directory.shapes import BadList, Row, Skipped

# A cell longer than this is no name and no address.
CELL_MAX: Final = 2000
# Letters in one row of a table, however many lines it goes over.
ROW_MAX: Final = 4 * 1024 * 1024
# What lists call our fields; letters only, small.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "url": (
        "url",
        "address",
        "endpoint",
        "endpointurl",
        "baseurl",
        "fhirbaseurl",
        "servicebaseurl",
        "fhirurl",
        "fhirendpoint",
        "fhirserverurl",
        "r4url",
    ),
    "name": (
        "name",
        "organizationname",
        "displayname",
        "brandname",
        "practicename",
        "facilityname",
        "accountname",
        "organization",
        "customername",
    ),
    "city": ("city", "organizationcity"),
    "state": ("state", "organizationstate", "region", "province"),
    "postal_code": ("postalcode", "zip", "zipcode", "organizationzipcode", "organizationpostalcode"),
    "parent": ("parent", "parentname", "parentorganization", "healthsystem"),
    "logo_url": ("logo", "logourl", "brandlogo"),
    "portal_name": ("portalname",),
    "portal_url": ("portalurl", "portal"),
    "practice": ("practice", "practiceid"),
    "fhir_version": ("fhirversion", "version"),
    "status": ("status",),
}
_FIELD: Final = {name: field for field, names in _NAMES.items() for name in names}
_RANK: Final = {name: rank for names in _NAMES.values() for rank, name in enumerate(names)}
_LETTERS: Final = re.compile(r"[^a-z0-9]+")


def of_object(value: object) -> Iterator[Row | Skipped]:
    """Read one object of an array: (id, name, url, ...), under whichever names its list gives them."""
    if not isinstance(value, dict):
        yield Skipped("not_a_row", str(value)[:200] if isinstance(value, str) else "")
        return
    endpoints = value.get("endpoints")
    if not isinstance(endpoints, list):
        yield _row(fields(value))
        return
    # A brand with its endpoints inside.
    said = fields({key: cell for key, cell in value.items() if key != "endpoints"})
    for endpoint in endpoints or [{}]:
        inner = fields(endpoint) if isinstance(endpoint, dict) else {}
        yield _row({**said, "url": inner.get("url", ""), "endpoint_name": inner.get("name", "")})


def fields(value: Mapping[str, Any]) -> dict[str, str]:
    """Return what an object says, by the names of Row's fields; where two names mean one, the plainer one goes."""
    found: dict[str, tuple[int, str]] = {}
    for key, cell in value.items():
        plain = _LETTERS.sub("", key.casefold())
        field = _FIELD.get(plain)
        text = _text(cell)
        if field is not None and text and (field not in found or _RANK[plain] < found[field][0]):
            found[field] = _RANK[plain], text
    return {field: text for field, (_rank, text) in found.items()}


def of_names(members: Iterable[tuple[str | None, Any]]) -> Iterator[Row | Skipped]:
    """Read an object of names alone: {"10": "A practice"}; every one stands at the vendor's one address."""
    for practice, name in members:
        if isinstance(name, str) and practice:
            yield Row(name=name.strip(), practice=practice)
        else:
            yield Skipped("not_a_row", practice or "")


def of_csv(stream: BinaryIO) -> Iterator[Row | Skipped]:
    """Read a table with a line of headings. Raises BadList where no heading means an address.

    It raises BadList for a row of more than 4 million letters, too.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        table = _records(text)
        headings = [_FIELD.get(_LETTERS.sub("", heading.casefold()), "") for heading in next(table, [])]
        if "url" not in headings:
            raise BadList("It is neither JSON nor a table with a column for the address (url).")
        for line in table:
            if not any(cell.strip() for cell in line):
                continue
            said = {
                field: cell.strip()
                for field, cell in zip(headings, line, strict=False)
                if field and len(cell) <= CELL_MAX
            }
            yield _row(said)
    except UnicodeDecodeError:
        raise BadList("It is not written in UTF-8.") from None
    except csv.Error:
        raise BadList("It is no table in CSV.") from None
    finally:
        text.detach()


def _records(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """Yield the cells of each row. What is held is one row, whose length is told before it is all read."""
    held = 0

    def lines() -> Iterator[str]:
        nonlocal held
        while line := text.readline(ROW_MAX + 1):
            held += len(line)
            if held > ROW_MAX:
                raise BadList("A row of it is longer than a row of a table can be.")
            yield line

    for record in csv.reader(lines()):
        held = 0
        yield record


def _row(said: dict[str, str]) -> Row:
    given: dict[str, Any] = dict(said)
    return Row(**given)


def _text(cell: object) -> str:
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        return ""
    text = str(cell)
    return text.strip() if len(text) <= CELL_MAX else ""
