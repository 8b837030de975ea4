"""A Bundle as the portal sent it: one raw slice an entry, with just enough read to know what it is.

Nothing here goes through a float or drops a field: the slice is the record. One bad entry carries its fault
and the others of the page go on (FHIR R4, Bundle: https://hl7.org/fhir/R4/bundle.html).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec

from connectors.errors import BadReply
from connectors.fhir.caps import MAX_PAGE_BYTES, Fault, fault_of
from connectors.fhir.scan import ScanError, elements, members

# FHIR allows 64 characters of [A-Za-z0-9.-]; vendors send more of both. What could change a path is refused.
_ID: Final = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~:|=+@-]{1,255}")
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_BOM: Final = b"\xef\xbb\xbf"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One resource of a page.

    `raw`: its JSON as sent. `version_id`, `last_updated`: `meta.versionId` and `meta.lastUpdated` as sent,
    "" where absent. `mode`: `search.mode`, "" where absent. `full_url`: as sent, for `urn:uuid` references
    within a bundle. `fault`: why it belongs in quarantine, else None; then type and id are "" where they
    could not be read.
    """

    raw: bytes
    resource_type: str
    id: str
    version_id: str = ""
    last_updated: str = ""
    mode: str = ""
    full_url: str = ""
    fault: Fault | None = None

    def __repr__(self) -> str:
        """Say what it is, not what it says."""
        return f"Entry({self.resource_type}, {len(self.raw)} bytes, fault={self.fault})"


class Page(msgspec.Struct, frozen=True):
    """One page of a search: its resources, OperationOutcomes apart from them, and where the next page is.

    `next_url` is absolute and otherwise as the portal wrote it; None on the last page. `total`: what the
    portal claims, None where it claims nothing. `bundle_type`: searchset, collection, transaction ...
    `made_at`: `meta.lastUpdated` of the bundle as sent, "" where absent. `instant`: when the portal answered by
    its own clock, as FHIR writes it; the client knows, and sets it.
    """

    entries: tuple[Entry, ...]
    next_url: str | None = None
    total: int | None = None
    outcomes: tuple[bytes, ...] = ()
    bundle_type: str = ""
    identifier: str = ""
    made_at: str = ""
    instant: str = ""

    def matched(self, resource_type: str = "") -> int:
        """Count the entries that the query itself found, apart from what came along with them.

        Where the server does not say why an entry is there, those of `resource_type` count, which is what was
        searched for, and those whose type cannot be read; "" counts all.
        """
        wanted = {"", resource_type}
        return sum(
            entry.mode == "match" or (not entry.mode and (not resource_type or entry.resource_type in wanted))
            for entry in self.entries
        )

    def __repr__(self) -> str:
        """Counts only: the next link holds search values, the entries a record."""
        return f"Page({len(self.entries)} entries, next={self.next_url is not None}, total={self.total})"


class _Meta(msgspec.Struct, gc=False):
    versionId: str | None = None  # noqa: N815
    lastUpdated: str | None = None  # noqa: N815


class _Head(msgspec.Struct, gc=False):
    resourceType: str = ""  # noqa: N815
    id: str = ""
    meta: _Meta | None = None


class _Search(msgspec.Struct, gc=False):
    mode: str | None = None


class _Slice(msgspec.Struct, gc=False):
    resource: msgspec.Raw = msgspec.Raw(b"")
    search: _Search | None = None
    fullUrl: str | None = None  # noqa: N815


class _Link(msgspec.Struct, gc=False):
    relation: str | None = None
    url: str | None = None


class _Identifier(msgspec.Struct, gc=False):
    value: str | None = None


class _Bundle(msgspec.Struct, gc=False):
    resourceType: str = ""  # noqa: N815
    type: str | None = None
    total: int | float | None = None
    link: list[_Link] | None = None
    entry: list[_Slice] | None = None
    identifier: _Identifier | None = None
    meta: _Meta | None = None


_read_bundle: Final = msgspec.json.Decoder(_Bundle).decode
_read_head: Final = msgspec.json.Decoder(_Head).decode
T = TypeVar("T")

_BROKEN: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def read_page(body: bytes, *, base_url: str) -> Page:
    """Split a Bundle into its entries.

    `base_url`: what a relative `next` link is relative to. OperationOutcome entries, and those with
    `search.mode=outcome`, become `Page.outcomes`. Raises BadReply: `too_large` above 50 MB, `html` for a
    web page, `not_json` where the entries cannot be told apart, `bad_bundle` for any other resource.
    """
    body = _checked(body)
    try:
        bundle = _read_bundle(body)
        slices = bundle.entry or []
    except _BROKEN:
        bundle, slices = _salvage(body)
    if bundle.resourceType != "Bundle":
        raise BadReply("bad_bundle")
    entries: list[Entry] = []
    outcomes: list[bytes] = []
    for piece in slices:
        mode = (piece.search.mode or "") if piece.search is not None else ""
        entry = _entry(bytes(piece.resource), mode, piece.fullUrl or "")
        if mode == "outcome" or entry.resource_type == "OperationOutcome":
            outcomes.append(entry.raw)
        else:
            entries.append(entry)
    return Page(
        entries=tuple(entries),
        next_url=_next_url(bundle.link or [], base_url),
        total=_total(bundle.total),
        outcomes=tuple(outcomes),
        bundle_type=bundle.type or "",
        identifier=(bundle.identifier.value or "") if bundle.identifier is not None else "",
        made_at=(bundle.meta.lastUpdated or "") if bundle.meta is not None else "",
    )


def read_resource(body: bytes) -> Entry:
    """Read a single resource. Raises BadReply `too_large` or `html`; any other fault stands in the Entry."""
    return _entry(_checked(body), "", "")


def iter_ndjson(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Read one resource a line, skipping empty lines; a line that is not one comes as an Entry with a
    fault.
    """
    for line in lines:
        raw = line.strip().removeprefix(_BOM)
        if raw:
            yield _entry(raw, "", "")


def resource_type_of(body: bytes) -> str:
    """Return `resourceType` of a JSON object, "" for anything else."""
    try:
        return _read_head(body).resourceType
    except _BROKEN:
        return ""


def is_html(body: bytes) -> bool:
    """Say whether a body is markup: no JSON begins so."""
    return body[:200].removeprefix(_BOM).lstrip()[:1] == b"<"


def _checked(body: bytes) -> bytes:
    if len(body) > MAX_PAGE_BYTES:
        raise BadReply("too_large")
    if is_html(body):
        raise BadReply("html")
    return body.removeprefix(_BOM).strip()


def _entry(raw: bytes, mode: str, full_url: str) -> Entry:
    try:
        head = _read_head(raw)
    except _BROKEN:
        return _faulty(raw, mode, full_url)
    meta = head.meta
    fault = fault_of(raw) or _identity_fault(head)
    return Entry(
        raw,
        head.resourceType,
        head.id,
        (meta.versionId or "") if meta is not None else "",
        (meta.lastUpdated or "") if meta is not None else "",
        mode,
        full_url,
        fault,
    )


def _identity_fault(head: _Head) -> Fault | None:
    if not head.resourceType:
        return "no_resource_type"
    if not _TYPE.fullmatch(head.resourceType):
        return "wrong_type"
    if not head.id and head.resourceType != "OperationOutcome":
        return "no_id"
    if head.id and not _ID.fullmatch(head.id):
        return "bad_id"
    return None


def _faulty(raw: bytes, mode: str, full_url: str) -> Entry:
    """Name what is wrong with a resource whose head could not be read, and read of it what can be."""
    resource_type = resource_id = ""
    fault: Fault = "not_json"
    try:
        found = members(raw)
        resource_type = _text(found.get(b"resourceType", b""))
        resource_id = _text(found.get(b"id", b""))
    except ScanError:
        if not raw:
            fault = "no_resource"
        elif _is_json(raw):
            fault = "not_an_object"
    else:
        fault = fault_of(raw) or ("wrong_type" if _is_json(raw) else "not_json")
    return Entry(
        raw,
        resource_type if _TYPE.fullmatch(resource_type) else "",
        resource_id if _ID.fullmatch(resource_id) else "",
        mode=mode,
        full_url=full_url,
        fault=fault,
    )


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except _BROKEN:
        return False
    return True


def _text(raw: bytes) -> str:
    """The value of a JSON string, "" for anything else."""
    try:
        return msgspec.json.decode(raw, type=str)
    except _BROKEN:
        return ""


def _salvage(body: bytes) -> tuple[_Bundle, list[_Slice]]:
    """Cut a page that does not parse as a whole. Raises BadReply `not_json` where even that cannot be
    done.
    """
    try:
        found = members(body)
        entries = found.get(b"entry", b"null")
        slices = [] if entries == b"null" else [_cut(piece) for piece in elements(entries)]
    except ScanError:
        raise BadReply("not_json") from None
    bundle = _Bundle(
        resourceType=_text(found.get(b"resourceType", b"")), type=_text(found.get(b"type", b"")) or None
    )
    bundle.link = _lenient(found.get(b"link", b""), list[_Link])
    bundle.total = _lenient(found.get(b"total", b""), int)
    bundle.identifier = _lenient(found.get(b"identifier", b""), _Identifier)
    bundle.meta = _lenient(found.get(b"meta", b""), _Meta)
    if bundle.link is None and b"link" in found:
        # Without its links nobody knows whether there is another page: not something to pass over.
        raise BadReply("bad_bundle")
    return bundle, slices


def _cut(piece: bytes) -> _Slice:
    try:
        found = members(piece)
    except ScanError:
        return _Slice(resource=msgspec.Raw(piece))
    return _Slice(
        resource=msgspec.Raw(found.get(b"resource", b"")),
        search=_lenient(found.get(b"search", b""), _Search),
        fullUrl=_text(found.get(b"fullUrl", b"")),
    )


def _lenient(raw: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _BROKEN:
        return None


def _next_url(links: list[_Link], base_url: str) -> str | None:
    for link in links:
        if link.relation == "next" and link.url:
            url = link.url.strip()
            try:
                absolute = bool(urlsplit(url).scheme)
            except ValueError:
                raise BadReply("bad_bundle") from None
            return url if absolute else urljoin(f"{base_url.rstrip('/')}/", url)
    return None


def _total(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
