import json

import pytest

from tests.connectors.sandbox.browser import Answer, send
from tests.connectors.sandbox.conftest import PATIENT, PROFILES, OpenPortal

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
    return [each["resource"]["id"] for each in answer.json["entry"] if each["search"]["mode"] == "match"]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_each_vendors_pages_hold_everything_once(portal: OpenPortal, name: str) -> None:
    server = PROFILES[name].server
    running = portal(PROFILES[name], resources=EVERY)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url: str | None = f"{running.base_url}/{QUERY}"
    found: list[str] = []
    pages = 0
    while url:
        answer = send(url, bearer=token)
        found += matches(answer)
        pages += 1
        total = {"result": COUNT, "page": len(matches(answer)), "absent": None}[server.total]
        assert answer.json.get("total") == total
        assert (
            "outcome" in [each["search"]["mode"] for each in answer.json["entry"]]
        ) is server.outcome_entry
        url = next_of(answer)
        assert url is None or f"{server.page_param}=" in url
        assert url is None or url.startswith(f"{running.base_url}/Observation?")
    assert pages == 5
    assert found == [f"o{number}" for number in range(COUNT)]
    assert [json.loads(body)["id"] for body in running.served("Observation")] == found


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_page_asked_for_twice_is_the_same(portal: OpenPortal, name: str) -> None:
    running = portal(PROFILES[name], resources=EVERY)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    first, second = send(url, bearer=token), send(url, bearer=token)
    assert matches(first) == matches(second) == ["o5", "o6", "o7", "o8", "o9"]
    assert next_of(first) == next_of(second)


def test_the_largest_page_is_the_vendors(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, max_counts={"Observation": 4})
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    answer = send(f"{running.base_url}/Observation?patient=anna&_count=500", bearer=token)
    assert len(matches(answer)) == 4


def test_a_link_that_expires_is_no_longer_known(portal: OpenPortal) -> None:
    running = portal(resources=EVERY, page_param="session", page_expires_seconds=0)
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    url = next_of(send(f"{running.base_url}/{QUERY}", bearer=token)) or ""
    answer = send(url, bearer=token)
    assert answer.status == 400
    assert answer.json["issue"][0]["code"] == "expired"


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
