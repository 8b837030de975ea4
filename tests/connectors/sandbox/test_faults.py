import json
import time
from http.client import IncompleteRead  # noqa: TID251 - what a fault looks like

import pytest

from connectors.sandbox import Fault, RunningPortal
from tests.connectors.sandbox.browser import Answer, App, send
from tests.connectors.sandbox.conftest import OpenPortal
from tests.connectors.sandbox.test_paging import COUNT, EVERY, QUERY, matches, next_of


@pytest.fixture
def running(portal: OpenPortal) -> RunningPortal:
    return portal(resources=EVERY)


def ask(running: RunningPortal, path: str = QUERY) -> Answer:
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    return send(f"{running.base_url}/{path}", bearer=token)


@pytest.mark.parametrize(("status", "after"), [(429, "7"), (429, None), (500, None), (503, "0")])
def test_a_status_for_the_next_requests(running: RunningPortal, status: int, after: str | None) -> None:
    running.set_faults(Fault(kind="status", status=status, retry_after=after, times=2))
    for _ in range(2):
        answer = ask(running)
        assert answer.status == status
        assert answer.headers.get("retry-after") == after
    assert ask(running).status == 200


def test_html_where_json_was_due(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="html"))
    answer = ask(running)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_a_body_that_breaks_off(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="truncate"))
    with pytest.raises(IncompleteRead):
        ask(running)
    assert ask(running).status == 200


def test_a_connection_that_is_reset(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="reset"))
    with pytest.raises(ConnectionResetError):
        ask(running)
    assert ask(running).status == 200
    assert [each.status for each in running.requests()][-2:] == [0, 200]


def test_a_hang_holds_up_one_request_and_no_other(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="hang", seconds=1.5))
    with pytest.raises(TimeoutError):
        send(f"{running.base_url}/metadata", timeout=0.3)
    before = time.monotonic()
    assert ask(running).status == 200
    assert time.monotonic() - before < 1


def test_latency_delays_every_answer(running: RunningPortal) -> None:
    running.set_latency(200)
    before = time.monotonic()
    ask(running)
    assert time.monotonic() - before >= 0.2


def test_a_bundle_that_is_broken_but_framed(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="broken_bundle"))
    answer = ask(running)
    assert len(answer.body) == int(answer.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        answer.json  # noqa: B018 - reading it is the test


def test_a_result_that_ends_too_early(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="stop_paging", pages=2, times=None))
    first = ask(running)
    url = next_of(first)
    assert url
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    second = send(url, bearer=token)
    assert next_of(second) is None
    assert second.json["total"] == COUNT


def test_a_page_that_is_no_longer_known_once(running: RunningPortal) -> None:
    url = next_of(ask(running)) or ""
    token = running.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
    running.set_faults(Fault(kind="expire_page", where="Observation"))
    assert send(url, bearer=token).json["issue"][0]["code"] == "expired"
    assert matches(send(url, bearer=token))[0] == "o5"


def test_a_bad_resource_among_good_ones(running: RunningPortal) -> None:
    bad = b'{"resourceType":"Observation","id":"bad","valueQuantity":{"value":1e999999}}'
    running.set_faults(Fault(kind="bad_resource", body=bad))
    answer = ask(running)
    assert bad in answer.body
    assert answer.body.count(b'"resourceType":"Observation"') == 6
    assert bad not in ask(running).body


def test_a_type_that_is_refused(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="refuse", where="Observation", times=None))
    assert ask(running).status == 403
    assert ask(running, "Patient/anna").status == 200


def test_a_fault_befalls_its_place_alone(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="status", status=503, where="Patient", times=None))
    assert ask(running).status == 200
    assert ask(running, "Patient/anna").status == 503
    running.set_faults()
    assert ask(running, "Patient/anna").status == 200


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (Fault(kind="invalid_grant", where="token"), 400, "invalid_grant"),
        (Fault(kind="html", where="token"), 200, None),
        (Fault(kind="status", status=500, where="token"), 500, None),
    ],
    ids=["invalid_grant", "html", "500"],
)
def test_the_token_endpoint_fails(
    running: RunningPortal, fault: Fault, status: int, error: str | None
) -> None:
    app = App(running)
    tokens = running.issue_grant(patient_id="anna", scope="patient/*.read offline_access")
    running.set_faults(fault)
    answer = app.refresh(tokens)
    assert answer.status == status
    assert error is None or answer.json["error"] == error
    assert app.refresh(tokens).status == 200


def test_discovery_fails(running: RunningPortal) -> None:
    running.set_faults(Fault(kind="html", where="metadata"))
    url = f"{running.base_url}/.well-known/smart-configuration"
    assert send(url).headers["content-type"].startswith("text/html")
    assert send(url).json["token_endpoint"]


def test_a_portal_can_begin_with_faults(portal: OpenPortal) -> None:
    running = portal(faults=[Fault(kind="status", status=503)])
    assert ask(running, "Patient/anna").status == 503
    assert ask(running, "Patient/anna").status == 200
