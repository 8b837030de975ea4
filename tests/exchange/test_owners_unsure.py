"""Whose a resource is may cease to be clear: then it is taken out of the record that had it, and waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from connectors.fhir.bulk_lines import Line
from connectors.sandbox.records import dump
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.exchange import connections, landing, patients, settle
from phr.exchange.models import ExportedPatient, Landed, SystemConnection
from phr.records.models import Resource
from tests.exchange.conftest import DESK, exported, keys_of, map_to, observation, patient

People = Callable[..., Sight]


@pytest.fixture
def feed(committed: DatabaseAddress) -> SystemConnection:
    """Return a connection whose lines the tests bring themselves, in an order of theirs."""
    return connections.for_files(name="Mercy", profile_id="generic", base_url="https://mercy.example/fhir")


def bring(feed: SystemConnection, *resources: dict[str, Any], end: bool = True) -> None:
    """Land resources in this order; with `end` the export is over, and what belongs together is brought together."""
    lines = [
        Line(number=number, raw=raw, size=len(raw), end=number)
        for number, raw in enumerate(map(dump, resources), start=1)
    ]
    with transaction.atomic(), DESK.open():
        landing.take(connection=feed, file=None, lines=lines, volatile=(), now=timezone.now())
    if end:
        finish(feed)


def finish(feed: SystemConnection) -> None:
    @contextmanager
    def commit() -> Iterator[None]:
        with transaction.atomic(), DESK.open():
            yield

    errand = settle.Errand(
        connection=feed, volatile=(), commit=commit, out_of_time=lambda: False, now=timezone.now
    )
    assert settle.settle(errand)


def mapped(feed: SystemConnection, name: str, person: People) -> Sight:
    sight = person(f"{name.title()} Marin")
    map_to(feed, name, sight)
    finish(feed)
    return sight


def carrier(name: str, *numbers: str) -> dict[str, Any]:
    return {**patient(name), "identifier": [{"system": "http://mrn", "value": each} for each in numbers]}


def named(number: str, **more: Any) -> dict[str, Any]:
    """A result that says whose it is by a number alone."""
    subject = {"identifier": {"system": "http://mrn", "value": number}}
    return observation("x", 1, **{"id": "result", "subject": subject, **more})


def provenance(*targets: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": "story",
        "target": [{"reference": target} for target in targets],
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"who": {"display": "A clerk"}}],
        **more,
    }


def shown(sight: Sight, fhir_id: str) -> str | None:
    """Return what a record shows of a resource: its content, or None where it has none or only one that is gone."""
    with sight.open():
        row = Resource.objects.filter(fhir_id=fhir_id).first()
        return None if row is None or row.gone_at is not None else str(row.body)


def ever(sight: Sight, fhir_id: str) -> str:
    """Return all that a record holds of a resource, shown or not."""
    with sight.open():
        return str(list(Resource.objects.filter(fhir_id=fhir_id).values()))


def waits_for(feed: SystemConnection, fhir_id: str) -> str | None:
    """Return the patient whom a waiting resource is thought to be of; None for nobody."""
    with DESK.open():
        row = Landed.objects.select_related("patient").get(fhir_id=fhir_id, body__isnull=False)
        return None if row.patient is None else row.patient.fhir_id


def test_a_corrected_result_of_the_same_number_is_never_away(feed: SystemConnection, person: People) -> None:
    bring(feed, carrier("ana", "1"), named("1"))
    ana = mapped(feed, "ana", person)
    bring(feed, named("1", note=[{"text": "corrected"}]), end=False)
    assert shown(ana, "result") is not None, "it says as before whose it is"
    finish(feed)
    assert "corrected" in (shown(ana, "result") or "")


@pytest.mark.parametrize(
    "subject", [{"display": "Somebody"}, {"reference": "https://other.example/fhir/Patient/ana"}]
)
def test_a_result_that_is_nobodys_now_leaves_the_record(
    feed: SystemConnection, person: People, subject: dict[str, Any]
) -> None:
    bring(feed, patient("ana"), observation("ana", 1))
    ana = mapped(feed, "ana", person)
    bring(feed, observation("ana", 1, subject=subject, note=[{"text": "not hers"}]))
    assert shown(ana, "ana-1") is None
    assert "not hers" not in ever(ana, "ana-1")
    assert waits_for(feed, "ana-1") is None
    bring(feed, observation("ana", 1))
    assert shown(ana, "ana-1") is not None, "hers again"


def test_an_appointment_that_becomes_of_several_leaves_the_record(
    feed: SystemConnection, person: People
) -> None:
    def visit(*names: str) -> dict[str, Any]:
        who = [{"actor": {"reference": f"Patient/{name}"}, "status": "accepted"} for name in names]
        return {"resourceType": "Appointment", "id": "visit", "status": "booked", "participant": who}

    bring(feed, patient("ana"), patient("ben"), visit("ana"))
    ana = mapped(feed, "ana", person)
    assert shown(ana, "visit") is not None
    bring(feed, visit("ana", "ben"))
    assert shown(ana, "visit") is None
    assert "Patient/ben" not in ever(ana, "visit")


def test_a_second_carrier_takes_a_result_back(feed: SystemConnection, person: People) -> None:
    bring(feed, carrier("ana", "1", "family"), named("family"))
    ana = mapped(feed, "ana", person)
    assert shown(ana, "result") is not None
    bring(feed, carrier("ben", "2", "family"))
    assert shown(ana, "result") is None
    assert waits_for(feed, "result") is None, "with its content, though it did not come again"
    ben = mapped(feed, "ben", person)
    bring(feed, named("family", note=[{"text": "later"}]))
    assert waits_for(feed, "result") is None
    assert "later" not in ever(ana, "result") + ever(ben, "result")
    # The hospital corrects whose number it is.
    bring(feed, carrier("ana", "1"))
    assert "later" in (shown(ben, "result") or "")
    assert shown(ana, "result") is None


def test_a_second_carrier_keeps_what_waits_waiting(feed: SystemConnection, person: People) -> None:
    bring(feed, carrier("ana", "1", "family"), named("family"))
    assert waits_for(feed, "result") == "ana"
    bring(feed, carrier("ben", "2", "family"))
    assert waits_for(feed, "result") is None
    assert "Observation/result" not in keys_of(mapped(feed, "ana", person))


def test_a_number_that_moves_takes_the_result_along(feed: SystemConnection, person: People) -> None:
    bring(feed, carrier("ana", "1", "2"), named("2"), provenance("Observation/result"))
    ana = mapped(feed, "ana", person)
    assert shown(ana, "story") is not None
    bring(feed, carrier("ana", "1"), carrier("ben", "2"))
    ben = mapped(feed, "ben", person)
    for each in ("result", "story"):
        assert shown(ana, each) is None
        assert shown(ben, each) is not None, "without having come again"


def test_a_target_that_changes_hands_takes_the_provenance_along(
    feed: SystemConnection, person: People
) -> None:
    bring(feed, patient("ana"), patient("ben"), observation("ana", 1), provenance("Observation/ana-1"))
    ana = mapped(feed, "ana", person)
    assert shown(ana, "story") is not None
    bring(
        feed,
        observation("ana", 1, subject={"reference": "Patient/ben"}),
        provenance("Observation/ana-1", reason=[{"text": "of Ben"}]),
    )
    assert shown(ana, "story") is None
    assert "of Ben" not in ever(ana, "story")
    assert "of Ben" in (shown(mapped(feed, "ben", person), "story") or "")


def test_a_provenance_waits_for_a_target_that_has_not_come(feed: SystemConnection, person: People) -> None:
    bring(feed, patient("ana"), patient("ben"), observation("ana", 1))
    ana = mapped(feed, "ana", person)
    bring(feed, provenance("Observation/ana-1", "Observation/ben-1"))
    assert waits_for(feed, "story") is None
    bring(feed, observation("ben", 1))
    assert "Provenance/story" not in keys_of(ana)


def test_who_is_not_wanted_counts_with_the_numbers_that_came_later(
    feed: SystemConnection, person: People
) -> None:
    bring(feed, carrier("ana", "1"), carrier("ben", "2"))
    ben = mapped(feed, "ben", person)
    patients.ignore_patient(desk=DESK, patient_id=exported(feed)["ana"].pk)
    bring(feed, carrier("ana", "1", "family"), carrier("ben", "2", "family"), named("family"))
    assert "Observation/result" not in keys_of(ben)
    with DESK.open():
        ana = ExportedPatient.objects.get(fhir_id="ana")
        assert ana.facts is None
        assert [len(each) for each in ana.identifiers] == [64, 64], "digests, not numbers"


def test_nothing_is_kept_of_who_is_not_wanted_and_named_by_a_number(
    feed: SystemConnection, person: People
) -> None:
    bring(feed, carrier("ana", "1"), carrier("ben", "2"))
    patients.ignore_patient(desk=DESK, patient_id=exported(feed)["ben"].pk)
    bring(feed, named("2"), named("1", id="hers"))
    with DESK.open():
        assert not Landed.objects.filter(fhir_id="result").exists()
    assert waits_for(feed, "hers") == "ana"
