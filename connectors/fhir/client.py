"""One portal's FHIR endpoint: pages, single resources, documents and its CapabilityStatement.

Every failure leaves as one of our errors; what the portal wrote stays behind. The access token goes to the
portal's own base, to the hosts its profile lists for documents, and nowhere else.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from connectors.egress import MAX_BYTES, Egress, Reply, same_target
from connectors.errors import BadReply, EgressRefused, PortalError
from connectors.fhir.bundle import Entry, Page, is_html, read_page, read_resource, resource_type_of
from connectors.fhir.capability import Capability, read_capability
from connectors.fhir.clock import answered_at
from connectors.fhir.failure import Kind, failure
from connectors.fhir.outcome import read_issues
from connectors.fhir.pace import Pace, shared_pace
from connectors.fhir.query import encode_query
from connectors.fhir.references import relative_reference
from connectors.profile import Profile
from connectors.secret import Secret

# What a US Core client of another house waits for one answer; a drip counts against it like silence.
DEADLINE_SECONDS: Final = 60.0
# In the value of a header of a profile: our client id at this portal.
_CLIENT_ID: Final = "{client_id}"
_FHIR_JSON: Final = frozenset({"application/fhir+json", "application/json+fhir", "application/json"})


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of a document and the media type they were sent as ("" where none was given)."""

    content_type: str
    body: bytes = field(repr=False)


class _Binary(msgspec.Struct):
    resourceType: Literal["Binary"]  # noqa: N815
    contentType: str | None = None  # noqa: N815
    data: str | None = None


class FhirClient:
    """Reads from one FHIR base on behalf of one person. Thread-safe as far as `bearer` is."""

    def __init__(
        self,
        *,
        egress: Egress,
        base_url: str,
        profile: Profile,
        bearer: Callable[[], Secret | None],
        client_id: str = "",
        pace: Pace | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """`bearer` is asked before each request, so that a refreshed token is used at once.

        `client_id`: ours at this portal, for the headers that name it; without it they are not sent. `pace`:
        the portal's limiter; by default the one that all clients of this process share for the portal, where
        the profile knows a limit.
        """
        self._egress = egress
        self._base_url = base_url.rstrip("/")
        self._profile = profile
        self._pace = pace or shared_pace(self._base_url, profile.limits.requests_per_minute)
        self._headers = {
            name: value.replace(_CLIENT_ID, client_id)
            for name, value in profile.fhir.headers.items()
            if client_id or _CLIENT_ID not in value
        }
        self._bearer = bearer
        self._deadline = deadline

    def __repr__(self) -> str:
        """Name the profile; the base may hold a practice's code."""
        return f"FhirClient({self._profile.id})"

    def search_url(self, resource_type: str, params: Iterable[tuple[str, str]]) -> str:
        """Return the address of a search: repeated parameters stay repeated and in order."""
        return self.query_url(resource_type, encode_query(params))

    def query_url(self, resource_type: str, query: str) -> str:
        """Return the address of a search whose query is already written, as `PlanStep.text` is."""
        return f"{self._base_url}/{resource_type}" + (f"?{query}" if query else "")

    def page(self, url: str, *, resource_type: str = "") -> Page:
        """Fetch one page of a search; `url` from `search_url` or from a page's `next_url`, used verbatim.

        `resource_type`: what is searched for, where the address of a further page may not say it.

        Raises Reauthorize (`unauthorized`: refresh once, then ask again), SkipResource (go on with other
        searches), RetryLater (with the wait that the portal asks for; `paging_expired`: begin the search
        again), BadReply and EgressRefused (`foreign_host`: a next link that leaves the portal).
        """
        reply = self._get(url, accept=self._profile.fhir.accept)
        resource_type = resource_type or self._type_in(url)
        self._require_success(reply, resource_type=resource_type, kind="search")
        found = resource_type_of(reply.content)
        if found == "OperationOutcome":
            # Some servers say "nothing found" so, some say "no" so, both with 200.
            issues = read_issues(reply.content)
            if issues.failed:
                raise self._failure(reply, resource_type=resource_type, kind="search")
            return Page(entries=(), total=0, outcomes=(reply.content,), instant=answered_at(reply.headers))
        if found and found != "Bundle" and found == resource_type:
            # `Patient/id` where a search was due: the one resource is the whole answer.
            entry = read_resource(reply.content)
            return Page(entries=(entry,), total=1, instant=answered_at(reply.headers))
        try:
            page = read_page(reply.content, base_url=self._base_url)
        except BadReply as error:
            error.status = reply.status
            raise
        return msgspec.structs.replace(page, instant=answered_at(reply.headers, made_at=page.made_at))

    def read(self, reference: str) -> Entry:
        """Read one resource by "Type/id" (or an absolute reference below the base).

        Raises as `page`; SkipResource `not_found` for 404 and 410. A resource that breaks a cap comes back
        with its fault, as in a page.
        """
        relative = relative_reference(
            reference, base_url=self._base_url, ignore_case=self._profile.paging.ignore_case
        )
        if relative is None:
            raise EgressRefused("foreign_host")
        resource_type = relative.partition("/")[0]
        reply = self._get(f"{self._base_url}/{relative}", accept=self._profile.fhir.accept)
        self._require_success(reply, resource_type=resource_type, kind="read")
        entry = read_resource(reply.content)
        if entry.resource_type == "OperationOutcome" and resource_type != "OperationOutcome":
            raise self._failure(reply, resource_type=resource_type, kind="read")
        if entry.fault == "not_json":
            raise BadReply("not_json", status=reply.status)
        return entry

    def binary(self, url: str, accept: str = "") -> Content:
        """Fetch the bytes behind an attachment's `url`, relative to the base or absolute.

        `accept`: the media type that the attachment announced; "" takes any. Where the profile asks for
        Binary as FHIR, or the server answers so uninvited, the bytes are unpacked from it. Redirects are
        followed, checked, and lose the token when they leave the origin. Raises as `read`.
        """
        absolute = urljoin(f"{self._base_url}/", url.strip())
        if self._profile.attachments.accept == "fhir_json":
            accept = self._profile.fhir.accept
        reply = self._get(absolute, accept=accept or "*/*", redirects="check", documents=True)
        self._require_success(reply, resource_type="Binary", kind="binary")
        if reply.content_type in _FHIR_JSON:
            unpacked = _unpack(reply.content)
            if unpacked is not None:
                return unpacked
            if resource_type_of(reply.content) == "OperationOutcome":
                raise self._failure(reply, resource_type="Binary", kind="binary")
        return Content(reply.content_type, reply.content)

    def capability(self) -> Capability:
        """Fetch the CapabilityStatement, without the token: it is public. Raises BadReply, RetryLater and
        others.
        """
        url = f"{self._base_url}/metadata"
        reply = self._get(url, accept=self._profile.fhir.accept, bearer=False, redirects="check")
        self._require_success(reply, resource_type="CapabilityStatement", kind="read")
        return read_capability(reply.content)

    def _get(
        self,
        url: str,
        *,
        accept: str,
        bearer: bool = True,
        documents: bool = False,
        redirects: Literal["refuse", "check"] = "refuse",
    ) -> Reply:
        ours = same_target(self._base_url, url, ignore_case=self._profile.paging.ignore_case)
        if not ours and not (documents and self._is_document_host(url)):
            raise EgressRefused("foreign_host")
        headers = {**self._headers, "accept": accept}
        if self._pace is not None:
            self._pace.take()
        token = self._bearer() if bearer else None
        if token is not None:
            headers["authorization"] = f"Bearer {token.reveal()}"
        return self._egress.request(
            "GET", url, headers=headers, deadline=self._deadline, max_bytes=MAX_BYTES, redirects=redirects
        )

    def _is_document_host(self, url: str) -> bool:
        hosts = self._profile.attachments.hosts
        return any(same_target(f"https://{host}", url) for host in hosts)

    def _require_success(self, reply: Reply, *, resource_type: str, kind: Kind) -> None:
        if reply.status != 200:
            raise self._failure(reply, resource_type=resource_type, kind=kind)
        if kind != "binary" and (reply.content_type == "text/html" or is_html(reply.content)):
            raise BadReply("html", status=reply.status)

    def _failure(self, reply: Reply, *, resource_type: str, kind: Kind) -> PortalError:
        return failure(
            status=reply.status,
            headers=reply.headers,
            issues=read_issues(reply.content),
            resource_type=resource_type,
            kind=kind,
            rules=self._profile.errors,
            html=reply.content_type == "text/html" or is_html(reply.content),
        )

    def _type_in(self, url: str) -> str:
        """The resource type that a search address names, "" where it names none (a paging session, say)."""
        path = urlsplit(url).path[len(urlsplit(self._base_url).path) :].lstrip("/")
        return path.partition("/")[0]


def _unpack(body: bytes) -> Content | None:
    try:
        found = msgspec.json.decode(body, type=_Binary)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    try:
        data = base64.b64decode(found.data or "", validate=False)
    except (binascii.Error, ValueError):
        raise BadReply("bad_response") from None
    return Content((found.contentType or "").partition(";")[0].strip().lower(), data)
