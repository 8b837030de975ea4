"""A run asks for what changed where the portal can tell it, and for everything when it must."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import Fault, RunningPortal
from phr.accounts.access import Sight
from phr.records.models import Resource
from phr.sources.models import Grant
from phr.sync import requests
from phr.sync.models import Crawl, Run, Step
from phr.sync.pipeline import session
from phr.sync.queries import source_detail
from tests.sync.conftest import Connect, Serve, Vendor, let_time_pass, said, work_until_over
from tests.sync.records import DOCTOR, PATIENT, problem, result, visit

Network = Callable[..., Egress]
# Changes of Observation and Condition can be told, the one by the portal's marks, the other by its date.
TELLS = """
[search]
last_updated = ["Observation"]
[server]
last_updated = ["Observation"]
"""
RECORD = [PATIENT, problem(recordedDate="2019-05-02"), visit(), DOCTOR, result(0)]


class House:
    """A portal that was read once."""

    def __init__(self, person: Sight, portal: RunningPortal, source_id: uuid.UUID, egress: Egress) -> None:
        self.person, self.portal, self.source_id, self.egress = person, portal, source_id, egress
        self.first = self.sync()
        assert self.first.state == Run.State.COMPLETE

    def sync(self, *, full: bool = False) -> Run:
        self._seen = len(self.portal.requests())
        return work_until_over(self.person, self.source_id, self.egress, full=full)

    def asked(self, resource_type: str) -> list[dict[str, str]]:
        """Return the parameters of each search of a type in the latest run."""
        return [
            dict(parse_qsl(each.query))
            for each in self.portal.requests()[self._seen :]
            if each.path.endswith(f"/{resource_type}")
        ]

    def modes(self, run: Run) -> dict[str, str]:
        with self.person.open():
            return dict(Step.objects.filter(run=run, state="complete").values_list("resource_type", "mode"))

    def holds(self, fhir_id: str) -> bool:
        with self.person.open():
            return Resource.objects.filter(fhir_id=fhir_id).exists()

    def age(self, **by: float) -> None:
        """Let the last full crawl lie so long ago."""
        with self.person.open():
            Crawl.objects.update(full_at=timezone.now() - timedelta(**by))


@pytest.fixture
def house(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> Callable[..., House]:
    def build(
        record: list[dict[str, Any]] = RECORD,
        profile: str = TELLS,
        before: Callable[[RunningPortal], None] = lambda _portal: None,
    ) -> House:
        portal = serve_portal(record, vendor=vendor(profile))
        before(portal)
        return House(person, portal, connect(portal), network(portal))

    return build


def test_the_second_run_asks_for_changes_alone_since_the_first_by_the_portals_clock(
    house: Callable[..., House],
) -> None:
    there = house()
    assert set(there.modes(there.first).values()) == {"full"}
    with there.person.open():
        since = {crawl.resource_type: crawl.instant for crawl in Crawl.objects.all()}
        assert set(
            Step.objects.filter(run=there.first).exclude(instant="").values_list("kind", flat=True)
        ) == {"search"}
    there.portal.put(result(1))
    there.portal.put(problem("eczema", recordedDate=timezone.now().date().isoformat()))
    run = there.sync()
    assert run.state == Run.State.COMPLETE
    modes = there.modes(run)
    assert (modes["Observation"], modes["Encounter"]) == ("changes", "full")
    assert there.holds("result-1")
    assert there.holds("eczema")
    (asked, *_) = there.asked("Observation")
    assert asked["_lastUpdated"].startswith("ge20")
    assert asked["_lastUpdated"][2:] < since["Observation"], "with some overlap"
    assert all("_lastUpdated" not in query for query in there.asked("Encounter"))
    with there.person.open():
        later = {crawl.resource_type: crawl.instant for crawl in Crawl.objects.all()}
    assert later["Observation"] >= since["Observation"]


def test_a_run_says_what_it_asked_for(house: Callable[..., House]) -> None:
    there = house()
    there.sync()
    with there.person.open():
        detail = source_detail(sight=there.person, source_id=there.source_id, now=timezone.now())
    assert detail is not None
    assert [line.mode_text for line in detail.runs] == ["changes only", "everything"]
    notes = {row.resource_type: row.note for row in detail.card.ledger}
    assert notes["Observation"] == "Asked for by category or status: others may exist."
    assert notes["Encounter"] == ""


@pytest.mark.parametrize("reason", ["asked", "due", "consent", "scopes", "profile", "unknown_instant"])
def test_everything_is_read_again(house: Callable[..., House], reason: str) -> None:
    there = house()
    with there.person.open():
        if reason == "consent":
            Grant.objects.update(obtained_at=timezone.now())
        elif reason == "scopes":
            Grant.objects.update(scope="patient/*.rs user/*.read")
        elif reason == "unknown_instant":
            Crawl.objects.update(instant="some time")
        elif reason == "profile":
            Crawl.objects.update(basis=b"of another plan")
    if reason == "due":
        there.age(days=31)
    run = there.sync(full=reason == "asked")
    assert set(there.modes(run).values()) == {"full"}
    assert there.modes(there.sync())["Observation"] == "changes", "and the next run asks for changes again"


def test_a_short_list_of_scopes_in_another_order_is_the_same_list(house: Callable[..., House]) -> None:
    there = house()
    with there.person.open():
        scope = Grant.objects.values_list("scope", flat=True).get()
        Grant.objects.update(scope=" ".join(reversed(scope.split())))
    assert there.modes(there.sync())["Observation"] == "changes"


def test_what_changes_alone_cannot_show_comes_with_the_next_full_run(house: Callable[..., House]) -> None:
    listed = '[search]\ncreated = { Condition = "recorded-date" }\n[server]\nlast_updated = false\n'
    there = house(profile=listed)
    amended = problem(recordedDate="2019-05-02", code={"text": "Asthma, mild"})
    there.portal.put(amended)
    run = there.sync()
    assert there.modes(run)["Condition"] == "changes"
    with there.person.open():
        assert Resource.objects.get(fhir_id="asthma").number == 1, "its date of making is long ago"
    there.age(days=8)
    there.sync()
    with there.person.open():
        assert Resource.objects.get(fhir_id="asthma").number == 2


def test_a_step_that_failed_keeps_its_instant(house: Callable[..., House]) -> None:
    there = house()
    with there.person.open():
        before = Crawl.objects.get(resource_type="Observation")
    there.portal.put(result(1))
    there.portal.set_faults(Fault(kind="status", status=500, times=None, where="Observation"))
    run = there.sync()
    assert said(there.person, run, "Observation")[0] == "failed"
    with there.person.open():
        after = Crawl.objects.get(resource_type="Observation")
        assert (after.instant, after.full_at) == (before.instant, before.full_at)
    there.portal.set_faults()
    there.sync()
    assert there.holds("result-1")


@pytest.mark.parametrize("refused_in", [1, 2])
def test_a_query_that_was_refused_is_asked_whole_until_it_is_answered(
    house: Callable[..., House], refused_in: int
) -> None:
    two = (
        '[search.queries]\nObservation = ["category=laboratory", "category=vital-signs"]\n'
        '[limits]\nconnections = 1\n[[errors]]\nstatus = 500\nmeaning = "refused"\n'
    )
    # One after the other: the first search is refused, and passes the next time.
    refusing = Fault(kind="status", status=500, times=1, where="Observation")
    there = house(
        profile=TELLS + two, before=lambda portal: portal.set_faults(*([refusing] if refused_in == 1 else []))
    )
    if refused_in == 2:
        there.portal.put(result(1))
        there.portal.set_faults(refusing)
        there.sync()
    with there.person.open():
        states = list(Step.objects.filter(resource_type="Observation").order_by("-run", "ordinal"))[:2]
        assert [step.state for step in states] == ["refused", "complete"]
        # What was not shown then lies long before the instant that the other query set.
        crawl = Crawl.objects.get(resource_type="Observation")
        later = (timezone.now() + timedelta(minutes=11)).isoformat(timespec="seconds")
        Step.objects.filter(instant=crawl.instant).update(instant=later)
        Crawl.objects.update(instant=later)
    assert not there.holds(f"result-{refused_in - 1}")
    there.sync()
    asked = {query["category"]: "_lastUpdated" in query for query in there.asked("Observation")}
    assert asked == {"laboratory": False, "vital-signs": True}
    assert there.holds(f"result-{refused_in - 1}")
    there.sync()
    assert all("_lastUpdated" in query for query in there.asked("Observation")), (
        "answered: changes from now on"
    )


def test_an_unchanged_portal_is_read_without_a_write(house: Callable[..., House]) -> None:
    there = house()
    with there.person.open():
        before = list(Resource.objects.order_by("id").values_list("id", "number", "changed_at"))
    run = there.sync()
    with there.person.open():
        assert list(Resource.objects.order_by("id").values_list("id", "number", "changed_at")) == before
        assert not any(Step.objects.filter(run=run).values_list("created", flat=True))


def test_a_portal_whose_clock_is_ahead_of_ours_leaves_nothing_out(house: Callable[..., House]) -> None:
    there = house()

    def clock() -> datetime:
        return timezone.now() - timedelta(hours=1)

    with there.person.open():
        requests.request(
            sight=there.person,
            source_id=there.source_id,
            trigger=Run.Trigger.PERSON,
            full=True,
            now=clock(),
        )
    let_time_pass(there.source_id)
    for _ in range(10):
        outcome = session.work(source_id=there.source_id, egress=there.egress, clock=clock)
        if outcome is session.Outcome.DONE:
            break
        let_time_pass(there.source_id)
    with there.person.open():
        instants = [datetime.fromisoformat(crawl.instant) for crawl in Crawl.objects.all()]
        assert Run.objects.filter(state=Run.State.COMPLETE).count() == 2
    assert instants
    assert max(instants) <= clock()
