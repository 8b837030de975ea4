"""An answer that is read piece by piece, so that its size is nobody's memory."""

from collections.abc import Iterator, Mapping
from typing import Final

import httpx2  # noqa: TID251  # this package is the way out

from connectors.egress.failures import WIRE_ERRORS, translate
from connectors.egress.limits import Patience, Unpacking
from connectors.errors import BadReply, PortalError, RetryLater

_NO_BODY: Final = frozenset({204, 304})


class Stream:
    """One answer while it arrives: status and headers at once, the body by iterating, unpacked, once.

    Made by `Egress.stream`, and read within its block.
    """

    def __init__(
        self,
        response: httpx2.Response,
        headers: Mapping[str, str],
        *,
        url: str,
        clock: Patience,
        max_bytes: int,
    ) -> None:
        """`url`: where it came from, after redirects."""
        self.status = response.status_code
        self.headers = headers
        self.url = url
        self._response = response
        self._clock = clock
        self._max_bytes = max_bytes

    def __repr__(self) -> str:
        """Say the status; headers and address may hold secrets."""
        return f"Stream({self.status})"

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" when none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body, at most a megabyte at a time.

        Raises RetryLater (`timeout`, `truncated`, `connection_lost`) and BadReply (`too_large`,
        `bad_response`).
        """
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > self._max_bytes):
            raise BadReply("too_large", status=self.status)
        coding = "" if self.status in _NO_BODY else self.headers.get("content-encoding", "")
        unpacking = Unpacking(encoding=coding, max_bytes=self._max_bytes)
        assert isinstance(self._response.stream, httpx2.SyncByteStream)
        chunks = iter(self._response.stream)
        while True:
            self._clock.touch()
            self._clock.left()
            chunk = _next(chunks)
            if chunk is None:
                unpacking.finish()
                return
            yield from unpacking.feed(chunk)

    def read(self, *, max_bytes: int) -> bytes:
        """Return the whole body. Raises as iterating, and BadReply `too_large` above `max_bytes`."""
        body = bytearray()
        for piece in self:
            body += piece
            if len(body) > max_bytes:
                raise BadReply("too_large", status=self.status)
        return bytes(body)


def _next(chunks: Iterator[bytes]) -> bytes | None:
    translated: PortalError = RetryLater("connection_lost")
    try:
        return next(chunks, None)
    except PortalError:
        raise
    except WIRE_ERRORS as error:
        translated = translate(error)
    # Raised outside the handler: the library's exception holds the request, and with it the token.
    raise translated
