"""One portal as a WSGI application: routing, faults, the request log."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from connectors.sandbox import capture, ehr, pages
from connectors.sandbox.attachments import Attachments
from connectors.sandbox.bulk import Bulk
from connectors.sandbox.clients import Clients
from connectors.sandbox.content import Content
from connectors.sandbox.database import Database
from connectors.sandbox.documents import Documents
from connectors.sandbox.ehr import EhrPages
from connectors.sandbox.faults import Faults
from connectors.sandbox.fhir import Bearer, FhirApi
from connectors.sandbox.grants import Grants
from connectors.sandbox.http import Request, Response, html_response, json_response
from connectors.sandbox.journey import Journey
from connectors.sandbox.limits import Limits
from connectors.sandbox.oauth import OAuth
from connectors.sandbox.paging import Pages
from connectors.sandbox.registration import Registration
from connectors.sandbox.signin import SignIns
from connectors.sandbox.spec import FaultKind, PortalSpec

MAX_BODY: Final = 1_000_000
BEFORE: Final[frozenset[FaultKind]] = frozenset({"status", "html", "reset", "hang", "invalid_grant"})
AFTER: Final[frozenset[FaultKind]] = frozenset({"truncate", "broken_bundle"})


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

    def __init__(self, spec: PortalSpec, *, state: Path | None, clock: Callable[[], datetime]) -> None:
        """Open the state (None: in memory, with a key that all such portals share) and load the resources."""
        self.spec = spec
        server = spec.profile.server
        self.database = Database(state)
        self.content = Content(database=self.database, meta=server.meta, clock=clock)
        self.clients = Clients(database=self.database)
        self.grants = Grants(database=self.database, clock=clock)
        self.sign_ins = SignIns(database=self.database, clock=clock)
        self.pages = Pages(database=self.database, server=server, clock=clock)
        self.faults = Faults(spec.faults, latency_ms=spec.latency_ms)
        self.limits = Limits(server=server, clock=clock)
        self.registered = self.clients.load(spec.clients, server=server)
        self.fhir = FhirApi(
            server=server,
            content=self.content,
            pages=self.pages,
            faults=self.faults,
            limits=self.limits,
            attachments=Attachments(server=server, database=self.database),
            types=capture.types(spec.captured),
        )
        self.bulk = Bulk(
            database=self.database,
            content=self.content,
            grants=self.grants,
            faults=self.faults,
            server=server,
        )
        self.registration = Registration(
            server=server,
            clients=self.clients,
            grants=self.grants,
            initial_access_token=spec.initial_access_token,
            fetch_keys=spec.fetch_keys,
        )
        self.oauth = OAuth(
            server=server,
            grants=self.grants,
            clients=self.clients,
            sign_ins=self.sign_ins,
            registration=self.registration,
            types=self.fhir.supported,
        )
        self.journey = Journey(spec=spec, oauth=self.oauth, sign_ins=self.sign_ins)
        self.loaded = self.content.load(spec.bodies())
        self.base_url = ""
        self._base = server.base_path.rstrip("/")
        self.bind("http://127.0.0.1")

    @property
    def published_url(self) -> str:
        """The FHIR base as it stands in lists: with a slash where the server wants `aud` without it."""
        return f"{self.base_url}/" if self.spec.profile.server.aud_check == "bare" else self.base_url

    def bind(self, origin: str) -> None:
        """Say where the portal stands."""
        self.base_url = origin + self._base
        self.oauth.bind(origin=origin, base_url=self.base_url, captured=self.spec.captured)
        self._documents = Documents(
            spec=self.spec,
            base_url=self.base_url,
            origin=origin,
            types=self.fhir.supported,
            token_issuer=self.oauth.token_issuer,
        )
        self._ehr = EhrPages(
            spec=self.spec,
            journey=self.journey,
            sign_ins=self.sign_ins,
            content=self.content,
            origin=origin,
            base_url=self.base_url,
        )

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
        below = self._below(request.path)
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
                answer = self.fhir.answers.problem(
                    fault.status, code="transient", text="a fault that was asked for"
                )
                answer.headers += after
                return answer
        response = self._route(request, below)
        after_fault = None if where is None else self.faults.take(AFTER, where, anywhere=below is not None)
        if after_fault is not None:
            response.truncate = after_fault.kind == "truncate"
            if after_fault.kind == "broken_bundle":
                response.body = response.body[: len(response.body) * 2 // 3]
        return response

    def _below(self, path: str) -> str | None:
        """Return what follows the base, or None for a path elsewhere."""
        start, base = path[: len(self._base) + 1], f"{self._base}/"
        # Who writes its own path in other letters knows it in both.
        if self.spec.profile.server.link_case == "other":
            start, base = start.lower(), base.lower()
        return path[len(self._base) :] if start == base else None

    def _where(self, path: str, below: str | None) -> str | None:
        """Name the place of a fault."""
        if below is None:
            return path.rpartition("/")[2] if path.startswith("/oauth2/") else None
        return (
            "metadata" if below in {"/metadata", "/.well-known/smart-configuration"} else below.split("/")[1]
        )

    def _route(self, request: Request, below: str | None) -> Response:
        if below is not None:
            return self._fhir(request, below.removeprefix("/"))
        if request.path.startswith("/oauth2/"):
            found = self._oauth(request, request.path.removeprefix("/oauth2/"))
        elif request.path == "/portal" or request.path.startswith("/portal/"):
            found = self._ehr.answer(request, apps=self.clients.launchable())
        else:
            found = self._plain(request)
        nothing = pages.problem(portal=self.spec.name, text="There is nothing at this address.")
        return found or html_response(nothing, status=404)

    def _plain(self, request: Request) -> Response | None:
        match (request.method, request.path):
            case ("GET", "/"):
                page = pages.front(
                    portal=self.spec.name,
                    base_url=self.published_url,
                    accounts=[*self.spec.accounts, *self.spec.staff],
                    launches="ehr" in self.spec.profile.server.flows,
                )
                return html_response(page)
            case ("GET", "/portal.css"):
                return Response(body=pages.stylesheet(), content_type="text/css; charset=utf-8")
            case ("GET", ehr.STYLE_PATH):
                return ehr.style()
        return None

    def _oauth(self, request: Request, path: str) -> Response | None:  # noqa: C901, PLR0911, PLR0912 - a path a line
        personas = self.spec.profile.server.provider_persona
        # The pages after it may stand beside the endpoint or at the root.
        if personas and path.startswith("personas/") and not path.endswith("/authorize"):
            path = path.rpartition("/")[2]
        match (request.method, path):
            case ("GET" | "POST", "authorize") if not personas:
                return self.journey.authorize(request, staff=False)
            case ("GET" | "POST", "personas/patient/authorize") if personas:
                return self.journey.authorize(request, staff=False)
            case ("GET" | "POST", "personas/provider/authorize") if personas:
                return self.journey.authorize(request, staff=True)
            case ("GET" | "POST", "sign-in"):
                return self.journey.sign_in(request)
            case ("POST", "choose"):
                return self.journey.choose(request)
            case ("POST", "consent"):
                return self.journey.consent(request)
            case ("POST", "token"):
                return self.limits.check() or self.oauth.token(request)
            case ("POST", "revoke"):
                response: Response = self.oauth.create_endpoint_response("revocation", request)
                return response
            case ("POST", "introspect"):
                return self.oauth.introspect(request)
            case ("POST", "register"):
                return self.registration.answer(request, url=f"{self.oauth.origin}/oauth2/register")
            case ("GET" | "DELETE", _) if path.startswith("register/"):
                return self.registration.manage(request, path.removeprefix("register/"))
            case ("GET", "jwks"):
                return json_response({"keys": [self.oauth.key.as_dict(private=False)]})
            case ("GET", ".well-known/openid-configuration"):
                return json_response(self._documents.openid_configuration())
        return None

    def _fhir(self, request: Request, path: str) -> Response:
        if path in {".well-known/smart-configuration", "metadata"}:
            return self._document(request, path)
        # An export is asked for by the installation, not for a patient; some of its files want no token.
        if self.bulk.answers(path):
            return self.limits.check() or self.bulk.handle(request, path=path, base_url=self.base_url)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        held = self.grants.token(token.strip(), kind="access") if scheme.lower() == "bearer" else None
        if held is None or not self.grants.is_alive(held):
            return self.fhir.answers.unauthorized()
        refusal = self.limits.check()
        if refusal is not None:
            return refusal
        bearer = Bearer(patient=held.grant.patient, scope=held.scope)
        return self.fhir.handle(request, path=path, bearer=bearer, base_url=self.base_url)

    def _document(self, request: Request, path: str) -> Response:
        if path != "metadata":
            if self.spec.profile.server.smart_configuration:
                return json_response(self._documents.smart_configuration())
            return self.fhir.answers.problem(404, code="not-found", text="there is nothing here")
        if not self.fhir.accepts(request):
            return self.fhir.answers.problem(406, code="not-supported", text="not served in this form")
        answer = json_response(self._documents.capability_statement(request))
        answer.content_type = self.spec.profile.server.content_type
        return answer


class _Body:
    """The body's chunks without a length: WSGI servers must not work out their own from it."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


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
