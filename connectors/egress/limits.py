"""Bounds on one exchange: a deadline for all of it, and byte counts before and after decompression."""

import time
import zlib
from collections.abc import Iterator
from typing import Final, Self

from connectors.errors import BadReply, RetryLater

# One piece of decompressed output; a bomb is noticed after at most this much beyond the cap.
_PIECE: Final = 1 << 20


class Deadline(float):
    """Seconds for a whole exchange, which also knows when they end.

    It is a float so that it can travel through the HTTP library as its time-out; our network stream, which
    receives it at each read and write, asks `left()` instead. A server that sends one byte a second gains
    nothing that way.
    """

    __slots__ = ("_ends",)
    _ends: float

    def __new__(cls, seconds: float) -> Self:
        """Start now and end in `seconds`."""
        self = super().__new__(cls, seconds)
        self._ends = time.monotonic() + seconds
        return self

    def left(self) -> float:
        """Seconds that remain, at least a millisecond. Raises RetryLater `timeout` when none do."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise RetryLater("timeout")
        return max(left, 0.001)


class Patience(Deadline):
    """A deadline for a long answer: for all of it, and for each silence within it.

    Between two pieces the reader may take its time (it stores what came); `touch()` says that the sender's
    turn begins.
    """

    __slots__ = ("_idle", "_silent_until")
    _idle: float
    _silent_until: float

    def __new__(cls, seconds: float, idle: float = 60.0) -> Self:
        """Start now; end in `seconds`, or after `idle` seconds of silence."""
        self = super().__new__(cls, seconds)
        self._idle = idle
        self.touch()
        return self

    def touch(self) -> None:
        """Begin to wait for the next piece."""
        self._silent_until = time.monotonic() + self._idle

    def left(self) -> float:
        """Seconds until the nearer of the two ends. Raises RetryLater `timeout` when one has come."""
        left = super().left()
        silence = self._silent_until - time.monotonic()
        if silence <= 0:
            raise RetryLater("timeout")
        return max(min(left, silence), 0.001)


class Unpacking:
    """A response body piece by piece, gzip undone on the way, within caps as sent and as unpacked."""

    def __init__(self, *, encoding: str, max_bytes: int) -> None:
        """`encoding`: the Content-Encoding header. Raises BadReply for one that we did not offer."""
        encoding = encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise BadReply("bad_response")
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding.endswith("gzip") else None
        self._max_bytes = max_bytes
        self._sent = 0
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes from the wire and yield what they unpack to, at most a megabyte at a time.

        Raises BadReply `too_large`, or `bad_response` for broken gzip.
        """
        self._sent += len(chunk)
        if self._sent > self._max_bytes:
            raise BadReply("too_large")
        if self._gzip is None:
            yield from self._counted(chunk)
            return
        while chunk:
            if self._gzip.eof:  # RFC 1952: a gzip file may be several, one after another
                self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                piece = self._gzip.decompress(chunk, _PIECE)
            except zlib.error:
                raise BadReply("bad_response") from None
            yield from self._counted(piece)
            chunk = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail

    def finish(self) -> None:
        """Raise RetryLater `truncated` where the compressed stream did not end."""
        if self._gzip is not None and self._sent and not self._gzip.eof:
            raise RetryLater("truncated")

    def _counted(self, piece: bytes) -> Iterator[bytes]:
        self._size += len(piece)
        if self._size > self._max_bytes:
            raise BadReply("too_large")
        if piece:
            yield piece


class Body:
    """Collects a response body, undoing gzip on the way, within `max_bytes` both as sent and as unpacked."""

    def __init__(self, *, encoding: str, max_bytes: int) -> None:
        """`encoding`: the Content-Encoding header. Raises BadReply for one that we did not offer."""
        self._unpacking = Unpacking(encoding=encoding, max_bytes=max_bytes)
        self._pieces: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Take the next bytes from the wire. Raises BadReply `too_large`, or `bad_response` for broken
        gzip.
        """
        self._pieces.extend(self._unpacking.feed(chunk))

    def finish(self) -> bytes:
        """Return the whole body. Raises RetryLater `truncated` where the compressed stream did not end."""
        self._unpacking.finish()
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
