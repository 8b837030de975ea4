"""One resource that is not as it should be, among others that are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import Fault
from phr.accounts.access import Sight
from phr.records.models import Quarantine, Resource
from phr.sync import queries
from phr.sync.models import Run
from phr.timeline.models import Fact
from tests.sync.conftest import Connect, Serve, sync
from tests.sync.records import DOCTOR, PATIENT, problem, result, results, visit

Network = Callable[..., Egress]


def test_one_bad_resource_among_a_hundred(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal([PATIENT, *results(99)])
    portal.set_faults(
        Fault(
            kind="bad_resource",
            times=None,
            where="Observation",
            body=b'{"resourceType":"Observation","id":"bad","note":"\\u0000"}',
        )
    )
    source_id = connect(portal)
    run = sync(person, source_id, network(portal))
    assert run.state == Run.State.COMPLETE
    with person.open():
        assert Resource.objects.filter(resource_type="Observation").count() == 99
        kept = Quarantine.objects.get()
        assert (kept.resource_type, kept.reason) == ("Observation", "nul_character")
        assert bytes(kept.raw).startswith(b'{"resourceType":"Observation","id":"bad"')
        page = queries.quarantine_page(sight=person, source_id=source_id)
        card = queries.source_cards(sight=person, now=timezone.now())[0]
    assert page is not None
    assert page.lines[0].reason == "It holds a character that no text may hold."
    assert card.quarantined == 1


LONG = "x" * 300


@pytest.mark.parametrize(
    "odd",
    [
        problem("a" * 250),
        problem("long-version", meta={"versionId": LONG}),
        problem("long-date", meta={"lastUpdated": LONG}),
        problem("long-visit", encounter={"reference": f"Encounter/{'v' * 255}"}),
        problem("long-reference", recorder={"reference": f"Practitioner/{LONG}{LONG}"}),
        problem("long-status", clinicalStatus={"text": LONG}),
        problem("first-year", onsetDateTime="0001-01-01T00:00:00+14:00"),
        problem("last-year", onsetDateTime="9999-12-31T23:59:59-12:00"),
        problem("long-onset", onsetDateTime=f"2019-05 {LONG}"),
        result(7, valueQuantity={"value": 1, "unit": LONG}),
        result(7, valueQuantity={"value": 10**60}),
        {**problem("nameless"), "code": {"coding": [{"system": LONG * 20, "code": LONG * 20}]}},
        {**problem("wordy"), "code": {"text": "word " * 20_000}},
    ],
    ids=lambda odd: next(iter([odd["id"][:20]])),
)
def test_one_odd_resource_stops_nothing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, odd: dict[str, Any]
) -> None:
    portal = serve_portal([PATIENT, visit(), DOCTOR])
    portal.set_faults(
        Fault(kind="bad_resource", times=None, where=odd["resourceType"], body=json.dumps(odd).encode())
    )
    run = sync(person, connect(portal), network(portal))
    assert run.state == Run.State.COMPLETE
    with person.open():
        assert Fact.objects.filter(title="Follow-up").exists()
        kept = Resource.objects.filter(resource_type=odd["resourceType"]).count()
        assert kept + Quarantine.objects.count() == 1
        assert not Resource.objects.filter(projection_due=True).exists()
        assert len(list(Fact.objects.all())) == 1 + kept, "every fact can be read again"
