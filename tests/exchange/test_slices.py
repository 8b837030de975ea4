"""Work in slices: each does something, one worker at a time, and what is due is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections as databases
from django.utils import timezone

from connectors.egress import Egress, Stream
from connectors.sandbox import RunningPortal
from phr.accounts.access import Sight
from phr.exchange import lease, session, tasks
from phr.exchange.models import Export, ExportDue, SystemConnection
from tests.exchange.conftest import (
    DESK,
    charts,
    connect,
    export,
    files,
    keys_of,
    let_time_pass,
    map_to,
    record,
    waiting,
    work,
)
from tests.exchange.test_faults import ask, now, slice_of

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]
People = Callable[..., Sight]


def test_a_slice_ends_and_the_next_goes_on(hospital: Hospital, network: Network, person: People) -> None:
    portal = hospital(charts("ana", results=1200), piece=700)
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    asked = ask(connection)
    slices = 0
    while (outcome := slice_of(connection, egress, budget=0.0)) is session.Outcome.AGAIN:
        slices += 1
        assert slices < 100
    assert (outcome, slices > 5) == (session.Outcome.DONE, True)
    assert now(asked).state == Export.State.COMPLETE
    map_to(connection, "ana", ana)
    moved = 0
    while slice_of(connection, egress, budget=0.05) is session.Outcome.AGAIN:
        moved += 1
        assert moved < 200
    assert moved > 1
    assert record(ana)["Observation"] == 1200


class Gate(Egress):
    """Lets one file wait until the test says so."""

    def __init__(self, *, allow: frozenset[tuple[str, int]]) -> None:
        super().__init__(allow=allow)
        self.reached, self.opened = threading.Event(), threading.Event()

    @contextmanager
    def stream(self, url: str, **how: Any) -> Iterator[Stream]:
        with super().stream(url, **how) as found:
            if not self.reached.is_set():
                self.reached.set()
                assert self.opened.wait(timeout=30)
            yield found


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    outcomes: list[object] = []

    def zombie() -> None:
        try:
            outcomes.append(slice_of(connection, slow))
        finally:
            databases.close_all()

    with Gate(allow=frozenset({("127.0.0.1", portal.port)})) as slow:
        thread = threading.Thread(target=zombie)
        thread.start()
        assert slow.reached.wait(timeout=30)
        assert slice_of(connection, egress) is session.Outcome.BUSY
        let_time_pass(connection)
        work(connection, egress)
        before = waiting(connection), now(asked).state, [row.lines for row in files(asked)]
        slow.opened.set()
        thread.join(timeout=30)
    assert outcomes == [session.Outcome.BUSY]
    assert before == (waiting(connection), Export.State.COMPLETE, [row.lines for row in files(asked)])


class Bug(Egress):
    """A mistake of ours, in the middle of everything."""

    @contextmanager
    def stream(self, url: str, **how: Any) -> Iterator[Stream]:
        with super().stream(url, **how) as found:
            yield found
            raise ZeroDivisionError("a mistake")


def test_what_makes_us_crash_is_set_aside_after_three_tries(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)
    asked = ask(connection)
    with Bug(allow=frozenset({("127.0.0.1", portal.port)})) as broken:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                slice_of(connection, broken)
            let_time_pass(connection)
    assert (now(asked).state, now(asked).reason) == (Export.State.FAILED, "internal_error")
    portal.bulk.forget()
    assert export(connection, egress).state == Export.State.COMPLETE


def test_two_that_ask_at_once_get_one_export(hospital: Hospital) -> None:
    connection = connect(hospital(charts("ana")))
    assert ask(connection).pk == ask(connection).pk


def test_the_schedule_begins_an_export_and_a_pause_does_not(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal, every_hours=24), network(portal)
    moment = timezone.now()
    SystemConnection.objects.filter(pk=connection.pk).update(next_export_at=moment)
    lease.ask(connection_id=connection.pk, due_at=moment)
    work(connection, egress)
    connection.refresh_from_db()
    with DESK.open():
        (done,) = Export.objects.all()
    assert (done.state, done.trigger) == (Export.State.COMPLETE, Export.Trigger.SCHEDULE)
    assert connection.next_export_at is not None
    assert connection.next_export_at > moment + timedelta(hours=23)
    assert ExportDue.objects.get().due_at == connection.next_export_at
    later = connection.next_export_at + timedelta(seconds=1)
    SystemConnection.objects.update(state="paused")
    assert (
        session.work(connection_id=connection.pk, egress=egress, clock=lambda: later) is session.Outcome.DONE
    )
    with DESK.open():
        assert Export.objects.count() == 1


def test_beat_rings_for_what_is_due_and_once(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(hospital(charts("ana")))
    rung: list[str] = []
    monkeypatch.setattr(tasks.work_export, "delay", lambda *, connection_id: rung.append(connection_id))
    assert tasks.ring_exports() == 0
    ask(connection)
    assert tasks.ring_exports() == 1
    assert tasks.ring_exports() == 0, "nobody rings twice within half a minute"
    assert rung == [str(connection.pk)]


def test_a_mapping_while_lines_come_takes_every_line(
    hospital: Hospital, network: Network, person: People
) -> None:
    portal = hospital(charts("ana", results=1200), piece=400)
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    ask(connection)
    for _ in range(2):
        slice_of(connection, egress, budget=0.0)
    assert 0 < waiting(connection)["ana", "Observation"] < 1200
    map_to(connection, "ana", ana)
    work(connection, egress)
    assert record(ana)["Observation"] == 1200
    assert "Practitioner/doc" in keys_of(ana)
    assert not any(name == "ana" for name, _kind in waiting(connection))
