"""Whose chart it is: what is somebody else's is neither shown nor passed over in silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import Fault
from connectors.sandbox.records import dump
from phr.accounts import access
from phr.accounts.access import Sight
from phr.accounts.models import Person
from phr.sync.queries import completeness, source_cards
from phr.timeline.export import excluded
from phr.timeline.models import Fact
from phr.timeline.normalize.subject import patient_of
from tests.sync.conftest import Connect, Serve, work_until_over
from tests.sync.records import PATIENT, problem

Network = Callable[..., Egress]


def test_a_record_about_somebody_else_is_kept_and_named_and_not_shown(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    theirs = problem("measles", subject={"reference": "Patient/somebody-else"})
    portal = serve_portal([PATIENT, problem()])
    portal.set_faults(Fault(kind="bad_resource", where="Condition", body=dump(theirs)))
    work_until_over(person, connect(portal), network(portal))
    with person.open():
        assert not Fact.objects.filter(title="Measles").exists()
        assert [line["reason"] for line in excluded(sight=person) if line["title"] == "Measles"] == [
            "other_patient"
        ]
        assert any("somebody else" in sentence for sentence in completeness(sight=person, now=timezone.now()))


@pytest.mark.parametrize(
    ("name", "born", "warned"),
    [
        ("Rosa Marin", date(1958, 5, 12), False),
        ("Rósa MARIN-Lopez", None, False),
        ("Tobias Lindqvist", None, True),
        ("Rosa Marin", date(1999, 1, 1), True),
    ],
)
def test_a_chart_of_somebody_else_is_said_to_be_one(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Network,
    *,
    name: str,
    born: date | None,
    warned: bool,
) -> None:
    with person.open():
        Person.objects.filter(pk=person.person_id).update(name=name, birth_date=born)
    sight = access.for_work(person_id=person.person_id)
    portal = serve_portal([PATIENT])
    work_until_over(sight, connect(portal), network(portal))
    with sight.open():
        (card,) = source_cards(sight=sight, now=timezone.now())
    assert any("If that is not whose record this is" in problem for problem in card.problems) is warned


@pytest.mark.parametrize(
    ("resource", "about"),
    [
        ({"subject": {"reference": "Patient/1"}}, "1"),
        ({"patient": {"reference": "https://portal.example/r4/Patient/1"}}, "1"),
        ({"beneficiary": {"reference": "Patient/1/_history/2"}}, "1"),
        (
            {"subject": {"reference": "https://elsewhere.example/Patient/1"}},
            "https://elsewhere.example/Patient/1",
        ),
        ({"subject": {"reference": "#contained"}}, ""),
        ({"subject": {"reference": "Group/1"}}, ""),
        ({"subject": {"display": "Rosa"}}, ""),
        ({"subject": "Patient/1"}, ""),
        ({}, ""),
    ],
)
def test_whom_a_resource_is_about(resource: dict[str, Any], about: str) -> None:
    assert patient_of(resource, base_url="https://portal.example/r4") == about
