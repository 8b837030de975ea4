"""NDJSON cut into lines as its bytes arrive (PURE): in bounded memory, and at places where a reader may go on.

A line that is longer than any resource may be is passed over to its end: it costs a note, not the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from connectors.fhir.caps import MAX_RESOURCE_BYTES

# Of a line that is too long, so much is kept for whoever looks into it.
KEPT_BYTES: Final = 4096
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty.

    `raw`: without its end; of a line that is too long, the beginning. `end`: bytes of the file up to and with
    the line's end, which is where a reader goes on. `number`: from 1, empty lines counted. `size`: of the whole
    line in bytes.
    """

    raw: bytes
    end: int
    number: int
    size: int

    def __repr__(self) -> str:
        """Say where it is, not what it says."""
        return f"Line({self.number}, {self.size} bytes)"

    @property
    def too_long(self) -> bool:
        """Whether `raw` is only its beginning."""
        return self.size > len(self.raw)


def cut(
    chunks: Iterable[bytes], *, start: int = 0, number: int = 0, max_line: int = MAX_RESOURCE_BYTES
) -> Iterator[Line]:
    """Cut what arrives into lines; `start` and `number` say where the chunks begin in their file.

    Holds one line and one chunk, no more, however long a line may be.
    """
    held = bytearray()
    size = 0  # of the line under way, which may be more than is held
    place = start
    for chunk in chunks:
        begin = 0
        while True:
            found = chunk.find(b"\n", begin)
            piece = chunk[begin:] if found < 0 else chunk[begin:found]
            size += len(piece)
            if size <= max_line:
                held += piece
            elif len(held) > KEPT_BYTES:
                del held[KEPT_BYTES:]
            elif len(held) < KEPT_BYTES:
                held += piece[: KEPT_BYTES - len(held)]
            place += len(piece)
            if found < 0:
                break
            place += 1
            number += 1
            line = _line(held, end=place, number=number, size=size)
            if line is not None:
                yield line
            held, size, begin = bytearray(), 0, found + 1
    if size:
        # The last line needs no end.
        line = _line(held, end=place, number=number + 1, size=size)
        if line is not None:
            yield line


def _line(held: bytearray, *, end: int, number: int, size: int) -> Line | None:
    raw = bytes(held)
    if size > len(raw):
        return Line(raw=raw, end=end, number=number, size=size)
    raw = raw.strip().removeprefix(_BOM).strip()
    return Line(raw=raw, end=end, number=number, size=len(raw)) if raw else None
