"""Two workers, a dead one, one that comes back, one that crashes: no page twice, and no other source waits."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from connectors.egress import Egress, Reply
from connectors.sandbox import Fault
from phr.accounts.access import Sight
from phr.sources.flows.disconnect import disconnect
from phr.sources.models import Source
from phr.sync import lease, queries, requests
from phr.sync.models import Due, Run, Step
from phr.sync.pipeline import context, session
from tests.sync.conftest import Connect, Serve, address_of, let_time_pass, stored, sync, timeline
from tests.sync.records import DOCTOR, PATIENT, problem, result, results, visit

Network = Callable[..., Egress]
RECORD = [PATIENT, visit(), DOCTOR, problem(), *results(150)]


class Gate(Egress):
    """Lets one request for a type wait until the test says so."""

    def __init__(self, *, where: str, allow: frozenset[tuple[str, int]]) -> None:
        super().__init__(allow=allow)
        self._where = where
        self.reached, self.open = threading.Event(), threading.Event()

    def request(self, method: str, url: str, **how: Any) -> Reply:
        if f"/{self._where}" in url and not self.reached.is_set():
            self.reached.set()
            assert self.open.wait(timeout=30)
        return super().request(method, url, **how)


class Worker(threading.Thread):
    """A worker on a connection of its own; `outcome` is what it said, or what it raised."""

    def __init__(self, source_id: uuid.UUID, egress: Egress) -> None:
        super().__init__()
        self._source_id, self._egress = source_id, egress
        self.outcome: object = None

    def run(self) -> None:
        try:
            self.outcome = session.work(source_id=self._source_id, egress=self._egress, clock=timezone.now)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.outcome = error
        finally:
            connections.close_all()


def ask(person: Sight, source_id: uuid.UUID) -> Run:
    with person.open():
        return requests.request(
            sight=person, source_id=source_id, trigger=Run.Trigger.PERSON, now=timezone.now()
        )


def until_only_one_is_open(person: Sight) -> None:
    """Wait until all other queries of the only run are answered, so that nothing renews its lease."""
    for _look in range(300):
        with person.open():
            left = Step.objects.filter(kind=Step.Kind.SEARCH, state__in=["waiting", "running"]).count()
        if left == 1:
            return
        time.sleep(0.05)
    raise AssertionError("the other queries do not end")


def test_two_workers_at_one_source(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)
    run = ask(person, source_id)
    with Gate(where="Condition", allow=address_of(portal)) as slow:
        first = Worker(source_id, slow)
        first.start()
        assert slow.reached.wait(timeout=30)
        asked = len(portal.requests())
        assert (
            session.work(source_id=source_id, egress=network(portal), clock=timezone.now)
            is session.Outcome.BUSY
        )
        assert len(portal.requests()) - asked <= 20, "only the first one's own requests go on"
        slow.open.set()
        first.join(timeout=30)
    assert first.outcome is session.Outcome.DONE
    with person.open():
        run.refresh_from_db()
        assert run.state == Run.State.COMPLETE
        assert Run.objects.count() == 1
    pages = [each for each in portal.requests() if "category=laboratory" in each.query]
    assert len(pages) == 2, "every page was asked for once"


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)
    ask(person, source_id)
    with Gate(where="Condition", allow=address_of(portal)) as slow:
        zombie = Worker(source_id, slow)
        zombie.start()
        assert slow.reached.wait(timeout=30)
        until_only_one_is_open(person)
        let_time_pass(source_id)
        assert (
            session.work(source_id=source_id, egress=network(portal), clock=timezone.now)
            is session.Outcome.DONE
        )
        before, facts, due = stored(person), timeline(person), Due.objects.get(pk=source_id)
        with person.open():
            steps = list(Step.objects.order_by("ordinal").values())
        portal.put(problem(code={"text": "What the zombie would store"}))
        slow.open.set()
        zombie.join(timeout=30)
    assert zombie.outcome is session.Outcome.BUSY
    assert (stored(person), timeline(person)) == (before, facts)
    after = Due.objects.get(pk=source_id)
    assert (after.due_at, after.fence, after.leased_until) == (due.due_at, due.fence, None)
    with person.open():
        assert list(Step.objects.order_by("ordinal").values()) == steps


def test_a_slow_answer_keeps_the_lease(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "SECONDS", 1)
    monkeypatch.setattr(context, "_RENEW_SECONDS", 0.2)
    portal = serve_portal([PATIENT])
    source_id = connect(portal)
    for where in ("metadata", "Condition"):
        ask(person, source_id)
        with Gate(where=where, allow=address_of(portal)) as slow:
            worker = Worker(source_id, slow)
            worker.start()
            assert slow.reached.wait(timeout=30)
            worker.join(timeout=1.8)
            assert lease.claim(source_id=source_id, now=timezone.now()) is None, where
            slow.open.set()
            worker.join(timeout=30)
        assert worker.outcome is session.Outcome.DONE, where


def test_a_task_delivered_twice_finds_nothing_to_do(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    sync(person, source_id, egress)
    asked = len(portal.requests())
    assert session.work(source_id=source_id, egress=egress, clock=timezone.now) is session.Outcome.BUSY
    assert len(portal.requests()) == asked
    with person.open():
        assert Run.objects.count() == 1


def test_a_schedule_that_is_due_starts_a_run_of_its_own(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    sync(person, source_id, egress)
    due_at = Due.objects.get(pk=source_id).due_at
    assert due_at is not None
    assert session.work(source_id=source_id, egress=egress, clock=lambda: due_at) is session.Outcome.DONE
    with person.open():
        latest = Run.objects.latest("created_at")
        assert (latest.trigger, latest.state) == (Run.Trigger.SCHEDULE, Run.State.COMPLETE)


def test_a_late_task_after_disconnecting_does_nothing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    sync(person, source_id, egress)
    before = stored(person)
    run = ask(person, source_id)
    disconnect(sight=person, source_id=source_id, egress=egress, now=timezone.now())
    with person.open():
        requests.withdraw(source_id=source_id)
    asked = len(portal.requests())
    assert session.work(source_id=source_id, egress=egress, clock=timezone.now) is session.Outcome.BUSY
    assert len(portal.requests()) == asked
    assert stored(person) == before
    with person.open():
        run.refresh_from_db()
        assert (run.state, run.reason) == (Run.State.FAILED, "disconnected")
        card = queries.source_cards(sight=person, now=timezone.now())[0]
    assert card.state == "disconnected"
    assert Due.objects.get(pk=source_id).due_at is None


def test_disconnecting_stops_a_worker_in_the_middle(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)
    run = ask(person, source_id)
    with Gate(where="Observation", allow=address_of(portal)) as slow:
        worker = Worker(source_id, slow)
        worker.start()
        assert slow.reached.wait(timeout=30)
        disconnect(sight=person, source_id=source_id, egress=network(portal), now=timezone.now())
        with person.open():
            requests.withdraw(source_id=source_id)
        before = stored(person)
        slow.open.set()
        worker.join(timeout=30)
    assert worker.outcome is session.Outcome.BUSY
    assert stored(person) == before, "what is disconnected brings nothing more"
    with person.open():
        run.refresh_from_db()
        assert (run.state, run.reason) == (Run.State.FAILED, "disconnected")
        assert not Step.objects.filter(run=run, state__in=["waiting", "running"]).exists()
        assert Source.objects.get(pk=source_id).state == Source.State.DISCONNECTED
    assert Due.objects.get(pk=source_id).due_at is None


class Bug(Egress):
    """A mistake of ours, in the middle of everything."""

    def request(self, method: str, url: str, **how: Any) -> Reply:
        if "/Observation" in url:
            raise ZeroDivisionError("a mistake")
        return super().request(method, url, **how)


def test_a_source_that_makes_us_crash_is_set_aside_after_three_tries_and_others_go_on(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Network,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = serve_portal(RECORD), serve_portal([PATIENT, result(500)])
    bad_id, good_id = connect(bad), connect(good)
    run = ask(person, bad_id)
    pauses = []
    with Bug(allow=address_of(bad)) as broken:
        for _try in range(3):
            with pytest.raises(ZeroDivisionError):
                session.work(source_id=bad_id, egress=broken, clock=timezone.now)
            due = Due.objects.get(pk=bad_id)
            assert due.due_at is not None
            assert due.leased_until is None
            pauses.append(round((due.due_at - timezone.now()).total_seconds()))
            let_time_pass(bad_id)
    assert pauses == [5, 10, 20]
    with person.open():
        run.refresh_from_db()
        assert (run.state, run.reason) == (Run.State.FAILED, "internal_error")
        card = next(card for card in queries.source_cards(sight=person, now=timezone.now()))
    assert card.problems == (
        "Something went wrong on our side. Whoever runs this server finds it in the log.",
    )
    assert sync(person, good_id, network(good)).state == Run.State.COMPLETE
    assert sync(person, bad_id, network(bad)).state == Run.State.COMPLETE, "and once mended it goes on"


def test_a_record_that_is_gone_is_no_crash_for_ever(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    portal = serve_portal([PATIENT])
    source_id, egress = connect(portal), network(portal)
    ask(person, source_id)
    with person.open():
        Source.objects.filter(pk=source_id)._raw_delete(using="default")
    with caplog.at_level(logging.WARNING):
        outcome = session.work(source_id=source_id, egress=egress, clock=timezone.now)
    assert outcome is session.Outcome.BUSY
    assert not Due.objects.filter(pk=source_id, due_at__isnull=False).exists()


def test_failures_are_in_a_row_only_where_nothing_came_between(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    run = ask(person, source_id)
    failures = []
    for _session in range(2):
        portal.set_faults(Fault(kind="status", status=503, where="Condition"))
        session.work(source_id=source_id, egress=egress, clock=timezone.now)
        failures.append(Due.objects.get(pk=source_id).failures)
        let_time_pass(source_id)
    assert failures == [1, 2], "in the second session there was nothing else to ask"
    with person.open():
        Step.objects.filter(run=run, resource_type="Encounter").update(state=Step.State.WAITING)
    portal.set_faults(Fault(kind="status", status=503, where="Condition"))
    session.work(source_id=source_id, egress=egress, clock=timezone.now)
    assert Due.objects.get(pk=source_id).failures == 1, "a page came"
