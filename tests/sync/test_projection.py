"""From stored resources to facts, where the ways of two workers or of two resources cross."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
from django.db import connection, connections

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.records.models import Resource
from phr.timeline.models import Fact
from phr.timeline.project import project, rebuild
from tests.sync.conftest import Connect, Serve, sync, timeline
from tests.sync.records import DOCTOR, PATIENT, problem, visit

Network = Callable[..., Egress]


def test_two_that_name_each_other_come_to_rest(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    clinics = [
        {
            "resourceType": "Organization",
            "id": name,
            "name": name,
            "partOf": {"reference": f"Organization/{other}"},
        }
        for name, other in (("north", "south"), ("south", "north"))
    ]
    portal = serve_portal(
        [PATIENT, visit(serviceProvider={"reference": "Organization/north"}), DOCTOR, *clinics]
    )
    sync(person, connect(portal), network(portal))
    with person.open():
        assert Resource.objects.filter(resource_type="Organization").count() == 2
        rebuild(sight=person)
    for _batch in range(25):
        with person.open():
            left = project(sight=person, batch=1)
        if not left:
            break
    assert left == 0


def test_a_rebuild_in_any_batches_gives_the_same_facts(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal([PATIENT, visit(), DOCTOR, problem(encounter={"reference": "Encounter/visit"})])
    sync(person, connect(portal), network(portal))
    before = timeline(person)
    for batch in (1, 2, 1000):
        with person.open():
            rebuild(sight=person)
        left = 1
        while left:
            with person.open():
                left = project(sight=person, batch=batch)
        assert timeline(person) == before


def test_a_resource_replaced_while_it_was_read_is_read_again(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Network,
    committed: DatabaseAddress,
) -> None:
    portal = serve_portal([PATIENT, problem()])
    sync(person, connect(portal), network(portal))
    with person.open():
        rebuild(sight=person)

    def read() -> None:
        try:
            with person.open():
                project(sight=person)
        finally:
            connections.close_all()

    with psycopg.connect(committed.url) as other:
        # A page is being stored, not committed yet; the reader sees the version before and waits at its row.
        other.execute(
            """UPDATE records_resource SET number = number + 1, projection_due = true,
               body = jsonb_set(body, '{code,text}', '"Hay fever"') WHERE resource_type = 'Condition'"""
        )
        reader = threading.Thread(target=read)
        reader.start()
        _until_somebody_waits(committed)
        other.commit()
    reader.join(timeout=20)
    with person.open():
        assert project(sight=person) == 0
        assert [fact.title for fact in Fact.objects.all()] == ["Hay fever"]


def _until_somebody_waits(address: DatabaseAddress) -> None:
    with psycopg.connect(address.url, autocommit=True) as watcher:
        for _look in range(200):
            waiting = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s",
                [connection.settings_dict["NAME"]],
            ).fetchone()
            if waiting is not None and waiting[0]:
                return
            time.sleep(0.05)
    raise AssertionError("nobody waits")
