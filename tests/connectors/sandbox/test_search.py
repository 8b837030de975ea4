"""What a search must and may not say, server by server."""

from typing import Any

import pytest

from connectors.profile.server import MissingAnswer
from tests.connectors.sandbox.conftest import Clock, OpenPortal
from tests.connectors.sandbox.test_fhir import EVERY, Reader

ISSUED = (
    b'{"resourceType":"Observation","id":"%s","status":"final","code":{},'
    b'"subject":{"reference":"Patient/anna"},"issued":"%s"}'
)


@pytest.mark.parametrize("missing", ["400_outcome", "403_outcome", "404_outcome"])
def test_a_search_must_name_what_the_server_requires(portal: OpenPortal, missing: MissingAnswer) -> None:
    requires = {"Observation": ("category", "code", "_id"), "MedicationRequest": ("patient+intent", "_id")}
    reader = Reader(portal(resources=EVERY, requires=requires, missing_parameter_answer=missing))
    for query in (
        "Observation?patient=anna",
        "MedicationRequest?patient=anna",
        "MedicationRequest?intent=order",
    ):
        answer = reader.get(query)
        assert answer.status == int(missing.partition("_")[0])
        assert answer.json["issue"][0]["code"] == "required"
    for query in (
        "Observation?patient=anna&category=laboratory",
        "Observation?_id=hba1c",
        "MedicationRequest?patient=anna&intent=order",
    ):
        assert reader.ids(query)


@pytest.mark.parametrize(
    ("server", "refused", "answered"),
    [
        ({"not_searched": ("Observation",)}, "Observation?patient=anna", "Observation?_id=hba1c"),
        (
            {"patient_refused": ("Observation",)},
            "Observation?patient=anna",
            "Observation?category=laboratory",
        ),
        ({"patient_refused": ("Observation",)}, "Observation?subject=Patient/anna", "Observation"),
        (
            {"refuses_queries": {"Observation": ("category=survey",)}},
            "Observation?patient=anna&category=laboratory,survey",
            "Observation?patient=anna&category=laboratory",
        ),
        (
            {"standing": {"practice": "Organization/a-7"}},
            "Observation?patient=anna",
            "Observation?patient=anna&practice=Organization/a-7",
        ),
        (
            {"standing": {"practice": "Organization/a-7"}},
            "Observation?patient=anna&practice=Organization/a-8",
            "Observation?patient=anna&practice=Organization/a-7",
        ),
        ({"provenance_by_revinclude": True}, "Provenance?patient=anna", "Observation?patient=anna"),
        ({"provenance_by_revinclude": True}, "Provenance?_id=prov", "Observation?patient=anna"),
    ],
)
def test_a_search_may_not_ask_what_the_server_does_not_answer(
    portal: OpenPortal, server: dict[str, Any], refused: str, answered: str
) -> None:
    reader = Reader(portal(resources=EVERY, **server))
    assert reader.get(refused).status == 400
    assert "hba1c" in reader.ids(answered)
    assert reader.get("Observation/hba1c").status == 200


def test_provenance_may_come_beside_what_it_is_about_and_only_where_it_is_asked_for(
    portal: OpenPortal,
) -> None:
    reader = Reader(portal(resources=EVERY, provenance_by_revinclude=True))
    query = "MedicationRequest?patient=anna"
    assert reader.ids(query, mode="include") == []
    assert reader.ids(f"{query}&_revinclude=Provenance:target", mode="include") == ["prov"]
    assert reader.get("Provenance/prov").status == 200


def test_provenance_is_found_by_the_patient_it_is_about(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY))
    assert reader.ids("Provenance?patient=anna") == ["prov"]
    assert reader.get("Provenance?patient=bert").status == 403


def test_there_may_be_no_search_at_all(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, search=False, everything=True, unsupported_answer="501_outcome"))
    assert reader.get("Observation?patient=anna").status == 501
    assert reader.get("Observation/hba1c").status == 200
    assert "hba1c" in reader.ids("Patient/anna/$everything")
    statement = reader.get("metadata").json
    offered = {each["code"] for res in statement["rest"][0]["resource"] for each in res["interaction"]}
    assert offered == {"read"}


def test_everything_comes_in_pages_of_the_servers_size(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, everything=True, page_size=3, page_param="session"))
    page = reader.get("Patient/anna/$everything?_count=500").json
    assert len(page["entry"]) == 3
    assert reader.get("Patient/anna/$everything?_count=many").status == 400


def test_everything_leaves_out_what_is_refused(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, everything=True, refuses=("MedicationRequest",)))
    found = reader.ids("Patient/anna/$everything")
    assert "rx" not in found
    assert "hba1c" in found


@pytest.mark.parametrize(
    ("answered", "narrowed"), [(True, True), (("Observation",), True), (("Goal",), False), (False, False)]
)
def test_last_updated_narrows_where_the_server_answers_it(
    portal: OpenPortal,
    answered: bool | tuple[str, ...],  # noqa: FBT001 - rows of a table
    narrowed: bool,  # noqa: FBT001
) -> None:
    reader = Reader(portal(resources=EVERY, last_updated=answered))
    assert reader.ids("Observation?patient=anna&_lastUpdated=gt2100") == (
        [] if narrowed else ["hba1c", "year"]
    )
    statement = reader.get("metadata").json
    [observation] = [each for each in statement["rest"][0]["resource"] if each["type"] == "Observation"]
    assert ("_lastUpdated" in {each["name"] for each in observation["searchParam"]}) is narrowed


@pytest.mark.parametrize("created", [{}, {"Observation": "issued"}, {"Observation": "made-on"}])
def test_the_date_of_making_is_a_parameter_where_the_vendor_added_it(
    portal: OpenPortal, created: dict[str, str]
) -> None:
    resources = [ISSUED % (b"old", b"2020-01-01T00:00:00Z"), ISSUED % (b"new", b"2026-01-01T00:00:00Z")]
    reader = Reader(portal(resources=resources, created=created))
    name = created.get("Observation", "issued")
    assert reader.ids(f"Observation?patient=anna&{name}=ge2025") == (["new"] if created else ["old", "new"])


def test_a_date_parameter_of_another_type_is_unknown(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY))
    assert reader.ids("MedicationRequest?patient=anna&authoredon=gt2100") == []
    assert reader.ids("Observation?patient=anna&recorded-date=gt2100") == ["hba1c", "year"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("text/html, application/fhir+json;q=0.9", 200),
        ("application/json", 406),
        ("*/*", 406),
        (None, 406),
    ],
)
def test_only_the_servers_media_types_are_served(portal: OpenPortal, accept: str | None, status: int) -> None:
    reader = Reader(portal(resources=EVERY, accepts=("application/fhir+json",)))
    headers = {} if accept is None else {"Accept": accept}
    for path in ("Observation?patient=anna", "Patient/anna", "metadata"):
        assert reader.get(path, **headers).status == status
    assert reader.get("Binary/text", Accept="text/plain").body == b"Hello"


def test_entries_may_not_say_why_they_are_there(portal: OpenPortal) -> None:
    page = Reader(portal(resources=EVERY, search_mode=False)).get("Observation?patient=anna").json
    assert [each.get("search") for each in page["entry"]] == [None, None]


def test_a_minute_holds_so_many_requests(portal: OpenPortal, clock: Clock) -> None:
    reader = Reader(portal(clock=clock, requests_per_minute=3))
    for _ in range(3):
        assert reader.get("Patient/anna").status == 200
        clock.forward(seconds=10)
    answer = reader.get("Patient/anna")
    assert answer.status == 429
    assert answer.headers["retry-after"] == "30"
    clock.forward(seconds=30)
    assert reader.get("Patient/anna").status == 200
    assert reader.get("Patient/anna").status == 429


@pytest.mark.parametrize(
    ("style", "headers"),
    [
        ("retry_after", {"retry-after": "60"}),
        ("reset_header", {"x-ratelimit-reset": "60", "x-ratelimit-remaining": "0"}),
        ("bare", {}),
    ],
)
def test_a_limit_says_when_to_come_again_in_the_vendors_way(
    portal: OpenPortal, clock: Clock, style: str, headers: dict[str, str]
) -> None:
    reader = Reader(portal(clock=clock, requests_per_minute=1, rate_limit_answer=style))
    assert reader.get("Patient/anna").status == 200
    answer = reader.get("Patient/anna")
    assert answer.status == 429
    named = {"retry-after", "x-ratelimit-reset", "x-ratelimit-remaining"}
    assert {name: value for name, value in answer.headers.items() if name in named} == headers


def test_a_day_holds_so_many_documents(portal: OpenPortal, clock: Clock) -> None:
    reader = Reader(portal(resources=EVERY, clock=clock, documents_per_day=2, access_token_seconds=90_000))
    for _ in range(2):
        assert reader.get("Binary/text").status == 200
    assert reader.get("Binary/text").status == 429
    assert reader.get("DocumentReference/note").status == 200
    clock.forward(days=1)
    assert reader.get("Binary/text").status == 200


@pytest.mark.parametrize("style", ["relative", "absolute"])
def test_an_address_may_be_signed_anew_each_time(portal: OpenPortal, style: str) -> None:
    reader = Reader(portal(resources=EVERY, signed_attachment_urls=True, attachment_url=style))
    base = reader.portal.base_url

    def address() -> str:
        found = str(reader.get("DocumentReference/note").json["content"][0]["attachment"]["url"])
        assert found.startswith(base) is (style == "absolute")
        return found.removeprefix(f"{base}/")

    first, second = address(), address()
    assert first != second
    for each in (first, second):
        assert reader.get(each).body == b"Hello"
    assert reader.get("Binary/text").status == 403
    assert reader.get(f"{first}0").status == 403


def test_a_scope_may_cover_a_part_of_its_type(portal: OpenPortal) -> None:
    limited = "patient/Observation.rs?category=laboratory"
    running = portal(resources=EVERY, everything=True)
    reader = Reader(running, scope=f"patient/Patient.rs {limited}")
    assert reader.ids("Observation?patient=anna") == ["hba1c"]
    assert reader.ids("Patient/anna/$everything") == ["anna", "hba1c"]
    assert reader.get("Observation/hba1c").status == 200
    assert reader.get("Observation/year").status == 403
    both = Reader(running, scope=f"{limited} patient/Observation.rs?category=survey")
    assert both.ids("Observation?patient=anna") == ["hba1c", "year"]


@pytest.mark.parametrize(("answered", "narrowed"), [(True, True), (("Goal",), False), (False, False)])
def test_everything_since_a_moment(
    portal: OpenPortal,
    answered: bool | tuple[str, ...],  # noqa: FBT001 - rows of a table
    narrowed: bool,  # noqa: FBT001
) -> None:
    reader = Reader(portal(resources=EVERY, everything=True, last_updated=answered))
    found = reader.ids("Patient/anna/$everything?_since=2100-01-01T00:00:00Z")
    assert (found == []) is narrowed
    assert "hba1c" in reader.ids("Patient/anna/$everything?_since=2000-01-01T00:00:00Z")
