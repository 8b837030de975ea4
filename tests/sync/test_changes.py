"""A portal that changes between full syncs: every version is kept, and nothing is deleted."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from phr.accounts.access import Sight
from phr.records.models import Resource, Version
from phr.sync.models import Run, Step
from phr.timeline.models import Fact
from tests.sync.conftest import Connect, Serve, said, stored, sync, timeline
from tests.sync.records import DOCTOR, PATIENT, problem, result, visit

Network = Callable[..., Egress]
BEFORE = result(0, valueQuantity={"value": 4.10, "unit": "mmol/L"})
# A portal of this vendor sends neither versionId nor lastUpdated; of the other one both.
VENDORS = ["epic", "oracle_health"]


class House:
    def __init__(self, person: Sight, portal: RunningPortal, source_id: uuid.UUID, egress: Egress) -> None:
        self.person, self.portal, self.source_id, self.egress = person, portal, source_id, egress
        self.sync()

    def sync(self) -> dict[str, int]:
        """Ask for everything once more; return what was created, updated and left."""
        run = sync(self.person, self.source_id, self.egress, full=True)
        assert run.state == Run.State.COMPLETE
        with self.person.open():
            steps = list(Step.objects.filter(run=run))
        return {
            name: sum(getattr(step, name) for step in steps) for name in ("created", "updated", "unchanged")
        }

    def bodies(self, fhir_id: str = "result-0") -> list[dict[str, object] | None]:
        """Return what a resource says, and what it said before, the latest first."""
        with self.person.open():
            now = Resource.objects.get(fhir_id=fhir_id)
            earlier = Version.objects.filter(resource_id=now.id).order_by("-number")
            return [now.body, *(version.body for version in earlier)]

    def lines(self) -> dict[str, str]:
        with self.person.open():
            return {fact.title: f"{fact.value} {fact.status}".strip() for fact in Fact.objects.all()}


@pytest.fixture(params=VENDORS)
def house(
    request: pytest.FixtureRequest, person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> House:
    portal = serve_portal([PATIENT, BEFORE, problem(), visit(), DOCTOR], vendor=request.param)
    return House(person, portal, connect(portal), network(portal))


def test_a_changed_resource_keeps_what_it_said(house: House) -> None:
    house.portal.put({**BEFORE, "valueQuantity": {"value": 4.4, "unit": "mmol/L"}})
    assert house.sync()["updated"] == 1
    now, before = house.bodies()
    assert now is not None
    assert before is not None
    assert (now["valueQuantity"], before["valueQuantity"]) == (
        {"value": 4.4, "unit": "mmol/L"},
        {"value": 4.1, "unit": "mmol/L"},
    )
    assert house.lines()["Potassium 0"] == "4.4 final"
    assert house.sync() == {"created": 0, "updated": 0, "unchanged": 4}, "a version is written once"
    assert len(house.bodies()) == 2


def test_an_amended_result_says_so(house: House) -> None:
    house.portal.put({**BEFORE, "status": "amended", "valueQuantity": {"value": 5.1, "unit": "mmol/L"}})
    house.sync()
    assert house.lines()["Potassium 0"] == "5.1 amended"
    assert len(house.bodies()) == 2


def test_one_entered_in_error_leaves_the_timeline_and_stays_in_the_record(house: House) -> None:
    house.portal.put({**BEFORE, "status": "entered-in-error"})
    house.sync()
    assert "Potassium 0" not in house.lines()
    now, before = house.bodies()
    assert now is not None
    assert before is not None
    assert (now["status"], before["status"]) == ("entered-in-error", "final")
    house.portal.put(BEFORE)
    house.sync()
    assert house.lines()["Potassium 0"] == "4.1 final", "and comes back when the portal takes that back"
    assert len(house.bodies()) == 3


def test_what_a_portal_deletes_stays_here_and_may_return(house: House) -> None:
    before, facts = stored(house.person), timeline(house.person)
    house.portal.delete("Observation", "result-0")
    for _sync in range(3):
        assert house.sync()["updated"] == 0
    assert stored(house.person) == before
    assert timeline(house.person) == facts
    house.portal.put(BEFORE)
    house.sync()
    assert timeline(house.person) == facts
    now, *earlier = house.bodies()
    assert now is not None
    assert now["valueQuantity"] == {"value": 4.1, "unit": "mmol/L"}
    assert all(body is None for body in earlier), "only the portal's marks moved"


def test_where_only_the_marks_moved_no_body_is_kept_twice_and_nothing_is_read_anew(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal([PATIENT, BEFORE], vendor="oracle_health")
    there = House(person, portal, connect(portal), network(portal))
    with person.open():
        Resource.objects.update(projection_due=False)
    portal.put(BEFORE)
    run = sync(person, there.source_id, there.egress)
    assert said(person, run, "Observation") == ("complete", "")
    with person.open():
        now = Resource.objects.get(fhir_id="result-0")
        assert (now.number, now.version_id) == (2, "2")
        assert [version.body for version in Version.objects.all()] == [None]


def test_a_visit_that_moves_takes_its_facts_along(house: House) -> None:
    house.portal.put(problem(encounter={"reference": "Encounter/visit"}))
    house.sync()
    with house.person.open():
        inside = Fact.objects.get(title="Asthma")
        assert inside.visit_id == Fact.objects.get(title="Follow-up").id
    house.portal.put(problem())
    house.sync()
    with house.person.open():
        assert Fact.objects.get(title="Asthma").visit_id is None
