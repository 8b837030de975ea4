"""An egress that tells of every question it asked: the eye of the inspector."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from connectors.egress.exchange import MAX_BYTES, MAX_STREAM_BYTES, Egress, Reply
from connectors.egress.streams import Stream
from connectors.errors import PortalError

# Enough to recognise a question by; what a portal makes up beyond that is cut off.
_LONGEST_PATH: Final = 1000
_MOST_PARAMETERS: Final = 40
_LONGEST_PARAMETER: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One question to a server and what came of it, without the values of its query, its body or a token.

    `status`: None where no answer came; `code` then says why. `size`: bytes of the answer as unpacked. `seconds`:
    from the first to the last byte, the look-up of the name included.
    """

    at: datetime
    method: str
    origin: str
    path: str
    parameters: tuple[str, ...]
    status: int | None
    code: str
    size: int
    seconds: float


class Observed(Egress):
    """Asks by way of another egress, and tells `observe` of each question once it is over.

    Redirects that are followed are one question. `observe` is called in the thread that asked.
    """

    def __init__(self, egress: Egress, *, observe: Callable[[Call], None]) -> None:
        """Ask by way of `egress`, whose connections stay its own."""
        # Not the parent's: there is no second wire.
        self._egress = egress
        self._observe = observe

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline: float = 30.0,
        max_bytes: int = MAX_BYTES,
        redirects: Literal["refuse", "check", "return"] = "refuse",
    ) -> Reply:
        told = _Question(method, url)
        try:
            reply = self._egress.request(
                method,
                url,
                headers=headers,
                form=form,
                content=content,
                deadline=deadline,
                max_bytes=max_bytes,
                redirects=redirects,
            )
        except PortalError as error:
            self._observe(told.over(status=error.status, code=error.code))
            raise
        self._observe(told.over(status=reply.status, size=len(reply.content)))
        return reply

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 3600.0,
        idle: float = 60.0,
        max_bytes: int = MAX_STREAM_BYTES,
        redirects: Literal["refuse", "check"] = "refuse",
    ) -> Iterator[Stream]:
        told = _Question("GET", url)
        status: int | None = None
        try:
            with self._egress.stream(
                url,
                headers=headers,
                deadline=deadline,
                idle=idle,
                max_bytes=max_bytes,
                redirects=redirects,
            ) as answer:
                status = answer.status
                yield answer
        except PortalError as error:
            self._observe(told.over(status=error.status or status, code=error.code))
            raise
        self._observe(told.over(status=status))

    def close(self) -> None:
        """Leave the other egress open: it is not ours."""


class _Question:
    """What is known before the answer."""

    def __init__(self, method: str, url: str) -> None:
        self._at = datetime.now(UTC)
        self._started = monotonic()
        self._method = method.upper()
        try:
            parts = urlsplit(url)
            self._origin = f"{parts.scheme}://{parts.hostname or ''}" + (
                f":{parts.port}" if parts.port else ""
            )
            self._path = parts.path[:_LONGEST_PATH]
            names = dict.fromkeys(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
        except ValueError:
            self._origin, self._path, names = "", "", {}
        self._parameters = tuple(name[:_LONGEST_PARAMETER] for name in list(names)[:_MOST_PARAMETERS])

    def over(self, *, status: int | None, code: str = "", size: int = 0) -> Call:
        return Call(
            at=self._at,
            method=self._method,
            origin=self._origin,
            path=self._path,
            parameters=self._parameters,
            status=status,
            code=code,
            size=size,
            seconds=monotonic() - self._started,
        )
