"""What one resource may not be (PURE): caps that hold before anything parses it, and what a database refuses.

Each fault is a short code that the quarantine keeps beside the bytes. The checks are ordered and shaped for
the ordinary resource, which passes all of them in about three microseconds.
"""

import re
from typing import Final, Literal

Fault = Literal[
    "bad_id",
    "bad_number",
    "lone_surrogate",
    "no_id",
    "no_resource",
    "no_resource_type",
    "not_an_object",
    "not_json",
    "not_utf8",
    "nul_character",
    "too_deep",
    "too_large",
    "wrong_type",
]

MAX_PAGE_BYTES: Final = 50 * 1024 * 1024
MAX_RESOURCE_BYTES: Final = 5 * 1024 * 1024
# FHIR's deepest honest nesting is a questionnaire's; twice that, and far below any parser's recursion limit.
MAX_DEPTH: Final = 64
# A number of 18 kB or an exponent of six digits is short as JSON and hundreds of megabytes once printed.
MAX_NUMBER_LENGTH: Final = 64
MAX_EXPONENT_DIGITS: Final = 3

STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
# Anything that could be a number beyond the caps, in a text where every digit and dot reads 0, what may stand
# before a number reads ":", and signs are gone: a fixed beginning lets the search run five times faster
# than character classes do. It also fires inside strings; then strings are taken out and it is asked again.
_LARGE_NUMBER: Final = re.compile(rb":0(?:0{56}|0*+e0000)")
_SIMPLIFIED: Final = bytes.maketrans(b"123456789.E,[ \t\r\n", b"0000000000e::::::")
_SIGNS: Final = b"+-"
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.]*(?:[eE][+-]?([0-9]+))?")
# An escape after an even number of backslashes; an odd one is a backslash itself followed by plain letters.
_ESCAPED_BACKSLASH: Final = re.compile(rb"\\\\")
_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PAIR: Final = re.compile(_HIGH + _LOW)
_SURROGATE: Final = re.compile(_HIGH + b"|" + _LOW)
# One kind of bracket, so that a round takes away exactly one level.
_ONE_KIND: Final = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"{}[]")


def fault_of(raw: bytes) -> Fault | None:
    """Return why `raw`, the bytes of one JSON value, may not be stored; None where nothing speaks against
    it.
    """
    if len(raw) > MAX_RESOURCE_BYTES:
        return "too_large"
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
        return "too_deep"
    if b"\\" in raw and b"\\u" in raw:  # the search for one byte is far quicker than the one for two
        fault = _escape_fault(raw)
        if fault is not None:
            return fault
    if _LARGE_NUMBER.search(raw.translate(_SIMPLIFIED, _SIGNS)) is not None and _number_fault(raw):
        return "bad_number"
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return "not_utf8"
    return None


def depth(raw: bytes) -> int:
    """Levels of objects and arrays in `raw`, counted up to one more than `MAX_DEPTH`; a flat object is 1.

    Works by stripping everything but brackets, then matching pairs from the inside out, one level a round:
    it needs no recursion, however deep the input.
    """
    brackets = STRING.sub(b"", raw).translate(_ONE_KIND, _NOT_BRACKETS)
    level = 0
    while brackets and level <= MAX_DEPTH:
        # Neighbours of one level join into one pair; what surrounds them is then the next level.
        shorter = brackets.replace(b"{}", b"")
        if len(shorter) == len(brackets):
            return MAX_DEPTH + 1  # brackets that do not match
        brackets = shorter
        level += 1
    return level


def _escape_fault(raw: bytes) -> Fault | None:
    plain = _ESCAPED_BACKSLASH.sub(b"", raw)
    if b"\\u0000" in plain:
        return "nul_character"
    if _SURROGATE.search(_PAIR.sub(b"", plain)) is not None:
        return "lone_surrogate"
    return None


def _number_fault(raw: bytes) -> bool:
    outside = STRING.sub(b'""', raw)
    return any(
        len(match.group()) > MAX_NUMBER_LENGTH or len(match.group(1) or b"") > MAX_EXPONENT_DIGITS
        for match in _NUMBER.finditer(outside)
    )
