"""FHIR JSON in and out of the sandbox, every number's text kept: 13.20 stays 13.20, and 1e-3 stays 1e-3."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

import msgspec

TYPE_NAME: Final = re.compile(r"[A-Z][A-Za-z]+")
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")

# A urn:uuid or an absolute address can only be rewritten where it is a link; an identifier may hold the
# same text.
LINK: Final = re.compile(rb'("(?:reference|url)"\s*:\s*)"((?:urn:|https?:)[^"\\]+)"')


class Number(Decimal):
    """A number whose text `Decimal` would spell differently ("1e-3", "1E5"): it is written as it was read."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Keep `text` beside the value."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class RecordsError(ValueError):
    """A file holds no FHIR that can be served. Names the file, never its content."""


def _number(text: str) -> Decimal:
    plain = Decimal(text)
    return plain if str(plain) == text else Number(text)


def _literal(value: object) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.text.encode())
    if isinstance(value, Decimal):
        return msgspec.Raw(str(value).encode())
    msg = f"{type(value).__name__} has no place in FHIR JSON"
    raise TypeError(msg)


_decoder: Final = msgspec.json.Decoder(dict[str, Any], float_hook=_number)
_encoder: Final = msgspec.json.Encoder(enc_hook=_literal, decimal_format="number")


def parse(raw: bytes | str) -> dict[str, Any]:
    """Read one JSON object; its decimals are `Decimal`, and `dump` writes each with the text it came with.

    Raises `msgspec.DecodeError` when it is not a JSON object.
    """
    return _decoder.decode(raw)


def dump(resource: Mapping[str, Any]) -> bytes:
    """Write `resource` as compact JSON, keys in their order; `Decimal("13.20")` becomes 13.20."""
    return _encoder.encode(resource)


class _Entry(msgspec.Struct):
    fullUrl: str = ""  # noqa: N815 - the name FHIR gives it
    resource: msgspec.Raw = msgspec.Raw()
    search: dict[str, Any] = {}


class _Head(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - the name FHIR gives it
    id: str = ""
    entry: list[_Entry] = []


_head: Final = msgspec.json.Decoder(_Head)


def read_raw(paths: Iterable[Path]) -> list[bytes]:
    """Read files (Bundle, single resource, or NDJSON of either) into the resources' own JSON text, in order.

    A reference by the `fullUrl` of an entry of the same file becomes `Type/id`; nothing else of the text
    changes. A resource without an id gets the one of its `urn:uuid`. The same `Type/id` twice: the first
    counts.
    Raises `RecordsError`.
    """
    found: dict[tuple[str, str], bytes] = {}
    for path in paths:
        for raw in _read_file(path):
            head = _head.decode(raw)
            found.setdefault((head.resourceType, head.id), raw)
    return list(found.values())


def read_records(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read the same as `read_raw`, parsed: what a split between portals works on."""
    return [parse(raw) for raw in read_raw(paths)]


def bundle_resources(content: bytes) -> list[bytes]:
    """Take the resources out of one Bundle's text, links by `fullUrl` rewritten. Raises `RecordsError`."""
    return _document(content, name="the Bundle")


def _read_file(path: Path) -> list[bytes]:
    content = path.read_bytes()
    try:
        return _document(content, name=path.name)
    except RecordsError:
        lines = [line for line in content.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
    return [raw for line in lines for raw in _document(line, name=path.name)]


def _document(content: bytes, *, name: str) -> list[bytes]:
    try:
        head = _head.decode(content)
    except msgspec.DecodeError as error:
        msg = f"{name} is not FHIR JSON"
        raise RecordsError(msg) from error
    if not TYPE_NAME.fullmatch(head.resourceType):
        msg = f"{name} holds an object that is no FHIR resource"
        raise RecordsError(msg)
    if head.resourceType != "Bundle":
        if not head.id:
            msg = f"{name} holds a {head.resourceType} without an id"
            raise RecordsError(msg)
        return [content.strip()]
    links: dict[bytes, bytes] = {}
    resources = [_entry(entry, links=links, name=name) for entry in head.entry if _is_record(entry)]

    def rewrite(match: re.Match[bytes]) -> bytes:
        target = links.get(match[2])
        return match[0] if target is None else match[1] + b'"' + target + b'"'

    return [LINK.sub(rewrite, raw) for raw in resources]


def _is_record(entry: _Entry) -> bool:
    return bytes(entry.resource) not in {b"", b"null"} and entry.search.get("mode") != "outcome"


def _entry(entry: _Entry, *, links: dict[bytes, bytes], name: str) -> bytes:
    raw = bytes(entry.resource)
    inner = _head.decode(raw)
    identifier = inner.id or re.split("[:/]", entry.fullUrl)[-1]
    if not IDENTIFIER.fullmatch(identifier) or not TYPE_NAME.fullmatch(inner.resourceType):
        msg = f"{name} holds an entry without type or id"
        raise RecordsError(msg)
    if entry.fullUrl:
        links[entry.fullUrl.encode()] = f"{inner.resourceType}/{identifier}".encode()
    return raw if inner.id else add_members(raw, f'"id":"{identifier}"'.encode())


def add_members(raw: bytes, members: bytes) -> bytes:
    """Put further members at the start of a JSON object's text and leave the rest as it stands."""
    start = raw.index(b"{") + 1
    rest = raw[start:]
    return raw[:start] + members + (b"" if rest.lstrip().startswith(b"}") else b",") + rest
