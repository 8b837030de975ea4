"""Requests and answers as the sandbox sees them, between WSGI and what is served."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `headers` have lower-case names; `query` and `body` are as they came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def params(self) -> list[tuple[str, str]]:
        """The query's parameters in their order."""
        return parse_qsl(self.query, keep_blank_values=True)

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """The form's fields in their order; none when the body is no form."""
        if not self.headers.get("content-type", "").lower().startswith(FORM):
            return []
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def field(self, name: str) -> str:
        """Return the first form field called `name`, or ""."""
        return dict(reversed(self.form)).get(name, "")

    def cookie(self, name: str) -> str:
        """Return the cookie called `name`, or ""."""
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return next((value for held, _, value in pairs if held == name), "")


@dataclass(kw_only=True)
class Response:
    """One answer. `reset`: send none, reset the connection. `truncate`: break off half-way through."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    reset: bool = False
    truncate: bool = False

    @property
    def status_line(self) -> str:
        """Return "404 Not Found"."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"{self.status} Unnamed"


def json_response(content: Any, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Answer with plain JSON."""
    return Response(
        status=status,
        body=json.dumps(content).encode(),
        content_type="application/json",
        headers=list(headers),
    )


def html_response(text: str, *, status: int = 200) -> Response:
    """Answer with a page that may load our own style sheet and nothing else."""
    policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    return Response(
        status=status,
        body=text.encode(),
        content_type="text/html; charset=utf-8",
        headers=[
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )


def redirect(location: str) -> Response:
    """Send the browser elsewhere."""
    return Response(status=302, headers=[("Location", location), ("Cache-Control", "no-store")])
