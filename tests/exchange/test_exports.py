"""An export from its beginning to people's records: what is whose, what waits, and what nobody sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from phr.accounts.access import Sight
from phr.exchange.models import Export
from phr.sources.models import Source
from phr.timeline.models import Fact
from tests.exchange.conftest import (
    charts,
    connect,
    export,
    exported,
    files,
    keys_of,
    map_to,
    record,
    waiting,
    work,
)

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]
Person = Callable[..., Sight]

OWN = {"Patient/ana", "Observation/ana-0", "Observation/ana-1", "Observation/ana-2"}
REFERRED = {"Practitioner/doc", "PractitionerRole/role", "Organization/org"}


def test_an_export_waits_unseen_until_somebody_says_whose_it_is(
    hospital: Hospital, network: Network, person: Person
) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    done = export(connection, egress)
    assert (done.state, done.reason) == (Export.State.COMPLETE, "")
    assert waiting(connection)["ana", "Observation"] == 3
    assert waiting(connection)["", "Practitioner"] == 2
    assert record(ana) == {}
    assert Source.objects.count() == 0

    map_to(connection, "ana", ana, sure=False)
    work(connection, egress)
    assert keys_of(ana) == OWN | REFERRED
    assert {key for key in waiting(connection) if key[0] == "ana"} == set()
    assert waiting(connection)["ben", "Observation"] == 3
    with ana.open():
        facts = {fact.title for fact in Fact.objects.all()}
        assert {"Result 0", "Result 1", "Result 2"} <= facts
        source = Source.objects.get()
        assert (source.kind, source.patient_fhir_id, source.name) == ("export", "ana", "Mercy Hospital")


def test_the_job_is_let_go_and_the_next_asks_for_changes_alone(
    hospital: Hospital, network: Network, person: Person
) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    first = export(connection, egress)
    map_to(connection, "ana", ana)
    work(connection, egress)
    assert [each.method for each in portal.requests() if "bulk-status" in each.path][-1] == "DELETE"
    connection.refresh_from_db()
    assert connection.since == first.transaction_time

    portal.put({**charts("ana")[5], "status": "amended"})
    portal.delete("Observation", "ana-1")
    portal.delete("Observation", "ben-1")
    second = export(connection, egress)
    assert second.since == first.transaction_time
    told = {(row.kind, row.resource_type): (row.created, row.updated, row.landed) for row in files(second)}
    assert told["output", "Observation"] == (0, 1, 0)
    assert told["deleted", "Bundle"] == (0, 1, 0)
    assert keys_of(ana) == OWN | REFERRED, "what the portal deletes stays here, marked"
    assert waiting(connection)["ben", "Observation"] == 2, (
        "of nobody's record nothing is kept that the portal dropped"
    )


def test_nothing_changed_is_nothing_written(hospital: Hospital, network: Network, person: Person) -> None:
    portal = hospital(charts("ana", "ben"))
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    export(connection, egress)
    map_to(connection, "ana", ana)
    work(connection, egress)
    before = exported(connection)["ana"].settle_due
    again = export(connection, egress, full=True)
    assert sum(row.created + row.updated for row in files(again)) == 0
    assert sum(row.unchanged for row in files(again)) == 4
    assert before is exported(connection)["ana"].settle_due is False
    assert keys_of(ana) == OWN | REFERRED


def test_what_comes_later_for_a_mapped_patient_goes_straight_into_the_record(
    hospital: Hospital, network: Network, person: Person
) -> None:
    portal = hospital(charts("ana"))
    connection, egress, ana = connect(portal), network(portal), person("Ana Marin")
    export(connection, egress)
    map_to(connection, "ana", ana)
    work(connection, egress)
    portal.put({**charts("ana")[5], "id": "ana-9"})
    portal.put({"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr. Ana Ferreira-Lopez"}]})
    export(connection, egress)
    assert keys_of(ana) == OWN | REFERRED | {"Observation/ana-9"}
    assert waiting(connection)["ana", "Observation"] == 0
    with ana.open():
        names = {fact.title for fact in Fact.objects.all()}
    assert names


@pytest.mark.parametrize("level", ["system", "group"])
def test_the_other_levels(hospital: Hospital, network: Network, level: str) -> None:
    group = {"resourceType": "Group", "id": "g", "member": [{"entity": {"reference": "Patient/ana"}}]}
    portal = hospital([*charts("ana", "ben"), group])
    connection = connect(portal, level=level, group_id="g" if level == "group" else "")
    assert export(connection, network(portal)).state == Export.State.COMPLETE
    assert set(exported(connection)) == ({"ana"} if level == "group" else {"ana", "ben"})
