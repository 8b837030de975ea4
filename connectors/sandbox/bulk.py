"""Bulk Data: kick-off, status, manifest and files of exports, as strict as the specification allows to be.

One export a client at a time; files in pieces; what an export holds is fixed when it begins. State lies in the
portal's database, so an export outlives a restart of the sandbox.
"""

import gzip
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote_plus

from connectors.profile import ExportLevel, Server
from connectors.sandbox.bundle import outcome
from connectors.sandbox.content import Content, instant
from connectors.sandbox.database import Database
from connectors.sandbox.dates import span
from connectors.sandbox.faults import Faults
from connectors.sandbox.grants import Grants, Token
from connectors.sandbox.http import Request, Response, json_response
from connectors.sandbox.index import SHARED_TYPES, Row
from connectors.sandbox.scopes import DATA

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS bulk_job (
    id TEXT PRIMARY KEY, client_id TEXT NOT NULL, request TEXT NOT NULL, at REAL NOT NULL, asked INTEGER NOT NULL,
    ready_at REAL, files TEXT NOT NULL, total INTEGER NOT NULL
) WITHOUT ROWID;
"""
NDJSON: Final = "application/fhir+ndjson"
FORMATS: Final = frozenset({"", NDJSON, "application/ndjson", "ndjson"})
PARAMETERS: Final = frozenset({"_outputFormat", "_since", "_type", "_typeFilter"})
STATUS, FILE = "bulk-status", "bulk-file"


@dataclass(slots=True, kw_only=True)
class BulkRules:
    """How exports go here; a test changes it while the portal runs."""

    # How often a status answers 202 before it is done, and how it says when to come again.
    waits: int = 1
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    seconds: int = 0
    # Lines a file; whether the manifest counts them.
    piece: int = 1000
    counts: bool = True
    requires_token: bool = True
    # A file can be read from its middle; and is packed for who takes that.
    ranges: bool = True
    packs: bool = True
    # Lines of the error file, OperationOutcomes as text; "outcome" is what version 4 calls it.
    problems: Sequence[bytes] = ()
    problems_named: Literal["error", "outcome"] = "error"
    # How long a finished export is kept.
    keep_seconds: float = 3600.0
    # The origin that files stand at, where that is another.
    files_origin: str = ""


class Bulk:
    """All exports of one portal."""

    def __init__(
        self, *, database: Database, content: Content, grants: Grants, faults: Faults, server: Server
    ) -> None:
        """Work on the portal's state."""
        self.rules = BulkRules()
        self._database = database
        self._content = content
        self._grants = grants
        self._faults = faults
        self._server = server
        for statement in SCHEMA.split(";"):
            if statement.strip():
                database.all(statement)

    def answers(self, path: str) -> bool:
        """Say whether a path below the base is one of an export."""
        parts = path.split("/")
        return parts[-1] == "$export" or parts[0] in {STATUS, FILE}

    def forget(self) -> None:
        """Let every export be forgotten, as a server does that was restarted."""
        self._database.all("DELETE FROM bulk_job")

    def handle(self, request: Request, *, path: str, base_url: str) -> Response:
        """Answer one request; `path` is what follows the base, without the leading slash."""
        parts = path.split("/")
        if parts[0] == FILE and request.method == "GET" and len(parts) == 3:
            return self._file(request, job=parts[1], number=parts[2])
        token = self._token(request)
        if token is None:
            return _problem(401, "login", "no valid access token for exports")
        if parts[-1] == "$export":
            return self._kick_off(request, parts=parts, token=token, base_url=base_url)
        if parts[0] == STATUS and len(parts) == 2:
            if request.method == "DELETE":
                return self._cancel(parts[1], token)
            if request.method == "GET":
                return self._status(request, parts[1], token, base_url)
        return _problem(405, "not-supported", "this interaction is not supported")

    # ---- kick-off

    def _kick_off(self, request: Request, *, parts: list[str], token: Token, base_url: str) -> Response:
        level, group = _level(parts)
        if level is None or level not in self._server.bulk_levels:
            return _problem(404, "not-supported", "this export is not offered")
        members = self._members(group) if level == "group" else None
        if level == "group" and members is None:
            return _problem(404, "not-found", "there is no such group")
        if (refused := _refused(request)) is not None:
            return refused
        asked = dict(request.params)
        since = span(asked["_since"]) if "_since" in asked else None
        with self._database.transaction():
            self._expire()
            if self._database.one("SELECT 1 FROM bulk_job WHERE client_id = ?", token.grant.client_id):
                answer = _problem(429, "throttled", "an export of this client exists already")
                answer.headers.append(("Retry-After", str(max(self.rules.seconds, 1))))
                return answer
            filters = _filters(request.query) or []
            rows = [
                row
                for row in self._content.rows()
                if _allowed(token.scope, row.type)
                and self._within(row, level=level, members=members)
                and row.type in (asked["_type"].split(",") if "_type" in asked else [row.type])
                and (since is None or row.last_updated > since.low)
                and _fits(row, filters)
            ]
            files = list(_pieces(rows, size=self.rules.piece))
            if since is not None:
                files += self._deleted(since.low)
            identifier = secrets.token_urlsafe(16)
            self._database.all(
                "INSERT INTO bulk_job VALUES (?, ?, ?, ?, 0, NULL, ?, ?)",
                identifier,
                token.grant.client_id,
                f"{base_url}/{'/'.join(parts)}" + (f"?{request.query}" if request.query else ""),
                self._grants.now(),
                json.dumps(files),
                len(rows),
            )
        where = [("Content-Location", f"{base_url}/{STATUS}/{identifier}")]
        return Response(status=202, headers=where)

    def _members(self, group: str) -> frozenset[str] | None:
        held = self._content.find(resource_type="Group", identifier=group)
        if held is None or held.deleted:
            return None
        listed = json.loads(held.body).get("member", [])
        said = [str(member.get("entity", {}).get("reference", "")) for member in listed]
        return frozenset(text.removeprefix("Patient/") for text in said if text.startswith("Patient/"))

    def _within(self, row: Row, *, level: ExportLevel, members: frozenset[str] | None) -> bool:
        if level == "system":
            return True
        if row.type in SHARED_TYPES:
            return True
        owners = set(row.owners)
        if row.type == "Provenance":
            for reference in row.references.get("target", ()):
                target = self._content.row(reference)
                owners |= set() if target is None else target.owners
        return bool(owners if members is None else owners & members)

    def _deleted(self, since: float) -> Iterator[list[Any]]:
        held = self._database.all(
            "SELECT type, id FROM resource WHERE deleted AND last_updated > ? ORDER BY type, id", since
        )
        if held:
            yield ["deleted", "Bundle", [[row["type"], row["id"]] for row in held]]

    # ---- status

    def _status(self, request: Request, identifier: str, token: Token, base_url: str) -> Response:
        with self._database.transaction():
            self._expire()
            job = self._job(identifier, token)
            if job is None:
                return _problem(404, "not-found", "there is no such export")
            if "json" not in request.headers.get("accept", ""):
                return _problem(406, "not-supported", "the header Accept does not ask for JSON")
            self._database.all("UPDATE bulk_job SET asked = asked + 1 WHERE id = ?", identifier)
            if job["asked"] < self.rules.waits:
                return self._working(job)
            self._database.all(
                "UPDATE bulk_job SET ready_at = coalesce(ready_at, ?) WHERE id = ?",
                self._grants.now(),
                identifier,
            )
        return json_response(self._manifest(job, base_url))

    def _working(self, job: Any) -> Response:
        share = round(100 * job["asked"] / max(self.rules.waits, 1))
        now = datetime.fromtimestamp(self._grants.now(), UTC)
        headers = [
            ("X-Progress", f"{share}% of {job['total']} resources"),
            ("Date", format_datetime(now, usegmt=True)),
        ]
        if self.rules.retry_after == "seconds":
            headers.append(("Retry-After", str(self.rules.seconds)))
        elif self.rules.retry_after == "date":
            then = datetime.fromtimestamp(self._grants.now() + self.rules.seconds, UTC)
            headers.append(("Retry-After", format_datetime(then, usegmt=True)))
        return Response(status=202, headers=headers)

    def _manifest(self, job: Any, base_url: str) -> dict[str, Any]:
        listed: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], self.rules.problems_named: []}
        origin = self.rules.files_origin or base_url
        for number, (kind, resource_type, keys) in enumerate(json.loads(job["files"])):
            entry = {"type": resource_type, "url": f"{origin}/{FILE}/{job['id']}/{number}"}
            listed[kind].append(
                entry | ({"count": len(keys)} if self.rules.counts and kind == "output" else {})
            )
        if self.rules.problems:
            url = f"{origin}/{FILE}/{job['id']}/problems"
            listed[self.rules.problems_named].append({"type": "OperationOutcome", "url": url})
        return {
            "transactionTime": instant(job["at"]),
            "request": job["request"],
            "requiresAccessToken": self.rules.requires_token,
            **listed,
        }

    def _cancel(self, identifier: str, token: Token) -> Response:
        with self._database.transaction():
            if self._job(identifier, token) is None:
                return _problem(404, "not-found", "there is no such export")
            self._database.all("DELETE FROM bulk_job WHERE id = ?", identifier)
        return Response(status=202)

    # ---- files

    def _file(self, request: Request, *, job: str, number: str) -> Response:
        token = self._token(request)
        if self.rules.requires_token and token is None:
            return _problem(401, "login", "this file wants an access token")
        if not self.rules.requires_token and "authorization" in request.headers:
            # A client that sends its token where none is wanted would send it to anybody.
            return _problem(400, "security", "this file is given without a token, and a token came")
        self._expire()
        held = self._database.one("SELECT * FROM bulk_job WHERE id = ?", job)
        if held is None or (token is not None and token.grant.client_id != held["client_id"]):
            return _problem(404, "not-found", "there is no such file")
        if "ndjson" not in request.headers.get("accept", ""):
            return _problem(406, "not-supported", "the header Accept does not ask for NDJSON")
        lines = self._lines(held, number)
        if lines is None:
            return _problem(404, "not-found", "there is no such file")
        bad = self._faults.bad_resources(FILE)
        lines = [*lines[:1], *bad, *lines[1:]]
        return self._sent(request, b"".join(line + b"\n" for line in lines))

    def _lines(self, job: Any, number: str) -> list[bytes] | None:
        if number == "problems":
            return list(self.rules.problems)
        files = json.loads(job["files"])
        if not number.isdecimal() or int(number) >= len(files):
            return None
        kind, _type, keys = files[int(number)]
        if kind == "deleted":
            return [_deletions(keys)]
        return [
            found.body
            for resource_type, identifier in keys
            if (found := self._content.find(resource_type=resource_type, identifier=identifier))
            and not found.deleted
        ]

    def _sent(self, request: Request, body: bytes) -> Response:
        headers = [("ETag", f'"{len(body)}"')]
        wanted = request.headers.get("range", "")
        if self.rules.ranges and wanted.startswith("bytes=") and wanted.endswith("-"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            same = request.headers.get("if-range", headers[0][1]) == headers[0][1]
            if same and start >= len(body):
                return Response(status=416, headers=[("Content-Range", f"bytes */{len(body)}")])
            if same:
                headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
                return Response(status=206, body=body[start:], content_type=NDJSON, headers=headers)
        if self.rules.packs and "gzip" in request.headers.get("accept-encoding", ""):
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, compresslevel=1)
        return Response(status=200, body=body, content_type=NDJSON, headers=headers)

    # ---- parts

    def _token(self, request: Request) -> Token | None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        held = self._grants.token(text.strip(), kind="access") if scheme.lower() == "bearer" else None
        if held is None or not self._grants.is_alive(held):
            return None
        return held if any(word.startswith("system/") for word in held.scope.split()) else None

    def _job(self, identifier: str, token: Token) -> Any:
        return self._database.one(
            "SELECT * FROM bulk_job WHERE id = ? AND client_id = ?", identifier, token.grant.client_id
        )

    def _expire(self) -> None:
        self._database.all(
            "DELETE FROM bulk_job WHERE ready_at IS NOT NULL AND ready_at < ?",
            self._grants.now() - self.rules.keep_seconds,
        )


def _refused(request: Request) -> Response | None:  # noqa: PLR0911 - one line a reason
    """Say what is wrong with a kick-off's headers and parameters; None where nothing is."""
    asked = dict(request.params)
    if request.method != "GET":
        return _problem(405, "not-supported", "an export is begun by GET")
    if "respond-async" not in request.headers.get("prefer", ""):
        return _problem(400, "invalid", "the header Prefer: respond-async is missing")
    if "json" not in request.headers.get("accept", ""):
        return _problem(406, "not-supported", "the header Accept does not ask for FHIR JSON")
    if set(asked) - PARAMETERS:
        return _problem(400, "invalid", "unknown parameter")
    if asked.get("_outputFormat", "") not in FORMATS:
        return _problem(400, "not-supported", "unknown output format")
    since = asked.get("_since", "2000-01-01T00:00:00Z")
    if "T" not in since or span(since) is None:
        return _problem(400, "value", "_since is no instant")
    if _filters(request.query) is None:
        return _problem(400, "invalid", "_typeFilter cannot be read")
    return None


def _level(parts: list[str]) -> tuple[ExportLevel | None, str]:
    match parts:
        case ["$export"]:
            return "system", ""
        case ["Patient", "$export"]:
            return "patient", ""
        case ["Group", group, "$export"]:
            return "group", group
    return None, ""


def _filters(query: str) -> list[tuple[str, str, frozenset[str]]] | None:
    """Read every `_typeFilter`: type, parameter and the codes of which one must be there.

    From the query as it was sent: a comma that is not escaped begins the next filter. None where one cannot be read.
    """
    found = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name != "_typeFilter":
            continue
        for each in value.split(","):
            resource_type, mark, params = unquote_plus(each).partition("?")
            if not mark or not resource_type.isalpha():
                return None
            found += [(resource_type, key, frozenset(codes.split(","))) for key, codes in parse_qsl(params)]
    return found


def _fits(row: Row, filters: Iterable[tuple[str, str, frozenset[str]]]) -> bool:
    own = [(name, codes) for resource_type, name, codes in filters if resource_type == row.type]
    return not own or any(row.tokens.get(name, frozenset()) & codes for name, codes in own)


def _allowed(scope: str, resource_type: str) -> bool:
    for word in scope.split():
        match = DATA.fullmatch(word)
        if match and match[1] == "system" and match[2] in {"*", resource_type}:
            return True
    return False


def _pieces(rows: Sequence[Row], *, size: int) -> Iterator[list[Any]]:
    """Yield kind, type and keys of each file, of no more than `size` lines."""
    by_type: dict[str, list[list[str]]] = {}
    for row in rows:
        by_type.setdefault(row.type, []).append([row.type, row.id])
    for resource_type, keys in sorted(by_type.items()):
        for start in range(0, len(keys), size):
            yield ["output", resource_type, keys[start : start + size]]


def _deletions(keys: Iterable[Sequence[str]]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": "/".join(key)}} for key in keys]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def _problem(status: int, code: str, text: str) -> Response:
    body = outcome(code=code, text=text)
    return Response(status=status, body=body, content_type="application/fhir+json")
