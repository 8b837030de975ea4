import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx2  # noqa: TID251  # its mock transport stands in for the wire
import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, EgressRefused, PortalError, Reauthorize, RetryLater, SkipResource
from connectors.fhir.client import FhirClient
from connectors.fhir.pace import Pace
from connectors.profile import Attachments, ErrorRule, Fhir, Paging, Profile
from connectors.registry import load_registry
from connectors.secret import Secret

BASE = "https://portal.example/fhir/R4"
TOKEN = "planted-token"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_registry()["generic"]


class Portal:
    """Answers every request with one response, and keeps the requests."""

    def __init__(self, answer: httpx2.Response | Handler) -> None:
        self.requests: list[httpx2.Request] = []
        self._answer = answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self._answer(request) if callable(self._answer) else self._answer

    def client(
        self, profile: Profile, *, token: str | None = TOKEN, client_id: str = "", pace: Pace | None = None
    ) -> FhirClient:
        return FhirClient(
            egress=Egress(transport=httpx2.MockTransport(self)),
            base_url=f"{BASE}/",
            profile=profile,
            bearer=lambda: Secret(token) if token else None,
            client_id=client_id,
            pace=pace,
        )


def answer(value: Any, *, status: int = 200, content_type: str = "application/fhir+json") -> httpx2.Response:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return httpx2.Response(status, content=content, headers={"content-type": content_type})


def searchset(*resources: Mapping[str, object], next_url: str = "") -> dict[str, object]:
    return {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": next_url}] if next_url else [],
        "entry": [{"resource": resource} for resource in resources],
    }


def failed(client: FhirClient, url: str) -> PortalError:
    with pytest.raises(PortalError) as error:
        client.page(url)
    assert TOKEN not in repr(error.value) + str(error.value)
    return error.value


def test_a_page_is_asked_with_the_token_and_the_accept_of_the_profile(profile: Profile) -> None:
    own = replace(profile, fhir=Fhir(accept="application/json+fhir", headers={"X-Client": "us"}))
    portal = Portal(answer(searchset({"resourceType": "Goal", "id": "1"}, next_url="Goal?page=2")))
    client = portal.client(own)
    page = client.page(client.search_url("Goal", [("patient", "1"), ("category", "a|b,c"), ("d", "x y+z")]))
    (request,) = portal.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (request.headers["accept"], request.headers["x-client"]) == ("application/json+fhir", "us")
    assert str(request.url) in {
        f"{BASE}/Goal?patient=1&category=a|b,c&d=x%20y%2Bz",
        f"{BASE}/Goal?patient=1&category=a%7Cb,c&d=x%20y%2Bz",
    }
    assert page.next_url == f"{BASE}/Goal?page=2"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/fhir/R4/Goal",
        "https://portal.example.evil.example/fhir/R4/Goal",
        "https://portal.example:444/fhir/R4/Goal",
        "http://portal.example/fhir/R4/Goal",
        "https://portal.example/other/Goal",
        "https://portal.example@evil.example/fhir/R4/Goal",
        f"{BASE}/../../admin",
    ],
)
def test_a_next_link_that_leaves_the_portal_is_not_followed(profile: Profile, url: str) -> None:
    portal = Portal(answer(searchset()))
    error = failed(portal.client(profile), url)
    assert isinstance(error, EgressRefused)
    assert error.code == "foreign_host"
    assert portal.requests == []


def test_a_refreshed_token_is_used_at_once(profile: Profile) -> None:
    tokens = iter(["first", "second"])
    portal = Portal(answer(searchset()))
    client = FhirClient(
        egress=Egress(transport=httpx2.MockTransport(portal)),
        base_url=BASE,
        profile=profile,
        bearer=lambda: Secret(next(tokens)),
    )
    client.page(f"{BASE}/Goal")
    client.page(f"{BASE}/Goal")
    assert [request.headers["authorization"] for request in portal.requests] == [
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.parametrize(
    ("response", "expected", "code"),
    [
        (answer(b"<html>", status=401, content_type="text/html"), Reauthorize, "unauthorized"),
        (answer(b"", status=403), SkipResource, "refused"),
        (answer(b"<html>", status=404, content_type="text/html"), SkipResource, "not_supported"),
        (answer(OUTCOME, status=400), SkipResource, "refused"),
        (answer(OUTCOME), SkipResource, "refused"),
        (answer(b"", status=410), RetryLater, "paging_expired"),
        (answer(b"<html>", status=503), RetryLater, "server_error"),
        (answer(b"<html></html>", content_type="text/html"), BadReply, "html"),
        (answer(b"\n <!doctype html>"), BadReply, "html"),
        (answer(b'{"resourceType":"Bundle"'), BadReply, "not_json"),
        (answer({"resourceType": "Patient", "id": "1"}), BadReply, "bad_bundle"),
        (answer(b"", status=204), BadReply, "bad_response"),
        (answer(b""), BadReply, "not_json"),
    ],
)
def test_every_failure_has_its_name(
    profile: Profile, response: httpx2.Response, expected: type[PortalError], code: str
) -> None:
    error = failed(Portal(response).client(profile), f"{BASE}/Goal?patient=1")
    assert (type(error), error.code, error.status) == (expected, code, response.status_code)


def test_the_wait_that_the_portal_asks_for_is_passed_on(profile: Profile) -> None:
    response = httpx2.Response(429, headers={"Retry-After": "17"})
    error = failed(Portal(response).client(profile), f"{BASE}/Goal")
    assert isinstance(error, RetryLater)
    assert error.after == 17.0


def test_nothing_found_may_be_an_outcome(profile: Profile) -> None:
    nothing = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "not-found"}],
    }
    page = Portal(answer(nothing)).client(profile).page(f"{BASE}/Goal")
    assert (page.entries, page.next_url, len(page.outcomes)) == ((), None, 1)


def test_the_patient_can_be_a_page_of_one(profile: Profile) -> None:
    page = Portal(answer({"resourceType": "Patient", "id": "1"})).client(profile).page(f"{BASE}/Patient/1")
    assert [entry.id for entry in page.entries] == ["1"]


def test_a_resource_is_read_by_reference(profile: Profile) -> None:
    portal = Portal(answer({"resourceType": "Location", "id": "1"}))
    client = portal.client(profile)
    assert client.read("Location/1").id == "1"
    assert client.read(f"{BASE}/Location/1/_history/2").id == "1"
    assert {str(request.url) for request in portal.requests} == {f"{BASE}/Location/1"}


@pytest.mark.parametrize(
    "reference", ["https://evil.example/Location/1", "#x", "urn:uuid:1", "Location/../Patient", "none"]
)
def test_no_other_reference_is_read(profile: Profile, reference: str) -> None:
    portal = Portal(answer({"resourceType": "Location", "id": "1"}))
    with pytest.raises(EgressRefused):
        portal.client(profile).read(reference)
    assert portal.requests == []


@pytest.mark.parametrize(
    ("response", "expected", "code"),
    [
        (answer(b"", status=404), SkipResource, "not_found"),
        (answer(b"", status=410), SkipResource, "not_found"),
        (answer(OUTCOME), SkipResource, "refused"),
        (answer(b"nonsense"), BadReply, "not_json"),
        (answer(b"<html>"), BadReply, "html"),
    ],
)
def test_a_read_that_fails(
    profile: Profile, response: httpx2.Response, expected: type[PortalError], code: str
) -> None:
    with pytest.raises(expected) as error:
        Portal(response).client(profile).read("Location/1")
    assert error.value.code == code


def test_a_document_comes_as_its_bytes(profile: Profile) -> None:
    portal = Portal(answer(b"<html>note</html>", content_type="Text/HTML; charset=utf-8"))
    content = portal.client(profile).binary("Binary/1", accept="text/html")
    assert (content.content_type, content.body) == ("text/html", b"<html>note</html>")
    assert portal.requests[0].headers["accept"] == "text/html"
    assert "note" not in repr(content)


def test_a_document_in_a_binary_resource_is_unpacked(profile: Profile) -> None:
    binary = {
        "resourceType": "Binary",
        "contentType": "application/pdf;v=1",
        "data": base64.b64encode(b"%PDF-").decode(),
    }
    own = replace(profile, attachments=Attachments(accept="fhir_json"))
    portal = Portal(answer(binary))
    content = portal.client(own).binary(f"{BASE}/Binary/1", accept="application/pdf")
    assert (content.content_type, content.body) == ("application/pdf", b"%PDF-")
    assert portal.requests[0].headers["accept"] == "application/fhir+json"


def test_a_json_document_stays_one(profile: Profile) -> None:
    portal = Portal(answer(b'{"a":1}', content_type="application/json"))
    assert portal.client(profile).binary("Binary/1").body == b'{"a":1}'


def test_documents_may_lie_on_listed_hosts_only(profile: Profile) -> None:
    own = replace(profile, attachments=Attachments(hosts=("files.example",)))
    portal = Portal(answer(b"x", content_type="text/plain"))
    client = portal.client(own)
    client.binary("https://files.example/a")
    assert portal.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    for url in ("https://other.example/a", "http://files.example/a", "//evil.example/a", "data:text/plain,x"):
        with pytest.raises(EgressRefused):
            client.binary(url)
    with pytest.raises(EgressRefused):
        client.page("https://files.example/Goal")
    assert len(portal.requests) == 1


def test_the_capability_statement_is_asked_without_a_token(profile: Profile) -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    portal = Portal(answer(statement))
    capability = portal.client(profile).capability()
    assert (capability.fhir_version, capability.is_r4) == ("4.0.1", True)
    assert "authorization" not in portal.requests[0].headers


def test_a_header_may_name_our_client_id(profile: Profile) -> None:
    own = replace(profile, fhir=Fhir(headers={"X-Client-ID": "{client_id}", "X-Plain": "yes"}))
    portal = Portal(answer({"resourceType": "CapabilityStatement"}))
    portal.client(own, client_id="our-id").capability()
    portal.client(own).capability()
    assert [request.headers.get("x-client-id") for request in portal.requests] == ["our-id", None]
    assert {request.headers["x-plain"] for request in portal.requests} == {"yes"}


def test_links_may_spell_the_base_in_other_letters_where_the_profile_says_so(profile: Profile) -> None:
    own = replace(profile, paging=Paging(ignore_case=True))
    portal = Portal(answer(searchset()))
    link = "https://portal.example/FHIR/r4/Goal?page=2"
    assert failed(portal.client(profile), link).code == "foreign_host"
    portal.client(own).page(link)
    assert [str(request.url) for request in portal.requests] == [link], "and are used as they stand"
    for elsewhere in (link.replace("portal.", "other."), link.replace("https:", "http:")):
        assert failed(portal.client(own), elsewhere).code == "foreign_host"
    portal.client(own).read("https://portal.example/FHIR/r4/Location/1")
    assert str(portal.requests[-1].url) == f"{BASE}/Location/1"


def test_a_web_page_may_mean_something_else_than_an_outcome(profile: Profile) -> None:
    rule = ErrorRule(status=401, meaning="refused", body="html")
    own = replace(profile, errors=(rule,))
    page = answer(b"<html>401</html>", status=401, content_type="text/html")
    assert isinstance(failed(Portal(page).client(own), f"{BASE}/Goal"), SkipResource)
    assert isinstance(failed(Portal(page).client(profile), f"{BASE}/Goal"), Reauthorize)
    outcome = answer(OUTCOME, status=401)
    assert isinstance(failed(Portal(outcome).client(own), f"{BASE}/Goal"), Reauthorize)


def test_a_further_page_may_not_say_what_was_searched_for(profile: Profile) -> None:
    own = replace(profile, errors=(ErrorRule(status=500, meaning="unsupported", resource_type="Goal"),))
    client = Portal(answer(b"", status=500)).client(own)
    with pytest.raises(SkipResource):
        client.page(f"{BASE}?session=1", resource_type="Goal")
    with pytest.raises(RetryLater):
        client.page(f"{BASE}?session=1")


def test_each_request_waits_for_its_turn(profile: Profile) -> None:
    slept: list[float] = []
    portal = Portal(answer(searchset()))
    client = portal.client(profile, pace=Pace(1, clock=lambda: 0.0, sleep=slept.append))
    for _ in range(3):
        client.page(f"{BASE}/Goal")
    assert slept == [60.0, 120.0]
