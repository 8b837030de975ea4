"""Cutting broken JSON into the pieces that are still whole (PURE).

A page with one entry that no parser takes (NaN, nesting of 2,000 levels, a lone surrogate) still has 99
others. This scanner only follows strings and brackets, without recursion, and so finds where each entry
begins and ends.
"""

import re
from collections.abc import Iterator
from typing import Final

# A lone quote matches only where no string can be closed any more: the text breaks off inside one.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\],:]', re.DOTALL)
_WHITE: Final = b" \t\r\n"


class ScanError(ValueError):
    """The brackets or strings of the text do not match: it cannot be cut."""


def elements(raw: bytes) -> list[bytes]:
    """Cut the text of an array into the texts of its elements. Raises ScanError."""
    raw = raw.strip(_WHITE)
    if raw[:1] != b"[":
        raise ScanError
    return [raw[start:end].strip(_WHITE) for start, end in _parts(raw)]


def members(raw: bytes) -> dict[bytes, bytes]:
    """Cut the text of an object into its members: name (as written, unquoted) to text. Raises ScanError.

    The last of several members with one name wins, as in jsonb and in every parser used here.
    """
    raw = raw.strip(_WHITE)
    if raw[:1] != b"{":
        raise ScanError
    found: dict[bytes, bytes] = {}
    for start, end in _parts(raw):
        name = _TOKEN.search(raw, start, end)
        if name is None or name.end() - name.start() < 2:
            raise ScanError
        colon = raw.find(b":", name.end(), end)
        if colon < 0:
            raise ScanError
        found[raw[name.start() + 1 : name.end() - 1]] = raw[colon + 1 : end].strip(_WHITE)
    return found


def _parts(raw: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between the commas of the outermost brackets."""
    open_brackets = 0
    start = 1
    for token in _TOKEN.finditer(raw):
        match token.group():
            case b"{" | b"[":
                open_brackets += 1
            case b"}" | b"]":
                open_brackets -= 1
                if open_brackets == 0:
                    if raw[token.end() :].strip(_WHITE):
                        raise ScanError
                    if raw[start : token.start()].strip(_WHITE):
                        yield start, token.start()
                    return
            case b",":
                if open_brackets == 1:
                    yield start, token.start()
                    start = token.end()
            case b'"':
                raise ScanError
            case _:
                pass
    raise ScanError
