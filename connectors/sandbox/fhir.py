"""The FHIR endpoints: read, history, search, $everything, Binary, as one vendor's server answers them."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.profile import US_CORE_RESOURCES, Server
from connectors.sandbox import scopes
from connectors.sandbox.answers import Answers
from connectors.sandbox.attachments import Attachments
from connectors.sandbox.bundle import bundle, entry, outcome
from connectors.sandbox.content import Content, Stored
from connectors.sandbox.faults import Faults
from connectors.sandbox.http import Request, Response
from connectors.sandbox.index import Row
from connectors.sandbox.limits import Limits
from connectors.sandbox.links import link
from connectors.sandbox.paging import PageGone, Pages, Window
from connectors.sandbox.records import parse
from connectors.sandbox.search import (
    Params,
    SearchError,
    changed,
    find,
    fits,
    included,
    objection,
    patients_asked,
)
from connectors.sandbox.spec import FaultKind

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# A page when the client does not say how much it wants.
DEFAULT_COUNT: Final = 50
# How many more an inflated total pretends.
INFLATION: Final = 50
EXPIRE: Final[frozenset[FaultKind]] = frozenset({"expire_page"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who asks: the patient of the token and its scopes."""

    patient: str
    scope: str


class FhirApi:
    """One portal's FHIR server."""

    def __init__(
        self,
        *,
        server: Server,
        content: Content,
        pages: Pages,
        faults: Faults,
        limits: Limits,
        attachments: Attachments,
        types: Sequence[str] = (),
    ) -> None:
        """Serve `content` as `server` does. `types`: those it knows, where a captured statement lists them."""
        self._server = server
        self._content = content
        self._pages = pages
        self._faults = faults
        self._limits = limits
        self._attachments = attachments
        self._types = types
        self.answers = Answers(server)

    def supported(self) -> list[str]:
        """List the types this server knows: those listed, else those of US Core, of its rules, and what it holds."""
        own = {*US_CORE_RESOURCES, *self._server.requires, *self._content.types()}
        return sorted(self._types or own)

    def accepts(self, request: Request) -> bool:
        """Say whether one of the media types that a request asks for is served."""
        accepted = self._server.accepts
        asked = request.headers.get("accept", "").split(",")
        return not accepted or any(name.partition(";")[0].strip().lower() in accepted for name in asked)

    def handle(  # noqa: PLR0911 - one line an interaction
        self, request: Request, *, path: str, bearer: Bearer, base_url: str
    ) -> Response:
        """Answer one request below the base; `path` is what follows it, without the leading slash."""
        parts = path.split("/")
        resource_type = parts[0]
        # Bytes are asked for in their own media type.
        if resource_type != "Binary" and not self.accepts(request):
            return self.answers.problem(406, code="not-supported", text="this media type is not served")
        # A file is served by its address, whether the statement lists its type or not.
        if resource_type not in {"Binary", *self.supported()}:
            return self.answers.unsupported(resource_type)
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
        return self.answers.problem(405, code="not-supported", text="this interaction is not supported")

    def served(self, body: bytes, *, base_url: str) -> bytes:
        """Return a resource's text as it leaves, attachments addressed in the vendor's way."""
        return self._attachments.served(body, base_url=base_url)

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
        if not self._allows(bearer, resource_type, "r") or self._faults.refuses(resource_type):
            return self.answers.refuse()
        held = None
        if IDENTIFIER.fullmatch(identifier):
            held = self._content.find(resource_type=resource_type, identifier=identifier, version=version)
        row = self._content.row(f"{resource_type}/{identifier}")
        if held is not None and held.deleted:
            return self.answers.problem(410, code="deleted", text="the resource was deleted")
        if held is None or row is None or not self._content.belongs(row, bearer.patient):
            # Another patient's resource is like one that is not there: its id is not confirmed.
            return self.answers.not_found()
        if not self._reaches(bearer, row, "r"):
            return self.answers.refuse()
        if resource_type == "Binary":
            answer = self._bytes(request, held, patient=bearer.patient)
            if answer is not None:
                return answer
        headers = [("ETag", f'W/"{held.version}"')] if self._server.meta else []
        if headers and request.headers.get("if-none-match") == headers[0][1]:
            return Response(status=304, headers=headers)
        return self.answers.fhir(self.served(held.body, base_url=base_url), headers=headers)

    def _bytes(self, request: Request, held: Stored, *, patient: str) -> Response | None:
        """Answer a request for a Binary's bytes, or refuse it; None where it may be had as a resource."""
        if not self._attachments.opens(request, held.id):
            return self.answers.refuse()
        refusal = self._limits.check_document(patient)
        return refusal or (None if _wants_fhir(request) else _native(held))

    def _history(self, resource_type: str, identifier: str, *, bearer: Bearer, base_url: str) -> Response:
        row = self._content.row(f"{resource_type}/{identifier}")
        if not self._allows(bearer, resource_type, "r"):
            return self.answers.refuse()
        if row is None or not self._content.belongs(row, bearer.patient):
            return self.answers.not_found()
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
        return self.answers.fhir(body)

    def _search(  # noqa: PLR0911 - one line a refusal
        self, resource_type: str, params: Params, *, bearer: Bearer, base_url: str
    ) -> Response:
        if not self._server.search:
            return self.answers.unsupported(resource_type)
        if not self._allows(bearer, resource_type, "s") or self._faults.refuses(resource_type):
            return self.answers.refuse()
        try:
            window = self._resume(resource_type, params, bearer=bearer)
            if window is None:
                lacking = objection(server=self._server, resource_type=resource_type, params=params)
                if lacking is not None:
                    return self.answers.missing(lacking)
                if patients_asked(params) - {bearer.patient}:
                    return self.answers.refuse()
                rows = find(
                    content=self._content,
                    server=self._server,
                    resource_type=resource_type,
                    params=params,
                    patient=bearer.patient,
                )
                window = self._pages.begin(
                    path=resource_type,
                    params=params,
                    patient=bearer.patient,
                    keys=[f"{row.type}/{row.id}" for row in rows if self._reaches(bearer, row, "s")],
                    count=self._count(resource_type, params),
                )
        except PageGone:
            return self.answers.page_gone()
        except SearchError as error:
            return self.answers.problem(400, code=error.code, text=str(error))
        return self._page(window, bearer=bearer, base_url=base_url)

    def _everything(self, patient: str, params: Params, *, bearer: Bearer, base_url: str) -> Response:
        if not self._server.everything:
            return self.answers.problem(404, code="not-supported", text="$everything is not supported")
        if patient != bearer.patient or not self._allows(bearer, "Patient", "r"):
            return self.answers.refuse()
        path = f"Patient/{patient}/$everything"
        try:
            window = self._resume(path, params, bearer=bearer)
            count = self._count("", params)
        except PageGone:
            return self.answers.page_gone()
        except SearchError as error:
            return self.answers.problem(400, code=error.code, text=str(error))
        if window is None:
            rows = [
                row
                for row in self._content.rows()
                if self._content.belongs(row, patient) and self._reaches(bearer, row, "r")
            ]
            rows = changed(rows, since=dict(params).get("_since", ""), server=self._server)
            rows.sort(key=lambda row: row.type != "Patient")
            keys = [f"{row.type}/{row.id}" for row in rows]
            window = self._pages.begin(path=path, params=params, patient=patient, keys=keys, count=count)
        return self._page(window, bearer=bearer, base_url=base_url)

    # ---- answers

    def _page(self, window: Window, *, bearer: Bearer, base_url: str) -> Response:
        server = self._server
        rows = [row for key in window.keys if (row := self._content.row(key)) is not None]
        extra = included(content=self._content, rows=rows, params=window.params, patient=bearer.patient)
        entries = [self._entry(row, "match", base_url) for row in rows]
        entries += [self._entry(row, "include", base_url) for row in extra if self._reaches(bearer, row, "s")]
        for bad in self._faults.bad_resources(window.path):
            entries.insert(len(entries) // 2, entry(body=bad, full_url="", mode="match"))
        if server.outcome_entry:
            note = outcome(code="informational", text="this is a sandbox portal", severity="information")
            entries.append(entry(body=note, full_url="", mode="outcome"))
        links = [("self", link(server, base_url, window.path, window.params, own=True))]
        stopped = self._faults.stops_paging(window.path, window.number)
        stopped |= server.last_page is not None and window.number >= server.last_page
        if window.next_param is not None and not stopped:
            following = [*window.next_params, window.next_param]
            links.append(("next", link(server, base_url, window.path, following)))
        totals = {"result": window.total, "page": len(rows), "inflated": window.total + INFLATION}
        return self.answers.fhir(bundle(entries=entries, links=links, total=totals.get(server.total)))

    def _entry(self, row: Row, mode: Any, base_url: str) -> bytes:
        held = self._content.find(resource_type=row.type, identifier=row.id)
        body = b"{}" if held is None else self.served(held.body, base_url=base_url)
        named = mode if self._server.search_mode else None
        return entry(body=body, full_url=f"{base_url}/{row.type}/{row.id}", mode=named)

    def _resume(self, path: str, params: Params, *, bearer: Bearer) -> Window | None:
        if self._pages.continues(params) and self._faults.take(EXPIRE, path):
            raise PageGone
        return self._pages.resume(path=path, params=params, patient=bearer.patient)

    def _count(self, resource_type: str, params: Params) -> int:
        asked = dict(params).get("_count", "")
        if asked and not asked.isdecimal():
            raise SearchError("_count is no number")
        if self._server.page_size is not None:
            return self._server.page_size
        most = self._server.max_counts.get(resource_type, self._server.max_count)
        return min(int(asked) if asked and int(asked) else DEFAULT_COUNT, most)

    def _allows(self, bearer: Bearer, resource_type: str, interaction: scopes.Interaction) -> bool:
        return self._reach(bearer, resource_type, interaction) is not None

    def _reaches(self, bearer: Bearer, row: Row, interaction: scopes.Interaction) -> bool:
        """Say whether the scopes cover this one, some of which cover a part of its type only."""
        reach = self._reach(bearer, row.type, interaction)
        if reach is None:
            return False
        return not reach or any(fits(row, query, server=self._server) for query in reach)

    def _reach(
        self, bearer: Bearer, resource_type: str, interaction: scopes.Interaction
    ) -> tuple[str, ...] | None:
        if resource_type in self._server.refuses:
            return None
        user_types = self._server.user_scope_types
        return scopes.reach(bearer.scope, resource_type, interaction, user_types=user_types)


def _wants_fhir(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "fhir" in accept or accept.split(";")[0].strip() == "application/json"


def _native(held: Stored) -> Response:
    resource = parse(held.body)
    data = base64.b64decode(str(resource.get("data", "")))
    kind = str(resource.get("contentType") or "application/octet-stream")
    return Response(body=data, content_type=kind, headers=[("Cache-Control", "no-store")])
