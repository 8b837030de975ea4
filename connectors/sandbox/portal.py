"""One portal as a WSGI application: routing, faults, the request log."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from authlib.oauth2 import OAuth2Error

from connectors.sandbox import pages
from connectors.sandbox.content import Content
from connectors.sandbox.database import Database
from connectors.sandbox.discovery import Discovery
from connectors.sandbox.faults import Faults
from connectors.sandbox.fhir import UNAUTHORIZED, Bearer, FhirApi
from connectors.sandbox.grants import Grants
from connectors.sandbox.http import Request, Response, html_response, json_response
from connectors.sandbox.oauth import OAuth
from connectors.sandbox.paging import Pages
from connectors.sandbox.spec import Account, FaultKind, PortalSpec

MAX_BODY: Final = 1_000_000
BEFORE: Final[frozenset[FaultKind]] = frozenset({"status", "html", "reset", "hang", "invalid_grant"})
AFTER: Final[frozenset[FaultKind]] = frozenset({"truncate", "broken_bundle"})
ANSWERED: Final = "This request has been answered or is too old. Go back to the app and start again."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One answered request. `status` 0: the connection was reset. `bearer`: it carried a bearer token."""

    at: float
    method: str
    path: str
    query: str
    status: int
    bearer: bool


class Portal:
    """A portal with its state; callable as a WSGI application once `bind` told it its address."""

    def __init__(self, spec: PortalSpec, *, state: Path, clock: Callable[[], datetime]) -> None:
        """Open the state and load the resources given."""
        self.spec = spec
        self.database = Database(state)
        self.content = Content(database=self.database, meta=spec.profile.server.meta, clock=clock)
        self.grants = Grants(database=self.database, clock=clock)
        self.pages = Pages(database=self.database, server=spec.profile.server, clock=clock)
        self.faults = Faults(spec.faults, latency_ms=spec.latency_ms)
        self.clients = self.grants.register(spec.clients, server=spec.profile.server)
        self.fhir = FhirApi(profile=spec.profile, content=self.content, pages=self.pages, faults=self.faults)
        self.oauth = OAuth(profile=spec.profile, grants=self.grants, types=self.fhir.supported)
        self.loaded = self.content.load(spec.bodies())
        self.base_url = ""
        self._base = spec.profile.server.base_path.rstrip("/")
        self.bind("http://127.0.0.1")

    def bind(self, origin: str) -> None:
        """Say where the portal stands."""
        self.base_url = self.oauth.base_url = origin + self._base
        self.oauth.origin = origin
        self._discovery = Discovery(profile=self.spec.profile, origin=origin, base_url=self.base_url)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        request = _request(environ)
        if self.faults.latency_ms:
            time.sleep(self.faults.latency_ms / 1000)
        response = self._respond(request)
        self.database.all(
            "INSERT INTO request (at, method, path, query, status, bearer) VALUES (?, ?, ?, ?, ?, ?)",
            self.grants.now(),
            request.method,
            request.path,
            request.query,
            0 if response.reset else response.status,
            request.headers.get("authorization", "").lower().startswith("bearer "),
        )
        if response.reset:
            _reset(environ)
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        if response.content_type:
            headers.append(("Content-Type", response.content_type))
        start_response(response.status_line, headers)
        body = response.body[: len(response.body) // 2] if response.truncate else response.body
        return _Body([body] if body and request.method != "HEAD" else [])

    def requests(self) -> list[LoggedRequest]:
        """List what was asked, oldest first."""
        rows = self.database.all("SELECT at, method, path, query, status, bearer FROM request ORDER BY id")
        return [LoggedRequest(**{**dict(row), "bearer": bool(row["bearer"])}) for row in rows]

    # ---- routing

    def _respond(self, request: Request) -> Response:
        below = request.path.removeprefix(self._base) if request.path.startswith(f"{self._base}/") else None
        where = self._where(request.path, below)
        fault = None if where is None else self.faults.take(BEFORE, where, anywhere=below is not None)
        if fault is not None:
            if fault.kind == "hang":
                time.sleep(fault.seconds)
            elif fault.kind == "reset":
                return Response(reset=True)
            elif fault.kind == "html":
                return html_response("<!doctype html><title>Maintenance</title><h1>We are back soon</h1>")
            elif fault.kind == "invalid_grant":
                return json_response({"error": "invalid_grant"}, status=400)
            else:
                after = [] if fault.retry_after is None else [("Retry-After", fault.retry_after)]
                answer = self.fhir.problem(fault.status, code="transient", text="a fault that was asked for")
                answer.headers += after
                return answer
        response = self._route(request, below)
        after_fault = None if where is None else self.faults.take(AFTER, where, anywhere=below is not None)
        if after_fault is not None:
            response.truncate = after_fault.kind == "truncate"
            if after_fault.kind == "broken_bundle":
                response.body = response.body[: len(response.body) * 2 // 3]
        return response

    def _where(self, path: str, below: str | None) -> str | None:
        """Name the place of a fault."""
        if below is None:
            return path.rpartition("/")[2] if path.startswith("/oauth2/") else None
        return (
            "metadata" if below in {"/metadata", "/.well-known/smart-configuration"} else below.split("/")[1]
        )

    def _route(self, request: Request, below: str | None) -> Response:  # noqa: C901, PLR0911 - a path a line
        if below is not None:
            return self._fhir(request, below.removeprefix("/"))
        match (request.method, request.path):
            case ("GET", "/"):
                page = pages.front(portal=self.spec.name, base_url=self.base_url, accounts=self.spec.accounts)
                return html_response(page)
            case ("GET", "/portal.css"):
                return Response(body=pages.stylesheet(), content_type="text/css; charset=utf-8")
            case ("GET" | "POST", "/oauth2/authorize"):
                return self._authorize(request)
            case ("GET" | "POST", "/oauth2/sign-in"):
                return self._sign_in(request)
            case ("POST", "/oauth2/consent"):
                return self._consent(request)
            case ("POST", "/oauth2/token"):
                return self.oauth.token(request)
            case ("POST", "/oauth2/revoke"):
                return self._endpoint("revocation", request)
            case ("POST", "/oauth2/introspect"):
                return self._endpoint("introspection", request)
            case ("GET", "/oauth2/jwks"):
                return json_response({"keys": [self.oauth.key.as_dict(private=False)]})
            case ("GET", "/oauth2/.well-known/openid-configuration"):
                return json_response(self._discovery.openid_configuration())
        return html_response(
            pages.problem(portal=self.spec.name, text="There is nothing at this address."), status=404
        )

    def _fhir(self, request: Request, path: str) -> Response:
        if path == ".well-known/smart-configuration":
            return json_response(self._discovery.smart_configuration())
        if path == "metadata":
            answer = json_response(self._discovery.capability_statement(self.fhir.supported()))
            answer.content_type = self.spec.profile.server.content_type
            return answer
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        held = self.grants.token(token.strip(), kind="access") if scheme.lower() == "bearer" else None
        if held is None or not self.grants.is_alive(held):
            answer = self.fhir.problem(401, code="login", text="no valid access token")
            answer.headers.append(UNAUTHORIZED)
            return answer
        bearer = Bearer(patient=held.grant.patient, scope=held.scope)
        return self.fhir.handle(request, path=path, bearer=bearer, base_url=self.base_url)

    def _endpoint(self, name: str, request: Request) -> Response:
        response: Response = self.oauth.create_endpoint_response(name, request)
        return response

    # ---- the browser's way

    def _authorize(self, request: Request) -> Response:
        try:
            self.oauth.validate_authorization(request)
        except OAuth2Error as error:
            away = self.oauth.authorization_error(error)
            text = "The app's request cannot be answered: " + str(error.description or error.error)
            return away or self._problem(text)
        except ValueError:
            return self._problem("The app's request cannot be read.")
        query = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
        return self._ask_sign_in(self.grants.begin_sign_in(query))

    def _sign_in(self, request: Request) -> Response:
        if request.method == "GET":
            asked = dict(request.params)
            if self.grants.signing_in(asked.get("ticket", "")) is None:
                return self._problem(ANSWERED)
            chosen = asked.get("account", "0")
            return self._ask_sign_in(asked["ticket"], chosen=int(chosen) if chosen.isdecimal() else 0)
        ticket = request.field("ticket")
        held = self.grants.signing_in(ticket)
        if held is None:
            return self._problem(ANSWERED)
        account = self._account(request.field("username"))
        if account is None or account.password != request.field("password"):
            return self._ask_sign_in(ticket, wrong=True)
        self.grants.signed_in(ticket, account.username)
        grant = self.oauth.validate_authorization(_again(held[0]))
        page = pages.consent(
            portal=self.spec.name, app=self._app(), ticket=ticket, account=account, scope=grant.request.scope
        )
        return html_response(page)

    def _consent(self, request: Request) -> Response:
        ticket = request.field("ticket")
        held = self.grants.signing_in(ticket)
        account = None if held is None else self._account(held[1])
        if held is None or account is None or not self.grants.end_sign_in(ticket):
            return self._problem(ANSWERED)
        grant = self.oauth.validate_authorization(_again(held[0]))
        return self.oauth.answer(grant, account if request.field("decision") == "allow" else None)

    def _ask_sign_in(self, ticket: str, *, chosen: int = 0, wrong: bool = False) -> Response:
        page = pages.sign_in(
            portal=self.spec.name,
            app=self._app(),
            ticket=ticket,
            accounts=self.spec.accounts,
            chosen=chosen,
            wrong=wrong,
        )
        return html_response(page, status=400 if wrong else 200)

    def _problem(self, text: str) -> Response:
        return html_response(pages.problem(portal=self.spec.name, text=text), status=400)

    def _account(self, username: str) -> Account | None:
        return next((account for account in self.spec.accounts if account.username == username), None)

    def _app(self) -> str:
        return "Your health record app"


class _Body:
    """The body's chunks without a length: WSGI servers must not work out their own from it."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def _again(query: str) -> Request:
    return Request(method="GET", path="/oauth2/authorize", query=query, headers={})


def _request(environ: dict[str, Any]) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    return Request(
        method=environ["REQUEST_METHOD"],
        path=unquote(environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")),
        query=environ["QUERY_STRING"],
        headers=headers,
        body=environ["wsgi.input"].read(MAX_BODY),
    )


def _reset(environ: dict[str, Any]) -> None:
    """Close the connection with RST: to the client it looks like a machine that went down.

    The server hands out no socket; its documented `waitress.client_disconnected` is a method of the channel
    that has it. An OSError from an application makes the server close the connection without an answer.
    """
    channel = environ["waitress.client_disconnected"].__self__
    channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    raise ConnectionResetError
