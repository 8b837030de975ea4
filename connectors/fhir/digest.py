"""Two digests of a resource, and the question whether jsonb would keep its meaning (PURE).

The raw digest answers "did a single byte change" without parsing anything. The canonical one answers "did
anything change that a person would call a change": order of members, white space, escapes, `meta` and what
the profile calls volatile do not count; the text of a number does, for 13.20 says more than 13.2.
"""

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec

from connectors.fhir.caps import STRING

# Numbers that jsonb prints otherwise than they came: with an exponent (1E2 becomes 100), and the negative
# zero.
_ALTERED: Final = re.compile(rb"[:,\[]-?[0-9][0-9.]*[eE]|[:,\[]-0(?:\.0*)?(?![0-9.])")
# The same search over a simplified text, see caps: it may fire in vain, never fail to.
_MAYBE_ALTERED: Final = re.compile(rb":(?:0+e[-0]|-0)")
_SIMPLIFIED: Final = bytes.maketrans(b"+123456789.E,[ \t\r\n", b"00000000000e::::::")


def raw_digest(raw: bytes) -> bytes:
    """SHA-256 of the bytes as sent: 32 bytes."""
    return sha256(raw).digest()


def canonical_digest(raw: bytes, volatile: Iterable[str] = ()) -> bytes:
    """SHA-256, 32 bytes, of the resource in one canonical form.

    `raw`: a JSON object without a fault (see caps). `volatile`: paths below it that are left out, with `[]`
    for "each element", as in "content[].attachment.url". Raises ValueError where `raw` is no JSON object.
    """
    value = json.loads(raw, parse_float=_as_written, parse_int=_as_written)
    if not isinstance(value, dict):
        msg = "a resource is a JSON object"
        raise ValueError(msg)  # noqa: TRY004  # the value is wrong, as for text that is no JSON
    value.pop("meta", None)
    for path in volatile:
        _drop(value, path.replace("[]", "").split("."))
    return sha256(msgspec.json.encode(value, order="sorted")).digest()


def jsonb_alters(raw: bytes) -> bool:
    """Say whether jsonb would lose something of `raw`: a number's text, a second member of one name, a NUL.

    jsonb keeps trailing zeros and every digit, but not exponents and the sign of zero, and of two members
    with one name it keeps the last. Where the answer is yes, the raw bytes are kept beside it.
    """
    if b"\\" in raw and b"\\u0000" in raw:
        return True
    if _MAYBE_ALTERED.search(raw.translate(_SIMPLIFIED)) is not None:
        outside = b"".join(STRING.sub(b'""', raw).split())
        if _ALTERED.search(outside) is not None:
            return True
    return _has_duplicates(raw)


def _has_duplicates(raw: bytes) -> bool:
    # A parser drops the earlier of two members with one name, so what it writes again has fewer of them.
    # Counting `":` counts members; strings cannot hold it unescaped. Only where the counts differ is it
    # looked at closely.
    if b"\\u0022" not in raw:
        try:
            again = msgspec.json.encode(msgspec.json.decode(raw))
        except (msgspec.MsgspecError, RecursionError):  # an integer of 30 digits, say
            pass
        else:
            if again.count(b'":') == raw.count(b'":'):
                return False
    found = False

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        members = dict(pairs)
        found = found or len(members) != len(pairs)
        return members

    json.loads(raw, object_pairs_hook=keep, parse_int=str, parse_float=str)
    return found


def _as_written(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _drop(value: Any, path: list[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _drop(item, path)
    elif isinstance(value, dict):
        if len(path) == 1:
            value.pop(path[0], None)
        elif path[0] in value:
            _drop(value[path[0]], path[1:])
