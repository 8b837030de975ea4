"""A portal that answers as the test says: a real server on loopback, reached through the real egress."""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from connectors.secret import Secret
from connectors.smart.discovery import Server
from connectors.smart.tokens import Client, TokenReply


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Said:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Portal:
    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Said] = field(default_factory=dict)
    # Set: requests wait for it before they are answered.
    gate: threading.Event | None = None

    def says(
        self, path: str, body: Any = b"", *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer `path` with bytes or text as they are, or with anything else as JSON."""
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.answers[path] = Said(status, body, headers or {})

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def handler(portal: Portal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 20  # headers and body in one packet: in two, each answer waits 40 ms for an ACK

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            portal.asked.append(
                Asked(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
            )
            if portal.gate:
                portal.gate.wait(5)
            said = portal.answers.get(self.path, Said(404, b"", {}))
            self.send_response_only(said.status)
            for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

    return Handler


class PortalServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has read enough hangs up, which is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


PUBLIC = Client(id="our-id", method="public")
BASIC = Client(id="our-id", method="client_secret_basic", secret=Secret("s3cr:t+/="))
POST = Client(id="our-id", method="client_secret_post", secret=Secret("s3cr:t+/="))
GRANTED = {
    "access_token": "the-access-token",
    "token_type": "bearer",
    "expires_in": 3600,
    "scope": "openid patient/*.rs",
    "refresh_token": "the-new-refresh-token",
    "id_token": "a.b.c",
    "patient": "p-1",
    "encounter": "e-1",
    "need_patient_banner": True,
}
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

Ask = Callable[..., TokenReply]


def server_of(portal: Portal) -> Server:
    return Server(
        issuer="https://as.example",
        authorization_endpoint="https://as.example/authorize",
        token_endpoint=f"{portal.base_url}/token",
        revocation_endpoint=f"{portal.base_url}/revoke",
    )
