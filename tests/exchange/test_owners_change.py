"""A resource that may be somebody else's now is in nobody's record until that is sure."""

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
from phr.exchange.models import SystemConnection
from phr.records.models import Resource
from tests.exchange.conftest import DESK, exported, map_to, observation, patient

MRN = "http://mrn"
Make = Callable[..., Sight]


@pytest.fixture
def there(committed: DatabaseAddress) -> SystemConnection:
    return connections.for_files(name="Mercy", profile_id="generic", base_url="https://mercy.example/fhir")


@contextmanager
def at_the_desk() -> Iterator[None]:
    with transaction.atomic(), DESK.open():
        yield


def take(connection: SystemConnection, *resources: dict[str, Any]) -> None:
    """Let lines come and be settled, as those of one whole file."""
    lines = [
        Line(raw=raw, number=number, end=number * 1000, size=len(raw))
        for number, raw in enumerate(map(dump, resources), start=1)
    ]
    with at_the_desk():
        landing.take(connection=connection, file=None, lines=lines, volatile=(), now=timezone.now())
    settled(connection)


def settled(connection: SystemConnection) -> None:
    errand = settle.Errand(
        connection=connection, volatile=(), commit=at_the_desk, out_of_time=lambda: False, now=timezone.now
    )
    assert settle.settle(errand)


def carrying(name: str, *values: str) -> dict[str, Any]:
    return {**patient(name), "identifier": [{"system": MRN, "value": value} for value in values]}


def of_whom(number: str, *, unit: str = "%") -> dict[str, Any]:
    subject = {"identifier": {"system": MRN, "value": number}}
    return observation("x", 1, id="o1", subject=subject, valueQuantity={"value": 1, "unit": unit})


def provenance(*targets: str, text: str = "first") -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": "pv",
        "target": [{"reference": target} for target in targets],
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"who": {"display": text}}],
    }


def shown(sight: Sight, fhir_id: str) -> list[str]:
    """Return what a record shows of an id: the bodies that are not gone."""
    with sight.open():
        return [str(row.body) for row in Resource.objects.filter(fhir_id=fhir_id, gone_at=None)]


def kept(sight: Sight) -> str:
    with sight.open():
        return str(list(Resource.objects.values_list("body", flat=True)))


def test_a_result_that_is_corrected_to_somebody_else_leaves_the_record(
    there: SystemConnection, person: Make
) -> None:
    ana, ben = person("Ana Marin"), person("Ben Marin")
    take(there, carrying("ana", "1"), of_whom("1"))
    map_to(there, "ana", ana)
    settled(there)
    assert shown(ana, "o1")

    take(there, of_whom("2", unit="BEN"))
    take(there, carrying("ben", "2"))
    map_to(there, "ben", ben)
    settled(there)

    assert shown(ana, "o1") == []
    assert "BEN" not in kept(ana)
    assert "BEN" in shown(ben, "o1")[0]


def test_a_result_that_only_changed_stays_with_whom_it_names(there: SystemConnection, person: Make) -> None:
    ana = person("Ana Marin")
    take(there, carrying("ana", "1"), of_whom("1"))
    map_to(there, "ana", ana)
    settled(there)

    take(there, of_whom("1", unit="mg"))

    assert ["mg" in body for body in shown(ana, "o1")] == [True]


def test_a_provenance_follows_what_it_is_about(there: SystemConnection, person: Make) -> None:
    ana = person("Ana Marin")
    results = [observation("ana", 1), observation("ben", 1)]
    take(there, patient("ana"), patient("ben"), *results, provenance("Observation/ana-1"))
    map_to(there, "ana", ana)
    settled(there)
    assert shown(ana, "pv")

    take(there, provenance("Observation/ben-1", text="BEN"))

    assert shown(ana, "pv") == []
    assert "BEN" not in kept(ana)


def test_a_result_that_is_a_groups_now_leaves_the_record(there: SystemConnection, person: Make) -> None:
    ana = person("Ana Marin")
    take(there, patient("ana"), observation("ana", 1))
    map_to(there, "ana", ana)
    settled(there)

    take(there, observation("ana", 1, subject={"reference": "Group/g"}))

    assert shown(ana, "ana-1") == []


def test_an_identifier_names_nobody_before_all_patients_are_read(
    there: SystemConnection, person: Make
) -> None:
    ana = person("Ana Marin")
    take(there, carrying("ana", "FAM"))
    map_to(there, "ana", ana)
    settled(there)

    take(there, of_whom("FAM"), carrying("ben", "FAM"))

    assert shown(ana, "o1") == []


def test_what_names_two_does_not_become_the_others_when_one_is_not_wanted(
    there: SystemConnection, person: Make
) -> None:
    ben = person("Ben Marin")
    both = provenance("Observation/ana-1", "Observation/ben-1")
    take(there, carrying("ana", "FAM"), carrying("ben", "FAM"), of_whom("FAM"))
    take(there, observation("ana", 1), observation("ben", 1), both)
    map_to(there, "ben", ben)
    settled(there)

    patients.ignore_patient(desk=DESK, patient_id=exported(there)["ana"].pk)
    settled(there)

    assert shown(ben, "o1") == []
    assert shown(ben, "pv") == []
    assert shown(ben, "ben-1")
