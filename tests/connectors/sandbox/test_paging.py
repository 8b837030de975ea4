import json
from typing import Any

import pytest

from tests.connectors.sandbox.browser import Answer, send
from tests.connectors.sandbox.conftest import PATIENT, Clock, OpenPortal

COUNT = 23
OBSERVATIONS = [
    b'{"resourceType":"Observation","id":"o%d","status":"final","category":[{"coding":[{"code":"laboratory"}]}],'
    b'"code":{},"subject":{"reference":"Patient/anna"},"valueQuantity":{"value":%d.10}}' % (number, number)
    for number in range(COUNT)
]
EVERY = [PATIENT, *OBSERVATIONS]
QUERY = "Observation?patient=anna&category=laboratory&_count=5"


def next_of(answer: Answer) -> str | None:
    assert answer.status == 200, answer
    return next((link["url"] for link in answer.json["link"] if link["relation"] == "next"), None)


def matches(answer: Answer) -> list[str]:
    entries = answer.json.get("entry", [])
    return [
        each["resource"]["id"] for each in entries if each.get("search", {}).get("mode", "match") == "match"
    ]


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"page_param": "session", "outcome_entry": True, "total": "page", "meta": False},
        {"page_param": "page_token", "page_size": 5, "total": "absent"},
        {"empty_pages": True},
        {"page_param": "cursor", "empty_pages": True},
        {"link_case": "other", "base_path": "/api/FHIR/r4"},
        {"page_param": "session", "search_mode": False, "foreign_self": True},
    ],
    ids=["offset", "session", "page_size", "empty", "empty_by_token", "case", "no_mode"],
)
def test_the_pages_hold_everything_once(portal: OpenPortal, server: dict[str, Any]) -> None:
    running = portal(resources=EVERY, **server)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url: str | None = f"{running.base_url}/{QUERY}"
    found: list[str] = []
    sizes = []
    while url:
        answer = send(url, bearer=token)
        page = matches(answer)
        found += page
        sizes.append(len(page))
        total = {"page": len(page), "absent": None}.get(server.get("total", ""), COUNT)
        assert answer.json.get("total") == total
        modes = {each.get("search", {}).get("mode") for each in answer.json.get("entry", [])}
        assert ("outcome" in modes) is server.get("outcome_entry", False)
        url = next_of(answer)
        assert url is None or f"{server.get('page_param', '_offset')}=" in url
    assert sizes == ([0] if server.get("empty_pages") else []) + [5, 5, 5, 5, 3]
    assert found == [f"o{number}" for number in range(COUNT)]
    assert [json.loads(body)["id"] for body in running.served("Observation")] == found


@pytest.mark.parametrize("page_param", ["_offset", "session"])
def test_a_page_asked_for_twice_is_the_same(portal: OpenPortal, page_param: str) -> None:
    running = portal(resources=EVERY, page_param=page_param)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    first, second = send(url, bearer=token), send(url, bearer=token)
    assert matches(first) == matches(second) == ["o5", "o6", "o7", "o8", "o9"]
    assert next_of(first) == next_of(second)


def test_links_may_write_the_path_in_other_letters(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, link_case="other", base_path="/api/FHIR/r4")
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    assert "/API/fhir/R4/Observation?" in url
    assert matches(send(url, bearer=token)) == ["o5", "o6", "o7", "o8", "o9"]
    origin = "/".join(running.base_url.split("/")[:3])
    assert send(f"{origin}/api/fhir/R4/{QUERY}", bearer=token).status == 200


def test_letters_matter_elsewhere(portal: OpenPortal) -> None:
    running = portal(base_path="/api/FHIR/r4")
    origin = "/".join(running.base_url.split("/")[:3])
    assert send(f"{origin}/api/FHIR/R4/metadata").status == 404


def test_self_may_name_another_host(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, foreign_self=True)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    links = {
        link["relation"]: link["url"]
        for link in send(f"{running.base_url}/{QUERY}", bearer=token).json["link"]
    }
    assert not links["self"].startswith(running.base_url)
    assert links["next"].startswith(running.base_url)


def test_the_links_may_end_before_the_result_does(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, page_size=5, last_page=2)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    first = send(f"{running.base_url}/Observation?patient=anna&_count=500", bearer=token)
    second = send(next_of(first) or "", bearer=token)
    assert next_of(second) is None
    assert second.json["total"] == COUNT > len(matches(first)) + len(matches(second))


def test_the_largest_page_is_the_vendors(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, max_counts={"Observation": 4})
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    answer = send(f"{running.base_url}/Observation?patient=anna&_count=500", bearer=token)
    assert len(matches(answer)) == 4


def test_a_link_that_expires_is_no_longer_known(portal: OpenPortal, clock: Clock) -> None:
    running = portal(
        resources=EVERY, page_param="session", page_expires_seconds=600, page_expired_code="4242", clock=clock
    )
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    clock.forward(seconds=599)
    assert send(url, bearer=token).status == 200
    clock.forward(seconds=1)
    answer = send(url, bearer=token)
    assert answer.status == 400
    [issue] = answer.json["issue"]
    assert issue["code"] == "expired"
    assert issue["details"]["coding"] == [{"code": "4242"}]


def test_links_can_be_forgotten(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, page_param="session")
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    running.expire_pages()
    assert send(url, bearer=token).status == 400


def test_a_link_is_worth_nothing_to_another_patient(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, page_param="session")
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    other = running.issue_grant(patient_id="bert", scope="patient/*.read")["access_token"]
    assert send(url, bearer=other).status == 400


def test_what_changes_meanwhile_does_not_shift_a_result(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, page_param="session")
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    running.delete("Observation", "o0")
    running.delete("Observation", "o6")
    assert matches(send(url, bearer=token)) == ["o5", "o7", "o8", "o9"]
