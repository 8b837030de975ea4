import json
from typing import Any, get_args
from urllib.parse import quote

import pytest

from connectors.profile.server import RefusedAnswer, UnsupportedAnswer
from connectors.sandbox import RunningPortal
from tests.connectors.sandbox.browser import Answer, send
from tests.connectors.sandbox.conftest import PATIENT, OpenPortal

SCOPE = "patient/*.read"
EVERY = [
    PATIENT,
    b'{"resourceType":"Patient","id":"bert"}',
    b'{"resourceType":"Practitioner","id":"doc","name":[{"family":"Dov\xc5\x99\xc3\xa1k"}]}',
    (
        b'{ "resourceType": "Observation", "id": "hba1c", "status": "final",\n  "category": [{"coding": [{"system":'
        b' "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}], "code":'
        b' {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}, "subject": {"reference":'
        b' "Patient/anna"}, "effectiveDateTime": "2024-05-03T10:00:00+02:00", "valueQuantity": {"value": 13.20},'
        b' "unheardOf": {"x": [1.0, 0.010, 1E-3, 25.0000000000000000000000001]}}'
    ),
    (
        b'{"resourceType":"Observation","id":"year","status":"preliminary","category":[{"coding":[{"code":"survey"'
        b"}]}],"
        b'"code":{"text":"no code"},"subject":{"reference":"Patient/anna"},"effectiveDateTime":"2019"}'
    ),
    b'{"resourceType":"Observation","id":"his","status":"final","code":{},"subject":{"reference":"Patient/bert"}}',
    (
        b'{"resourceType":"MedicationRequest","id":"rx","status":"active","intent":"order","subject":{"reference":'
        b'"Patient/anna"},"medicationReference":{"reference":"Medication/med"},"authoredOn":"2024-02-01"}'
    ),
    b'{"resourceType":"Medication","id":"med","code":{"text":"a tablet"}}',
    b'{"resourceType":"Provenance","id":"prov","target":[{"reference":"MedicationRequest/rx"}],"agent":[]}',
    b'{"resourceType":"Provenance","id":"prov2","target":[{"reference":"Observation/his"}],"agent":[]}',
    (
        b'{"resourceType":"DocumentReference","id":"note","status":"current","subject":{"reference":"Patient/anna"},'
        b'"content":[{"attachment":{"contentType":"text/plain","url":"Binary/text"}}]}'
    ),
    b'{"resourceType":"Binary","id":"text","contentType":"text/plain","data":"SGVsbG8="}',
    b'{"resourceType":"Binary","id":"nobodys","contentType":"text/plain","data":"SGVsbG8="}',
]


@pytest.fixture
def anna(portal: OpenPortal) -> "Reader":
    return Reader(portal(resources=EVERY))


class Reader:
    def __init__(self, portal: RunningPortal, *, scope: str = SCOPE, patient: str = "anna") -> None:
        self.portal = portal
        self.token = str(portal.issue_grant(patient_id=patient, scope=scope)["access_token"])

    def get(self, path: str, **headers: str) -> Answer:
        return send(f"{self.portal.base_url}/{path}", bearer=self.token, headers=headers)

    def ids(self, path: str, mode: str = "match") -> list[str]:
        answer = self.get(path)
        assert answer.status == 200, answer
        return [
            each["resource"]["id"] for each in answer.json.get("entry", []) if each["search"]["mode"] == mode
        ]


def test_what_is_given_comes_out_byte_for_byte(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, meta=False)
    reader = Reader(running)
    for given in EVERY:
        head = json.loads(given)
        answer = reader.get(f"{head['resourceType']}/{head['id']}", Accept="application/fhir+json")
        if head["id"] not in {"bert", "his", "prov2", "nobodys"}:
            assert answer.body == given
    page = reader.get("Observation?patient=anna").body
    assert EVERY[3] in page
    assert running.served("Observation")[0] == EVERY[3]


def test_a_portal_with_meta_adds_nothing_else(anna: Reader) -> None:
    body = anna.get("Observation/hba1c").body
    assert b'{"value": 13.20}' in body
    assert b"25.0000000000000000000000001" in body
    assert b"1E-3" in body
    found = json.loads(body)
    assert found.pop("meta").keys() == {"versionId", "lastUpdated"}
    assert found == json.loads(EVERY[3])


def test_meta_that_was_given_keeps_its_other_members(portal: OpenPortal) -> None:
    meta = b'"meta":{"profile":["p"],"lastUpdated":"2020-01-02T03:04:05Z"}'
    given = b'{"resourceType":"Patient","id":"anna",' + meta + b',"a":1.50}'
    reader = Reader(portal(resources=[given]))
    first = reader.get("Patient/anna").body
    assert b'"lastUpdated":"2020-01-02T03:04:05Z"' in first
    assert b'"versionId":"1"' in first
    assert b'"profile":["p"]' in first
    reader.portal.put(given)
    second = reader.get("Patient/anna").json
    assert second["meta"]["versionId"] == "2"
    assert second["meta"]["lastUpdated"] > "2026"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Observation?patient=anna", ["hba1c", "year"]),
        ("Observation?subject=Patient/anna", ["hba1c", "year"]),
        ("Observation?patient=anna&category=laboratory", ["hba1c"]),
        ("Observation?patient=anna&category=laboratory,survey", ["hba1c", "year"]),
        (
            "Observation?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            ["hba1c"],
        ),
        ("Observation?category=http://elsewhere|laboratory", []),
        ("Observation?code=http://loinc.org|4548-4", ["hba1c"]),
        ("Observation?code=http://loinc.org|", ["hba1c"]),
        ("Observation?status=preliminary", ["year"]),
        ("Observation?_id=year,his", ["year"]),
        ("Observation?date=2019", ["year"]),
        ("Observation?date=ge2024-05-03", ["hba1c"]),
        ("Observation?date=gt2024-05-03", []),
        ("Observation?date=lt2020", ["year"]),
        ("Observation?date=le2019-06", ["year"]),
        ("Observation?date=ge2019-06&date=le2024", ["hba1c", "year"]),
        ("Observation?date=2024-05-03T08:00:00Z", ["hba1c"]),
        ("Observation?unheard=of", ["hba1c", "year"]),
        ("MedicationRequest?patient=anna&intent=order", ["rx"]),
        ("MedicationRequest?intent=plan", []),
        ("MedicationRequest?authoredon=2024-02", ["rx"]),
        ("Patient?_id=anna", ["anna"]),
        ("Patient", ["anna"]),
        ("Provenance?target=MedicationRequest/rx", ["prov"]),
        ("Practitioner?_id=doc", ["doc"]),
        ("Practitioner?patient=anna", []),
        ("Goal?patient=anna", []),
    ],
)
def test_a_search_finds(anna: Reader, query: str, found: list[str]) -> None:
    assert anna.ids(quote(query, safe="?=&/:,")) == found


def test_a_search_by_post_finds_the_same(anna: Reader) -> None:
    url = f"{anna.portal.base_url}/Observation/_search"
    answer = send(url, form={"patient": "anna", "category": "survey"}, bearer=anna.token)
    assert [each["resource"]["id"] for each in answer.json["entry"]] == ["year"]


def test_includes_come_beside_the_matches(anna: Reader) -> None:
    query = (
        "MedicationRequest?patient=anna&_include=MedicationRequest:medication&_revinclude=Provenance:target"
    )
    assert anna.ids(query) == ["rx"]
    assert anna.ids(query, mode="include") == ["med", "prov"]


def test_includes_need_their_own_scope(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY), scope="patient/MedicationRequest.rs")
    query = (
        "MedicationRequest?patient=anna&_include=MedicationRequest:medication&_revinclude=Provenance:target"
    )
    assert reader.ids(query, mode="include") == []


@pytest.mark.parametrize(
    "path", ["Patient/bert", "Observation/his", "Provenance/prov2", "Binary/nobodys", "Goal/no"]
)
def test_what_is_of_others_is_not_there(anna: Reader, path: str) -> None:
    assert anna.get(path).status == 404


def test_asking_for_another_patient_is_refused(anna: Reader) -> None:
    assert anna.get("Observation?patient=bert").status == 403
    assert anna.get("Observation?subject=Patient/bert").status == 403


@pytest.mark.parametrize("refused", get_args(RefusedAnswer))
def test_a_type_outside_the_scope_is_refused_the_vendors_way(portal: OpenPortal, refused: str) -> None:
    running = portal(resources=EVERY, refused_answer=refused, refuses=("MedicationRequest",))
    status, kind = refused.split("_")
    patient_only, all_types = Reader(running, scope="patient/Patient.read"), Reader(running)
    for reader, path in (
        (patient_only, "Observation?patient=anna&category=laboratory"),
        (patient_only, "Observation/hba1c"),
        # This one though it was granted.
        (all_types, "MedicationRequest?patient=anna"),
        (all_types, "MedicationRequest/rx"),
    ):
        answer = reader.get(path)
        assert answer.status == int(status)
        assert ("insufficient_scope" in answer.headers.get("www-authenticate", "")) is (status == "403")
        assert bool(answer.body) is (kind != "empty")
        assert ("html" in answer.headers.get("content-type", "")) is (kind == "html")
        if kind == "outcome":
            assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("scope", "read", "search"),
    [
        ("patient/Observation.r", 200, 403),
        ("patient/Observation.s", 403, 200),
        ("patient/Observation.rs", 200, 200),
        ("user/Observation.read", 200, 200),
        ("patient/*.cruds", 200, 200),
        ("patient/Observation.write", 403, 403),
        ("openid", 403, 403),
    ],
)
def test_reading_and_searching_are_two_permissions(
    portal: OpenPortal, scope: str, read: int, search: int
) -> None:
    reader = Reader(portal(resources=EVERY), scope=scope)
    assert reader.get("Observation/hba1c").status == read
    assert reader.get("Observation?patient=anna").status == search


def test_no_token_no_record(anna: Reader) -> None:
    for bearer in ("", "made-up"):
        answer = send(f"{anna.portal.base_url}/Patient/anna", bearer=bearer)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("unsupported", get_args(UnsupportedAnswer))
def test_a_type_that_is_not_known_is_answered_in_the_vendors_way(
    portal: OpenPortal, unsupported: str
) -> None:
    status, kind = unsupported.split("_")
    answer = Reader(portal(unsupported_answer=unsupported)).get("Nothing?patient=anna")
    assert answer.status == int(status)
    assert ("html" in answer.headers["content-type"]) is (kind == "html")


@pytest.mark.parametrize(("answer", "status"), [("404_outcome", 404), ("500_outcome", 500)])
def test_what_is_not_there_is_answered_in_the_vendors_way(
    portal: OpenPortal, answer: str, status: int
) -> None:
    assert Reader(portal(not_found_answer=answer)).get("Observation/nothing").status == status


@pytest.mark.parametrize(
    ("total", "number"), [("result", 2), ("page", 1), ("absent", None), ("inflated", 52)]
)
def test_total_means_what_the_profile_says(portal: OpenPortal, total: str, number: int | None) -> None:
    reader = Reader(portal(resources=EVERY, total=total))
    assert reader.get("Observation?patient=anna&_count=1").json.get("total") == number


def test_a_searchset_may_carry_an_outcome(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, outcome_entry=True, total="page"))
    page = reader.get("Observation?patient=anna").json
    assert [each["search"]["mode"] for each in page["entry"]] == ["match", "match", "outcome"]
    assert "id" not in page["entry"][2]["resource"]
    assert page["total"] == 2


def test_binary_comes_raw_or_as_fhir(anna: Reader) -> None:
    raw = anna.get("Binary/text", Accept="*/*")
    assert raw.body == b"Hello"
    assert raw.headers["content-type"] == "text/plain"
    assert anna.get("Binary/text", Accept="application/fhir+json").json["data"] == "SGVsbG8="


@pytest.mark.parametrize("style", ["relative", "absolute", "none"])
def test_attachments_are_addressed_as_the_profile_says(portal: OpenPortal, style: str) -> None:
    reader = Reader(portal(resources=EVERY, attachment_url=style))
    url = reader.get("DocumentReference/note").json["content"][0]["attachment"]["url"]
    named = {"relative": "Binary/text", "absolute": f"{reader.portal.base_url}/Binary/text", "none": "none"}
    assert url == named[style]
    assert url.encode() in reader.portal.served("DocumentReference")[0]


def test_everything_gives_the_whole_record_in_pages(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, everything=True))
    page: Any = reader.get("Patient/anna/$everything?_count=4").json
    found = [each["resource"]["id"] for each in page["entry"]]
    assert found[0] == "anna"
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = send(following[0], bearer=reader.token).json
        found += [each["resource"]["id"] for each in page["entry"]]
    assert sorted(found) == sorted(["anna", "doc", "hba1c", "year", "rx", "med", "prov", "note", "text"])
    assert reader.get("Patient/bert/$everything").status == 403


def test_everything_is_not_there_where_the_vendor_has_none(portal: OpenPortal) -> None:
    assert Reader(portal(everything=False)).get("Patient/anna/$everything").status == 404


def test_a_change_moves_version_and_last_updated(anna: Reader) -> None:
    before = anna.get("Observation/hba1c")
    moment = before.json["meta"]["lastUpdated"]
    assert before.headers["etag"] == 'W/"1"'
    assert anna.get("Observation/hba1c", **{"If-None-Match": 'W/"1"'}).status == 304
    assert anna.portal.put(EVERY[3].replace(b"13.20", b"13.30")) == 2
    after = anna.get("Observation/hba1c")
    assert after.headers["etag"] == 'W/"2"'
    assert b"13.30" in after.body
    assert after.json["meta"]["lastUpdated"] > moment
    since = quote(after.json["meta"]["lastUpdated"])
    assert anna.ids(f"Observation?patient=anna&_lastUpdated=ge{since}") == ["hba1c"]
    assert anna.ids(f"Observation?patient=anna&_lastUpdated=gt{since}") == []
    assert b"13.20" in anna.get("Observation/hba1c/_history/1").body
    history = anna.get("Observation/hba1c/_history").json
    assert [each["resource"]["meta"]["versionId"] for each in history["entry"]] == ["2", "1"]


def test_last_updated_is_ignored_where_the_vendor_ignores_it(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, last_updated=False))
    assert reader.ids("Observation?patient=anna&_lastUpdated=gt2100") == ["hba1c", "year"]


def test_what_is_deleted_is_gone(anna: Reader) -> None:
    anna.portal.delete("Observation", "year")
    assert anna.ids("Observation?patient=anna") == ["hba1c"]
    answer = anna.get("Observation/year")
    assert answer.status == 410
    assert answer.json["resourceType"] == "OperationOutcome"
    anna.portal.put(EVERY[4])
    assert anna.get("Observation/year").headers["etag"] == 'W/"3"'
    with pytest.raises(KeyError):
        anna.portal.delete("Observation", "never")


@pytest.mark.parametrize(
    "path", ["Observation?date=soon", "Observation?_count=many", "Observation?_count=-1"]
)
def test_a_parameter_that_cannot_be_read_is_an_error(anna: Reader, path: str) -> None:
    answer = anna.get(path)
    assert answer.status == 400
    assert answer.json["resourceType"] == "OperationOutcome"


def test_it_takes_no_writes(anna: Reader) -> None:
    answer = send(f"{anna.portal.base_url}/Observation", form={"a": "b"}, bearer=anna.token)
    assert answer.status == 405
