"""A network without sockets: hosts are WSGI applications, and time passes when somebody sleeps."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

import httpx2  # noqa: TID251 - the egress takes a transport of it

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
BEGINNING: Final = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


class Clock:
    """The time of everybody at the bench."""

    def __init__(self) -> None:
        self._now = BEGINNING

    def __call__(self) -> datetime:
        return self._now

    def seconds(self) -> float:
        """The same as a number that only grows."""
        return (self._now - BEGINNING).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let time pass: nobody waits."""
        self._now += timedelta(seconds=max(seconds, 0.0))

    def forward(self, *, days: float = 0, seconds: float = 0) -> None:
        self._now += timedelta(days=days, seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request that reached a host, and how it was answered."""

    at: datetime
    method: str
    host: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    form: dict[str, str] = field(repr=False)
    status: int
    # A person's browser sent it, not the app.
    browser: bool

    @property
    def params(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def names(self) -> set[str]:
        """The search parameters it names, without modifiers."""
        return {name.partition(":")[0] for name, _ in self.params}


class Network(httpx2.BaseTransport):
    """What the egress talks to: each host is routed to an application, everything else does not exist."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.log: list[Sent] = []
        self._hosts: dict[str, Application] = {}

    def route(self, host: str, application: Application) -> None:
        self._hosts[host] = application

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.ask(request, browser=False)

    def ask(self, request: httpx2.Request, *, browser: bool) -> httpx2.Response:
        """Answer one request; a host that is not routed raises ConnectError, as one that is down does."""
        application = self._hosts.get(request.url.host)
        if application is None or request.url.scheme != "https":
            raise httpx2.ConnectError("no such host at the bench")
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        body = request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, answered, content = _call(application, request.method, path, query, headers, body)
        is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        sent = Sent(
            at=self.clock(),
            method=request.method,
            host=request.url.host,
            path=path,
            query=query,
            headers=headers,
            form=dict(parse_qsl(body.decode("utf-8", "replace"))) if is_form else {},
            status=status,
            browser=browser,
        )
        self.log.append(sent)
        return httpx2.Response(status, headers=answered, content=content)


def _call(  # noqa: PLR0917 - the parts of one request
    application: Application, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    answer: list[Any] = []

    def start(status: str, pairs: list[tuple[str, str]], *_: Any) -> None:
        answer[:] = [int(status.partition(" ")[0]), pairs]

    content = b"".join(application(environ, start))
    return answer[0], answer[1], content
