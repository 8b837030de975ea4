"""One server's export: begin it, ask how far it is, fetch its files, let it be forgotten.

The access token goes to the scheme, host and port that were asked for the export, and nowhere else: a status address
or a file on another host is fetched without it where the manifest allows that, and refused where it does not.
Source: HL7 Bulk Data Access (http://hl7.org/fhir/uv/bulkdata).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit

from connectors.egress import Egress, Reply, Stream
from connectors.errors import BadReply, EgressRefused, PortalError, RetryLater, SkipResource
from connectors.fhir.bulk_lines import Line, cut
from connectors.fhir.bulk_manifest import Manifest, read_manifest
from connectors.fhir.bulk_request import NDJSON
from connectors.fhir.bundle import is_html
from connectors.fhir.failure import failure, wait_seconds
from connectors.fhir.outcome import read_issues
from connectors.profile import Profile
from connectors.secret import Secret, same_target

DEADLINE_SECONDS: Final = 60.0
# A file may take an hour; a server that says nothing for a minute will not say more.
FILE_SECONDS: Final = 3600.0
IDLE_SECONDS: Final = 60.0
_MANIFEST_BYTES: Final = 50 * 1024 * 1024
_PROBLEM_BYTES: Final = 1024 * 1024
_PROGRESS_LENGTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The export is being prepared. `progress`: the server's own words, cleaned; `after`: seconds that it asks
    us to wait, None where it does not say.
    """

    progress: str = ""
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The server does not know this export any more."""


@dataclass(slots=True)
class Lines:
    """A file as it arrives. `start` is where it really begins: 0 where the server cannot begin in the middle."""

    start: int
    content_type: str
    # Of this answer; sent along with the next request, so that another file is not taken for the rest of this.
    etag: str
    _chunks: Iterator[bytes] = field(repr=False)

    def cut(self, *, number: int = 0) -> Iterator[Line]:
        """Yield the lines; `number`: how many lie before `start`."""
        return cut(self._chunks, start=self.start, number=number)


class BulkClient:
    """Exports from one FHIR base on behalf of the operator."""

    def __init__(
        self,
        *,
        egress: Egress,
        base_url: str,
        profile: Profile,
        bearer: Callable[[], Secret],
        observe: Callable[[str, str, int, int], None] | None = None,
    ) -> None:
        """`bearer` is asked before each request. `observe` is told of every answer: method, path without
        query, status, bytes (0 of a file, which is still to come).
        """
        self._egress = egress
        self._base_url = base_url.rstrip("/")
        self._profile = profile
        self._bearer = bearer
        self._observe = observe

    def __repr__(self) -> str:
        """Name the profile; the base may hold a practice's code."""
        return f"BulkClient({self._profile.id})"

    def kick_off(self, url: str) -> str:
        """Begin an export; returns the address that knows how far it is. A secret: it opens the export.

        Raises RetryLater (429: another export is running), SkipResource (this level, or the group, is not offered
        or not allowed), Reauthorize `unauthorized` (ask for another token), BadReply for an acceptance without an
        address, EgressRefused.
        """
        reply = self._ask("GET", url, accept=self._profile.fhir.accept, prefer="respond-async")
        if reply.status != 202:
            raise self._failure(reply)
        where = reply.headers.get("content-location", "").strip()
        if not where:
            raise BadReply("bad_response", status=reply.status)
        status_url = urljoin(url, where)
        if not self._ours(status_url):
            # Where nobody but this server's token may ask, another host has no business.
            raise EgressRefused("foreign_host")
        return status_url

    def poll(self, status_url: str) -> Working | Manifest | Gone:
        """Ask how far an export is. Raises as `kick_off`; a 5xx with an OperationOutcome that is no passing one
        comes as SkipResource: the export failed.
        """
        reply = self._ask("GET", status_url, accept="application/json")
        if reply.status == 202:
            return Working(
                progress=_progress(reply.headers.get("x-progress", "")), after=wait_seconds(reply.headers)
            )
        if reply.status in {404, 410}:
            return Gone()
        if reply.status != 200:
            issues = read_issues(reply.content)
            if reply.status >= 500 and issues.failed and issues.meaning != "retry":
                raise SkipResource("server_error", outcome="refused", status=reply.status)
            raise self._failure(reply)
        if reply.content_type == "text/html" or is_html(reply.content):
            raise BadReply("html", status=reply.status)
        return read_manifest(reply.content, status_url=reply.url)

    @contextmanager
    def file(self, url: str, *, requires_token: bool, start: int = 0, etag: str = "") -> Iterator[Lines]:
        """Open one file, from the byte `start` where the server can do that, else from its beginning.

        `etag`: of the answer that the first `start` bytes came from. Raises EgressRefused `foreign_host` for a
        file elsewhere that wants the token, SkipResource `not_found` for one that is gone, and as `kick_off`; and
        while lines are read RetryLater (`timeout`, `truncated`, `connection_lost`) and BadReply.
        """
        for begin in (start, 0):
            headers = self._for_file(url, requires_token=requires_token, begin=begin, etag=etag)
            with self._egress.stream(
                url, headers=headers, deadline=FILE_SECONDS, idle=IDLE_SECONDS, redirects="check"
            ) as found:
                self._told("GET", url, found.status, 0)
                if found.status == 416 and begin:
                    if _length(found) != begin:
                        continue  # another file than the one we stopped in: from its beginning
                    yield Lines(start=begin, content_type="", etag=etag, _chunks=iter(()))
                    return
                if found.status not in {200, 206}:
                    raise self._file_failure(found)
                if found.content_type == "text/html":
                    raise BadReply("html", status=found.status)
                yield Lines(
                    start=_begins(found, begin),
                    content_type=found.content_type,
                    etag=found.headers.get("etag", ""),
                    _chunks=iter(found),
                )
                return

    def _for_file(self, url: str, *, requires_token: bool, begin: int, etag: str) -> dict[str, str]:
        headers = {"accept": NDJSON}
        if requires_token:
            headers |= self._authorized(url)
        if begin:
            # Bytes of the file itself: a range of what gzip makes of it would begin nowhere.
            headers |= {"range": f"bytes={begin}-", "accept-encoding": "identity"}
            if etag:
                headers["if-range"] = etag
        return headers

    def cancel(self, status_url: str) -> bool:
        """Let the server forget an export and its files; False where it does not do that.

        Raises RetryLater, Reauthorize and EgressRefused; a server that has forgotten already is content (404).
        """
        reply = self._ask("DELETE", status_url, accept="application/json")
        if reply.status in {404, 410} or 200 <= reply.status < 300:
            return True
        error = self._failure(reply)
        if isinstance(error, (RetryLater,)) or error.code == "unauthorized":
            raise error
        return False

    def _ask(self, method: str, url: str, *, accept: str, prefer: str = "") -> Reply:
        headers = {**self._profile.fhir.headers, "accept": accept, **self._authorized(url)}
        if prefer:
            headers["prefer"] = prefer
        reply = self._egress.request(
            method, url, headers=headers, deadline=DEADLINE_SECONDS, max_bytes=_MANIFEST_BYTES
        )
        self._told(method, url, reply.status, len(reply.content))
        return reply

    def _authorized(self, url: str) -> dict[str, str]:
        if not self._ours(url):
            raise EgressRefused("foreign_host")
        return {"authorization": f"Bearer {self._bearer().reveal()}"}

    def _ours(self, url: str) -> bool:
        """Say whether an address lies at the scheme, host and port of the base.

        Not below its path: status and files often stand beside it. The server named them itself, in its answer to
        our own request.
        """
        parts = urlsplit(self._base_url)
        return same_target(f"{parts.scheme}://{parts.netloc}", url)

    def _told(self, method: str, url: str, status: int, size: int) -> None:
        if self._observe is not None:
            self._observe(method, urlsplit(url).path, status, size)

    def _failure(self, reply: Reply) -> PortalError:
        return failure(
            status=reply.status,
            headers=reply.headers,
            issues=read_issues(reply.content),
            kind="read",
            rules=self._profile.errors,
        )

    def _file_failure(self, found: Stream) -> PortalError:
        body = found.read(max_bytes=_PROBLEM_BYTES)
        return failure(
            status=found.status,
            headers=found.headers,
            issues=read_issues(body),
            kind="read",
            rules=self._profile.errors,
        )


def _begins(found: Stream, start: int) -> int:
    """Return where the answer to a request for the rest of a file begins."""
    if found.status != 206:
        return 0
    unit, _, span = found.headers.get("content-range", "").strip().partition(" ")
    first = span.partition("-")[0].strip()
    if unit.lower() != "bytes" or not first.isdecimal() or int(first[:18]) != start:
        raise BadReply("bad_response", status=found.status)
    return start


def _length(found: Stream) -> int | None:
    """Return how long a file is, as the refusal of a range says it; None where it does not."""
    text = found.headers.get("content-range", "").rpartition("/")[2].strip()
    return int(text[:18]) if text.isdecimal() else None


def _progress(text: str) -> str:
    """Keep what a server says of its progress as one short line of plain letters."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_PROGRESS_LENGTH]
