"""What a resource points at (PURE): other resources, and bytes that it carries or names.

Only references into the portal's own base come out of here. `#contained`, `urn:`, logical references and
addresses on other hosts do not, so that nothing of them is ever asked with somebody's token.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from connectors.secret import same_target

# Supporting types: no search by patient finds them, yet other resources are half blind without them.
SUPPORTING: Final = frozenset(
    {
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "Specimen",
    }
)

# In a JSON string every quote is escaped, so this cannot match inside one.
_REFERENCE: Final = re.compile(rb'"reference"\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
_RELATIVE: Final = re.compile(
    r"([A-Z][A-Za-z]{1,63}/(?!\.+(?:[/#]|\Z))[A-Za-z0-9._~:|=+@-]{1,255})(?:/_history/[^/#]*)?(?:#.*)?"
)
_ATTACHMENT_HINT: Final = re.compile(
    rb'"(?:attachment|presentedForm|photo|contentAttachment|valueAttachment|sourceAttachment|contentType)"'
)
# Members that hold an Attachment, by name; `content` does in Media alone.
_ATTACHMENT_MEMBERS: Final = frozenset(
    {"attachment", "presentedForm", "photo", "contentAttachment", "valueAttachment", "sourceAttachment"}
)
_MAX_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """Bytes that a resource carries or points at.

    `path`: where in the resource, as in "content[0].attachment"; "" for a Binary itself. `url`: as written,
    None where there is none. `content_type`: as written, "" where absent. `inline`: whether the bytes stand
    in it.
    """

    path: str
    url: str | None = field(repr=False)
    content_type: str
    inline: bool


def literal_references(raw: bytes, *, base_url: str = "", ignore_case: bool = False) -> frozenset[str]:
    """Return the "Type/id" of every literal reference in `raw` that lies within the portal.

    Relative ones, and absolute ones below `base_url` (`ignore_case`: see `same_target`); a version or a
    fragment at their end is dropped.
    """
    found: set[str] = set()
    for match in _REFERENCE.finditer(raw):
        try:
            text = msgspec.json.decode(match.group(1), type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        reference = relative_reference(text, base_url=base_url, ignore_case=ignore_case)
        if reference is not None:
            found.add(reference)
    return frozenset(found)


def relative_reference(text: str, *, base_url: str = "", ignore_case: bool = False) -> str | None:
    """Return "Type/id" for a reference that lies within the portal, None for any other text."""
    if base_url and "://" in text and same_target(base_url, text, ignore_case=ignore_case):
        # The same target may be spelt with another case; its path is as long either way.
        start = text.index("://") + 3
        path = text[start:].partition("/")[2]
        prefix = base_url.partition("://")[2].partition("/")[2].strip("/")
        text = path[len(prefix) :].lstrip("/") if prefix else path
    match = _RELATIVE.fullmatch(text)
    return match.group(1) if match is not None else None


def missing_references(
    references: Iterable[str], *, known: Collection[str], types: Collection[str] = SUPPORTING
) -> tuple[str, ...]:
    """Return, sorted, those of `references` that are worth a read of their own: of `types`, and not in
    `known`.

    Patients, visits and results are never fetched this way: what the person's own searches did not give may
    be somebody else's.
    """
    return tuple(
        sorted({text for text in references if text.partition("/")[0] in types and text not in known})
    )


def attachments(raw: bytes, *, not_urls: Collection[str] = ()) -> tuple[AttachmentRef, ...]:
    """Return every attachment of a resource, in document order; () for what is no JSON object.

    `not_urls`: words that a portal writes where an address should stand and there is none
    (`Attachments.not_urls`).
    """
    found = _attachments(raw)
    if not not_urls:
        return found
    return tuple(
        replace(each, url=None) if each.url is not None and each.url.strip() in not_urls else each
        for each in found
    )


def _attachments(raw: bytes) -> tuple[AttachmentRef, ...]:
    if _ATTACHMENT_HINT.search(raw) is None:
        return ()
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ()
    if not isinstance(value, dict):
        return ()
    if value.get("resourceType") == "Binary":
        return (_attachment("", value),)
    if value.get("resourceType") == "Media" and isinstance(value.get("content"), dict):
        return (_attachment("content", value["content"]), *_walk(value, "", 0))
    return tuple(_walk(value, "", 0))


def _walk(value: dict[str, Any], path: str, level: int) -> Iterator[AttachmentRef]:
    if level > _MAX_DEPTH:
        return
    for name, member in value.items():
        below = f"{path}.{name}" if path else name
        for position, item in enumerate(member if isinstance(member, list) else [member]):
            if not isinstance(item, dict):
                continue
            where = f"{below}[{position}]" if isinstance(member, list) else below
            if name in _ATTACHMENT_MEMBERS:
                yield _attachment(where, item)
            else:
                yield from _walk(item, where, level + 1)


def _attachment(path: str, value: dict[str, Any]) -> AttachmentRef:
    url, content_type = value.get("url"), value.get("contentType")
    return AttachmentRef(
        path=path,
        url=url if isinstance(url, str) and url else None,
        content_type=content_type if isinstance(content_type, str) else "",
        inline=isinstance(value.get("data"), str) and bool(value["data"]),
    )
