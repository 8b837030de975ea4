"""Reading FHIR JSON that may be of any shape: every function takes anything and gives what it promises."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# Longer texts are clipped where they become titles; notes stay in the resource.
LONGEST_TITLE = 500
# A resource with more entries in one list than this is damaged; reading on would only cost time.
MOST_ENTRIES = 2_000
# Past this many digits a plain spelling is no longer readable, so the exponent stays.
_LONGEST_PLAIN = 24
# Direction overrides and embeddings can make a text read as another one; joiners that Arabic needs stay.
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

Json = Mapping[str, Any]
NOTHING: Json = {}


def obj(value: Any, *path: str) -> Json:
    """The object at `path`; of a list the first object; {} where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, Mapping)), None)
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, Mapping)), None)
    return value if isinstance(value, Mapping) else NOTHING


def objs(value: Any, name: str) -> list[Json]:
    """The objects under `name`; a lone object counts as a list of one (older servers send it so)."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(found, Mapping):
        return [found]
    if isinstance(found, list):
        return [item for item in found[:MOST_ENTRIES] if isinstance(item, Mapping)]
    return []


def clean(text: str) -> str:
    """One line: control characters, lone surrogates and direction overrides out, runs of space made one."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    kept = "".join(
        " " if c < " " or "\x7f" <= c <= "\x9f" else c for c in text if not "\ud800" <= c <= "\udfff"
    )
    return " ".join(kept.translate(_BIDI).split())


def number_text(value: Decimal | int | float) -> str:  # noqa: PYI041 - mypy tells them apart below
    """A number as the portal wrote it; exponents spelled out where that stays readable."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value).bit_length() < 1_000 else "a number too long to show"
    plain = str(value)
    if "E" in plain and abs(value.adjusted()) < _LONGEST_PLAIN and len(plain) < _LONGEST_PLAIN * 2:
        return format(value, "f")
    return plain


def string(value: Any) -> str:
    """A scalar as clean text; "" for anything that is none."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    return ""


def text(value: Any, *path: str) -> str:
    """The scalar at `path` as clean text, else ""."""
    holder = obj(value, *path[:-1]) if len(path) > 1 else value
    found = holder.get(path[-1]) if isinstance(holder, Mapping) else None
    if isinstance(found, list):
        found = found[0] if found else None
    return string(found)


def strings(value: Any, name: str) -> list[str]:
    """The non-empty scalars of the list (or lone scalar) under `name`."""
    found = value.get(name) if isinstance(value, Mapping) else None
    items = found[:MOST_ENTRIES] if isinstance(found, list) else [found]
    return [item for item in map(string, items) if item]


def flag(value: Any, name: str) -> bool | None:
    """True or False where a boolean stands under `name`, else None."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, bool) else None


def title(*candidates: str) -> str:
    """The first non-empty candidate, clipped (never with added marks: a title occurs in its resource)."""
    for candidate in candidates:
        if candidate:
            return candidate[:LONGEST_TITLE]
    return ""
