"""JSON of any size, one element at a time: what is held is one element and a piece of the file."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NoReturn

from connectors.directory.shapes import BadList

_PIECE: Final = 256 * 1024
# One organization of a brand bundle is some kilobytes, a logo within it perhaps a hundred.
_MAX_ELEMENT: Final = 4 * 1024 * 1024
_BLANK: Final = " \t\r\n"
# What may come after a value, within an array or an object.
_AFTER: Final = frozenset(",:]}" + _BLANK)


def members(stream: BinaryIO) -> Iterator[tuple[str | None, Any]]:
    """Yield what a JSON file holds: (None, element) of an array; (name, value) of an object.

    A member of the object that is an array is yielded element by element, under its name. Raises BadList for
    what is no JSON in UTF-8, and for an element larger than 4 MB.
    """
    text = _Text(stream)
    first = text.peek()
    if first == "[":
        for element in text.array():
            yield None, element
    elif first == "{":
        yield from text.object()
    else:
        text.fail()
    if text.peek():
        text.fail()


class _Text:
    """A file as text, of which only what is not yet read is held."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_no_constant)
        self._held = ""
        self._at = 0
        self._over = False

    def peek(self) -> str:
        """Return the next letter that is no blank; "" at the end."""
        while True:
            while self._at < len(self._held):
                letter = self._held[self._at]
                if letter not in _BLANK:
                    return letter
                self._at += 1
            if not self._more():
                return ""

    def array(self) -> Iterator[Any]:
        """Yield the elements of the array that begins here."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if self._either(",", "]") == "]":
                return

    def object(self) -> Iterator[tuple[str, Any]]:
        """Yield the members of the object that begins here, arrays element by element."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                self.fail()
            self._take(":")
            if self.peek() == "[":
                for element in self.array():
                    yield name, element
            else:
                yield name, self.value()
            if self._either(",", "}") == "}":
                return

    def value(self) -> Any:
        """Read one value whole."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._held, self._at)
            except (ValueError, RecursionError):
                value, end, whole = None, len(self._held), False
            else:
                # Of a number that ends with the piece, or before its point, the rest is still to come.
                whole = self._held[end : end + 1] in _AFTER
            if end - self._at > _MAX_ELEMENT:
                self.fail()
            if whole:
                self._at = end
                return value
            if not self._more():
                self.fail()

    def fail(self) -> NoReturn:
        raise BadList("It is neither JSON nor CSV, or it breaks off.")

    def _take(self, letter: str) -> None:
        if self.peek() != letter:
            self.fail()
        self._at += 1

    def _either(self, one: str, other: str) -> str:
        letter = self.peek()
        if not letter or letter not in one + other:
            self.fail()
        self._at += 1
        return letter

    def _more(self) -> bool:
        """Read the next piece; False at the end."""
        if self._over:
            return False
        # What failed for want of its end doubles, so that a long element is not tried once a piece.
        piece = self._stream.read(max(_PIECE, len(self._held) - self._at))
        self._over = not piece
        try:
            text = self._decoder.decode(piece, final=self._over)
        except UnicodeDecodeError:
            raise BadList("It is not written in UTF-8.") from None
        self._held = self._held[self._at :] + text
        self._at = 0
        return bool(text) or not self._over


def _no_constant(_name: str) -> NoReturn:
    raise ValueError
