"""Writing the query of a search (PURE)."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote

Query = tuple[tuple[str, str], ...]

# Left as they are: the separators of FHIR, which every server reads unencoded, and some only so.
_SAFE: Final = ",:|/$"


def encode_query(params: Iterable[tuple[str, str]]) -> str:
    """Write parameters as they go behind the "?": in order, repeated ones repeated, `+` always encoded."""
    return "&".join(f"{quote(name, safe=':')}={quote(value, safe=_SAFE)}" for name, value in params)


def decode_query(text: str) -> Query:
    """Read what `encode_query` wrote, or what a profile says: "category=laboratory", "" for nothing."""
    return tuple(parse_qsl(text, keep_blank_values=True))
