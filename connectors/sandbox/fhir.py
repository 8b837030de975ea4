"""The FHIR endpoints: read, history, search, $everything, Binary, as the profile's server answers them."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from connectors.profile import US_CORE_RESOURCES, Profile
from connectors.sandbox import scopes
from connectors.sandbox.bundle import bundle, entry, outcome
from connectors.sandbox.content import Content, Stored
from connectors.sandbox.faults import Faults
from connectors.sandbox.http import Request, Response
from connectors.sandbox.index import Row
from connectors.sandbox.paging import PageGone, Pages, Window
from connectors.sandbox.records import parse
from connectors.sandbox.search import (
    Params,
    SearchError,
    find,
    included,
    lacks_parameter,
    patients_asked,
)
from connectors.sandbox.spec import FaultKind

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
RELATIVE_BINARY: Final = re.compile(rb'("url"\s*:\s*")(Binary/)')
# A page when the client does not say how much it wants.
DEFAULT_COUNT: Final = 50
EXPIRE: Final[frozenset[FaultKind]] = frozenset({"expire_page"})
UNAUTHORIZED: Final = ("WWW-Authenticate", 'Bearer realm="sandbox"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who asks: the patient of the token and its scopes."""

    patient: str
    scope: str


class FhirApi:
    """One portal's FHIR server."""

    def __init__(self, *, profile: Profile, content: Content, pages: Pages, faults: Faults) -> None:
        """Serve `content` as `profile.server` says."""
        self._server = profile.server
        self._content = content
        self._pages = pages
        self._faults = faults

    def supported(self) -> list[str]:
        """List the types this server knows: those of US Core, and whatever it holds."""
        return sorted({*US_CORE_RESOURCES, *self._content.types()})

    def handle(  # noqa: PLR0911 - one line an interaction
        self, request: Request, *, path: str, bearer: Bearer, base_url: str
    ) -> Response:
        """Answer one request below the base; `path` is what follows it, without the leading slash."""
        parts = path.split("/")
        resource_type = parts[0]
        if resource_type not in self.supported():
            return self._unsupported(resource_type)
        params = request.params
        match (request.method, parts[1:]):
            case ("GET", []):
                return self._search(resource_type, params, bearer=bearer, base_url=base_url)
            case ("POST", ["_search"]):
                return self._search(resource_type, [*params, *request.form], bearer=bearer, base_url=base_url)
            case ("GET", [identifier, "$everything"]) if resource_type == "Patient":
                return self._everything(identifier, params, bearer=bearer, base_url=base_url)
            case ("GET", [identifier]):
                return self._read(request, resource_type, identifier, None, bearer=bearer, base_url=base_url)
            case ("GET", [identifier, "_history"]):
                return self._history(resource_type, identifier, bearer=bearer, base_url=base_url)
            case ("GET", [identifier, "_history", version]) if version.isdecimal():
                return self._read(
                    request, resource_type, identifier, int(version), bearer=bearer, base_url=base_url
                )
        return self.problem(405, code="not-supported", text="this interaction is not supported")

    def problem(self, status: int, *, code: str, text: str) -> Response:
        """Answer with an OperationOutcome."""
        return self._fhir(outcome(code=code, text=text), status=status)

    def refuse(self) -> Response:
        """Answer that the token does not reach this, in the profile's way."""
        header = ("WWW-Authenticate", 'Bearer error="insufficient_scope"')
        match self._server.refused_answer:
            case "403_empty":
                return Response(status=403, headers=[header])
            case "401_html":
                page = b"<!doctype html><title>Unauthorized</title><h1>401 Unauthorized</h1>"
                return Response(status=401, body=page, content_type="text/html", headers=[header])
            case _:
                answer = self.problem(403, code="forbidden", text="the token does not allow this")
                answer.headers.append(header)
                return answer

    def served(self, body: bytes, *, base_url: str) -> bytes:
        """Return a resource's text as it leaves, attachment addresses made absolute where they are so."""
        if self._server.attachment_url == "relative":
            return body
        return RELATIVE_BINARY.sub(rb"\g<1>" + base_url.encode() + rb"/\g<2>", body)

    # ---- interactions

    def _read(  # noqa: PLR0911 - one line a refusal
        self,
        request: Request,
        resource_type: str,
        identifier: str,
        version: int | None,
        *,
        bearer: Bearer,
        base_url: str,
    ) -> Response:
        if not scopes.allows(bearer.scope, resource_type, "r") or self._faults.refuses(resource_type):
            return self.refuse()
        held = None
        if IDENTIFIER.fullmatch(identifier):
            held = self._content.find(resource_type=resource_type, identifier=identifier, version=version)
        if held is None:
            return self.problem(404, code="not-found", text="no such resource")
        if held.deleted:
            return self.problem(410, code="deleted", text="the resource was deleted")
        row = self._content.row(f"{resource_type}/{identifier}")
        if row is None or not self._content.belongs(row, bearer.patient):
            # Like a resource that is not there: another patient's ids are not confirmed.
            return self.problem(404, code="not-found", text="no such resource")
        if resource_type == "Binary" and not _wants_fhir(request):
            return _native(held)
        headers = [("ETag", f'W/"{held.version}"')] if self._server.meta else []
        if headers and request.headers.get("if-none-match") == headers[0][1]:
            return Response(status=304, headers=headers)
        return self._fhir(self.served(held.body, base_url=base_url), headers=headers)

    def _history(self, resource_type: str, identifier: str, *, bearer: Bearer, base_url: str) -> Response:
        row = self._content.row(f"{resource_type}/{identifier}")
        if not scopes.allows(bearer.scope, resource_type, "r"):
            return self.refuse()
        if row is None or not self._content.belongs(row, bearer.patient):
            return self.problem(404, code="not-found", text="no such resource")
        versions = self._content.history(resource_type=resource_type, identifier=identifier)
        url = f"{base_url}/{resource_type}/{identifier}"
        entries = [
            b'{"fullUrl":"'
            + url.encode()
            + b'","resource":'
            + self.served(held.body, base_url=base_url)
            + b"}"
            for held in versions
            if not held.deleted
        ]
        body = bundle(
            entries=entries, links=[("self", f"{url}/_history")], total=len(versions), kind="history"
        )
        return self._fhir(body)

    def _search(self, resource_type: str, params: Params, *, bearer: Bearer, base_url: str) -> Response:
        if not scopes.allows(bearer.scope, resource_type, "s") or self._faults.refuses(resource_type):
            return self.refuse()
        try:
            window = self._resume(resource_type, params, bearer=bearer)
            if window is None:
                required = self._server.requires.get(resource_type, ())
                if lacks_parameter(required, params):
                    return self._missing_parameter(required)
                if patients_asked(params) - {bearer.patient}:
                    return self.refuse()
                rows = find(
                    content=self._content,
                    resource_type=resource_type,
                    params=params,
                    patient=bearer.patient,
                    last_updated=self._answers_last_updated(resource_type),
                )
                window = self._pages.begin(
                    path=resource_type,
                    params=params,
                    patient=bearer.patient,
                    keys=[f"{row.type}/{row.id}" for row in rows],
                    count=self._count(resource_type, params),
                )
        except PageGone:
            return self.problem(400, code="expired", text="this page is no longer known")
        except SearchError as error:
            return self.problem(400, code=error.code, text=str(error))
        return self._page(window, bearer=bearer, base_url=base_url)

    def _everything(self, patient: str, params: Params, *, bearer: Bearer, base_url: str) -> Response:
        if not self._server.everything:
            return self.problem(404, code="not-supported", text="$everything is not supported")
        if patient != bearer.patient or not scopes.allows(bearer.scope, "Patient", "r"):
            return self.refuse()
        path = f"Patient/{patient}/$everything"
        try:
            window = self._resume(path, params, bearer=bearer)
        except PageGone:
            return self.problem(400, code="expired", text="this page is no longer known")
        if window is None:
            rows = [
                row
                for row in self._content.rows()
                if self._content.belongs(row, patient) and scopes.allows(bearer.scope, row.type, "r")
            ]
            rows.sort(key=lambda row: row.type != "Patient")
            keys = [f"{row.type}/{row.id}" for row in rows]
            count = self._count("", params)
            window = self._pages.begin(path=path, params=params, patient=patient, keys=keys, count=count)
        return self._page(window, bearer=bearer, base_url=base_url)

    # ---- answers

    def _page(self, window: Window, *, bearer: Bearer, base_url: str) -> Response:
        rows = [row for key in window.keys if (row := self._content.row(key)) is not None]
        extra = included(content=self._content, rows=rows, params=window.params, patient=bearer.patient)
        entries = [self._entry(row, "match", base_url) for row in rows]
        entries += [
            self._entry(row, "include", base_url)
            for row in extra
            if scopes.allows(bearer.scope, row.type, "s")
        ]
        for bad in self._faults.bad_resources(window.path):
            entries.insert(len(entries) // 2, entry(body=bad, full_url="", mode="match"))
        if self._server.outcome_entry:
            note = outcome(code="informational", text="this is a sandbox portal", severity="information")
            entries.append(entry(body=note, full_url="", mode="outcome"))
        links = [("self", _url(base_url, window.path, window.params))]
        stopped = self._faults.stops_paging(window.path, window.number)
        if window.next_param is not None and not stopped:
            links.append(("next", _url(base_url, window.path, [*window.next_params, window.next_param])))
        total = {"result": window.total, "page": len(rows), "absent": None}[self._server.total]
        return self._fhir(bundle(entries=entries, links=links, total=total))

    def _entry(self, row: Row, mode: Any, base_url: str) -> bytes:
        held = self._content.find(resource_type=row.type, identifier=row.id)
        body = b"{}" if held is None else self.served(held.body, base_url=base_url)
        return entry(body=body, full_url=f"{base_url}/{row.type}/{row.id}", mode=mode)

    def _resume(self, path: str, params: Params, *, bearer: Bearer) -> Window | None:
        if self._pages.continues(params) and self._faults.take(EXPIRE, path):
            raise PageGone
        return self._pages.resume(path=path, params=params, patient=bearer.patient)

    def _count(self, resource_type: str, params: Params) -> int:
        most = self._server.max_counts.get(resource_type, self._server.max_count)
        asked = dict(params).get("_count", "")
        if asked and not asked.isdecimal():
            raise SearchError("_count is no number")
        return min(int(asked) if asked and int(asked) else DEFAULT_COUNT, most)

    def _answers_last_updated(self, resource_type: str) -> bool:
        answered = self._server.last_updated
        return answered if isinstance(answered, bool) else resource_type in answered

    def _missing_parameter(self, required: Sequence[str]) -> Response:
        status = 403 if self._server.missing_parameter_answer == "403_outcome" else 400
        text = "must have one of: " + ", ".join(name.replace("+", " and ") for name in required)
        return self.problem(status, code="required", text=text)

    def _unsupported(self, resource_type: str) -> Response:
        match self._server.unsupported_answer:
            case "404_html":
                page = b"<!doctype html><title>404</title><h1>404 - File or directory not found.</h1>"
                return Response(status=404, body=page, content_type="text/html")
            case "400_outcome":
                status = 400
            case "501_outcome":
                status = 501
            case _:
                status = 404
        known = resource_type if resource_type.isalpha() and len(resource_type) < 40 else "this type"
        return self.problem(status, code="not-supported", text=f"{known} is not supported")

    def _fhir(self, body: bytes, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
        return Response(
            status=status,
            body=body,
            content_type=f"{self._server.content_type}; charset=utf-8",
            headers=[("Cache-Control", "no-store"), *headers],
        )


def _wants_fhir(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "fhir" in accept or accept.split(";")[0].strip() == "application/json"


def _native(held: Stored) -> Response:
    resource = parse(held.body)
    data = base64.b64decode(str(resource.get("data", "")))
    kind = str(resource.get("contentType") or "application/octet-stream")
    return Response(body=data, content_type=kind, headers=[("Cache-Control", "no-store")])


def _url(base_url: str, path: str, params: Params) -> str:
    query = urlencode(params, safe="/:|,")
    return f"{base_url}/{path}?{query}" if query else f"{base_url}/{path}"
