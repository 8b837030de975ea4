"""A gzipped list as the bytes that were packed, no more of them than a list has. PURE: its bytes are given."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any, BinaryIO, Final, cast

from connectors.directory.shapes import BadList

MAGIC: Final = b"\x1f\x8b"
# Ten times the largest list that is published; a few megabytes of zeros unpack to more.
MAX_BYTES: Final = 1024**3


def unpacked(stream: BinaryIO, *, max_bytes: int = MAX_BYTES) -> BinaryIO:
    """Return a stream of what `stream` holds gzipped; it can seek to its beginning.

    Its reads raise BadList where the bytes are broken, and where more than ``max_bytes`` come out of them.
    """
    return cast("BinaryIO", io.BufferedReader(_Unpacked(stream, max_bytes=max_bytes)))


class _Unpacked(io.RawIOBase):
    def __init__(self, stream: BinaryIO, *, max_bytes: int) -> None:
        super().__init__()
        self._packed = gzip.GzipFile(fileobj=stream)
        self._max_bytes = max_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._packed.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        try:
            count = self._packed.readinto(buffer)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise BadList("It is packed with gzip, and broken.") from None
        if self._packed.tell() > self._max_bytes:
            raise BadList("It unpacks to more than a list of endpoints has.")
        return count
