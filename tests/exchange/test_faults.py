"""What servers, networks and workers do in the middle of an export, and what is there afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress, Reply
from connectors.sandbox import Fault, RunningPortal
from connectors.sandbox.bulk import FILE, STATUS
from phr.accounts.access import Sight
from phr.exchange import connections, session
from phr.exchange.models import Export, ExportDue, SetAside, SystemConnection
from phr.sources.models import SigningKey
from tests.exchange.conftest import (
    DESK,
    charts,
    connect,
    export,
    files,
    let_time_pass,
    waiting,
    work,
)

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]
People = Callable[..., Sight]


def ask(connection: SystemConnection) -> Export:
    return connections.request(desk=DESK, connection=connection, now=timezone.now())


def slice_of(connection: SystemConnection, egress: Egress, *, budget: float = 30.0) -> session.Outcome:
    return session.work(connection_id=connection.pk, egress=egress, clock=timezone.now, budget=budget)


def now(row: Export) -> Export:
    with DESK.open():
        return Export.objects.get(pk=row.pk)


def test_a_file_that_breaks_off_goes_on_where_it_broke(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana", results=1500), piece=2000, packs=False)
    connection, egress = connect(portal), network(portal)
    portal.set_faults(Fault(kind="truncate", where=FILE, times=2))
    done = export(connection, egress)
    assert (done.state, done.restarts) == (Export.State.COMPLETE, 0)
    assert waiting(connection)["ana", "Observation"] == 1500
    assert sum(row.set_aside for row in files(done)) == 0
    (observations,) = [row for row in files(done) if row.resource_type == "Observation"]
    assert observations.lines == observations.landed == 1500, "no line was taken twice"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=500, where=FILE, times=2),
        Fault(kind="status", status=429, retry_after="1", where=FILE, times=2),
        Fault(kind="reset", where=FILE, times=2),
        Fault(kind="status", status=503, where=STATUS, times=3),
        Fault(kind="status", status=503, where="Patient", times=3),
        Fault(kind="status", status=503, where="token", times=2),
        Fault(kind="status", status=401, where=FILE, times=1),
        Fault(kind="html", where="token", times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.where}",
)
def test_what_passes_is_waited_for(hospital: Hospital, network: Network, fault: Fault) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress = connect(portal), network(portal)
    portal.set_faults(fault)
    done = export(connection, egress)
    if fault.kind == "html":
        assert (done.state, done.reason) == (Export.State.FAILED, "html"), (
            "a token endpoint that is a web page"
        )
        return
    assert done.state == Export.State.COMPLETE, done.reason
    assert waiting(connection)["ben", "Observation"] == 3


def test_a_broken_line_is_set_aside_and_never_loops(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    for body in (
        b'{"resourceType":"Observation","id":',
        b"\xff\xfe",
        b'{"resourceType":"Observation"}',
        b"[1]",
    ):
        portal.set_faults(Fault(kind="bad_resource", where=FILE, body=body, times=99))
        done = export(connection, egress, full=True)
        assert done.state == Export.State.COMPLETE
        assert waiting(connection)["ana", "Observation"] == 3
    with DESK.open():
        found = {row.reason for row in SetAside.objects.all()}
        assert SetAside.objects.count() == 4, "the same line again is the same"
        assert not any(b"Observation" in bytes(row.raw) for row in SetAside.objects.all()), "sealed"
    assert found == {"not_json", "no_id", "not_an_object"}


def test_one_file_that_fails_leaves_the_others_and_the_moment(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    portal.set_faults(Fault(kind="html", where=FILE))
    done = export(connection, egress)
    assert (done.state, done.reason) == (Export.State.PARTIAL, "html")
    assert [row.state for row in files(done)].count("failed") == 1
    connection.refresh_from_db()
    assert connection.since is None, "the next asks for all again"
    assert export(connection, egress).state == Export.State.COMPLETE


def test_errors_of_the_server_are_no_whole_export(hospital: Hospital, network: Network) -> None:
    issue = {"severity": "error", "code": "exception", "diagnostics": "Rosa Marin could not be exported"}
    problem = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
    harmless = problem.replace(b'"error"', b'"information"')
    portal = hospital(charts("ana"), problems=[problem, harmless, problem])
    connection, egress = connect(portal), network(portal)
    done = export(connection, egress)
    assert (done.state, done.reason, done.problems) == (Export.State.PARTIAL, "server_problems", 2)
    connection.refresh_from_db()
    assert connection.since is None
    portal.bulk.rules.problems = [harmless]
    assert export(connection, egress).state == Export.State.COMPLETE


def test_fewer_lines_than_the_server_counts_are_said(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    portal.bulk.rules.waits = 1
    slice_of(connection, egress)
    portal.delete("Observation", "ana-1")
    let_time_pass(connection)
    work(connection, egress)
    assert (now(asked).state, now(asked).reason) == (Export.State.PARTIAL, "fewer_than_claimed")


@pytest.mark.parametrize("when", ["preparing", "fetching"])
def test_an_export_that_the_server_forgot_is_asked_for_anew(
    hospital: Hospital, network: Network, when: str
) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    portal.bulk.rules.waits = 1
    slice_of(connection, egress)
    if when == "fetching":
        portal.set_faults(Fault(kind="status", status=503, where=FILE))
        let_time_pass(connection)
        slice_of(connection, egress)
        assert now(asked).state == Export.State.FETCHING
    portal.bulk.forget()
    let_time_pass(connection)
    work(connection, egress)
    assert (now(asked).state, now(asked).restarts) == (Export.State.COMPLETE, 1)
    assert waiting(connection)["ben", "Observation"] == 3


def test_one_that_is_forgotten_each_time_ends(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    portal.bulk.rules.waits = 1
    for _ in range(12):
        slice_of(connection, egress)
        portal.bulk.forget()
        let_time_pass(connection)
    assert (now(asked).state, now(asked).reason) == (Export.State.FAILED, "export_expired")


def test_one_that_was_begun_and_lost_waits_until_the_server_lets_go(
    hospital: Hospital, network: Network
) -> None:
    """Killed between the server's acceptance and our commit: nobody knows the address, and a second one is refused."""
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    with (
        Dying(where="$export", allow=frozenset({("127.0.0.1", portal.port)})) as dying,
        pytest.raises(Killed),
    ):
        slice_of(connection, dying)
    for _ in range(20):
        let_time_pass(connection)
        assert slice_of(connection, egress) is session.Outcome.LATER
    assert (now(asked).state, now(asked).reason) == (Export.State.QUEUED, "rate_limited")
    due = ExportDue.objects.get(pk=connection.pk)
    assert due.due_at is not None
    assert due.due_at > timezone.now() + timedelta(hours=1), "ever more slowly"
    portal.bulk.forget()
    let_time_pass(connection)
    work(connection, egress)
    assert now(asked).state == Export.State.COMPLETE


class Killed(BaseException):
    """What `kill -9` is to the code that it hits: nothing of ours runs after it."""


class Dying(Egress):
    """Sends one request, and takes the worker with it before the answer is used."""

    def __init__(self, *, where: str, allow: frozenset[tuple[str, int]]) -> None:
        super().__init__(allow=allow)
        self._where = where

    def request(self, method: str, url: str, **how: Any) -> Reply:
        reply = super().request(method, url, **how)
        if self._where in url:
            raise Killed
        return reply


def test_a_server_that_refuses_our_program_says_so(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    SigningKey.objects.all().delete()
    no_key = export(connection, egress)
    assert (no_key.state, no_key.reason) == (Export.State.FAILED, "no_key")
    connect(portal)  # makes another key, which the portal does not know
    refused = export(connection, egress)
    assert (refused.state, refused.reason) == (Export.State.FAILED, "client_refused")


def test_a_level_that_is_not_offered_says_so(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection = connect(portal, level="group", group_id="nobody")
    done = export(connection, network(portal))
    assert (done.state, done.reason) == (Export.State.FAILED, "not_found")


def test_files_without_token_get_none(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"), requires_token=False)
    assert export(connect(portal), network(portal)).state == Export.State.COMPLETE
    asked = [each for each in portal.requests() if FILE in each.path]
    assert asked
    assert not any(each.bearer for each in asked)


def test_a_file_on_another_host_gets_no_token(hospital: Hospital, network: Network) -> None:
    portal, elsewhere = hospital(charts("ana")), hospital(charts("ben"))
    portal.bulk.rules.files_origin = elsewhere.base_url
    done = export(connect(portal), network(portal, elsewhere))
    assert (done.state, done.reason) == (Export.State.FAILED, "foreign_host")
    assert elsewhere.requests() == []


def test_the_secrets_of_an_export_end_with_it(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    done = export(connect(portal), network(portal))
    assert done.status_url is None
    assert all(row.url is None for row in files(done))
