from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory import BadList
from connectors.directory.stream import members

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, whatever it is asked for: every boundary falls somewhere else."""

    def __init__(self, content: bytes, *, piece: int) -> None:
        super().__init__(content)
        self._piece = piece

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(self._piece)


def flat(value: object) -> list[tuple[str | None, Any]]:
    """What `members` promises of a value that was read whole."""
    if isinstance(value, list):
        return [(None, element) for element in value]
    assert isinstance(value, dict)
    found: list[tuple[str | None, Any]] = []
    for name, member in value.items():
        found += [(name, each) for each in member] if isinstance(member, list) else [(name, member)]
    return found


@given(st.lists(values, max_size=5) | st.dictionaries(st.text(), values, max_size=5), st.integers(1, 9))
def test_what_is_read_in_pieces_is_what_is_read_whole(value: Any, piece: int) -> None:
    for content in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert list(members(Trickle(content.encode(), piece=piece))) == flat(value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1, 2",
        b'{"a": 1',
        b'{"a" 1}',
        b"{1: 2}",
        b"[1] 2",
        b"[1, NaN]",
        b'["\xff"]',
        b"nothing",
        b"[" * 100_000,
        b'["' + b"x" * 5_000_000 + b'"]',
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(BadList):
        list(members(io.BytesIO(content)))


def test_what_came_before_the_break_was_given() -> None:
    walk = members(io.BytesIO(b'[{"a": 1}, {"a": '))
    assert next(walk) == (None, {"a": 1})
    with pytest.raises(BadList):
        next(walk)
