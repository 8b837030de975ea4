"""What portals do to us: what the run says of each type, what its person reads, and that nothing stored is touched."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress, Reply
from connectors.sandbox import Fault, RunningPortal
from phr.accounts.access import Sight
from phr.records.models import Resource
from phr.sources.models import Source
from phr.sync import queries, requests
from phr.sync.models import Due, Run, Step
from phr.sync.pipeline import session
from tests.sync.conftest import (
    Connect,
    Serve,
    address_of,
    let_time_pass,
    said,
    stored,
    sync,
    timeline,
    work_until_over,
)
from tests.sync.records import DOCTOR, PATIENT, problem, result, results, visit

Network = Callable[..., Egress]
SMALL = [PATIENT, problem(), visit(), DOCTOR, result(0)]
AGAIN_ON_SCHEDULE = "We ask again on schedule."


class House:
    """A portal that was synced well once, and is about to behave badly."""

    def __init__(self, person: Sight, portal: RunningPortal, source_id: uuid.UUID, egress: Egress) -> None:
        self.person, self.portal, self.source_id, self.egress = person, portal, source_id, egress
        first = sync(person, source_id, egress)
        assert first.state == Run.State.COMPLETE
        self.before, self.facts = stored(person), timeline(person)

    def sync(self, egress: Egress | None = None) -> Run:
        """Ask for everything again, so that there is something to go wrong with."""
        return work_until_over(self.person, self.source_id, egress or self.egress, full=True)

    def untouched(self) -> bool:
        """Say whether every row and every fact is as the first sync left it."""
        return stored(self.person) == self.before and timeline(self.person) == self.facts

    def problems(self) -> str:
        """Return what the sources page says of this source."""
        with self.person.open():
            detail = queries.source_detail(sight=self.person, source_id=self.source_id, now=timezone.now())
        assert detail is not None
        return " ".join(detail.card.problems)


@pytest.fixture
def house(person: Sight, serve_portal: Serve, connect: Connect, network: Network) -> Callable[..., House]:
    def build(resources: Sequence[dict[str, Any]] = SMALL, **how: Any) -> House:
        portal = serve_portal(resources, **how)
        return House(person, portal, connect(portal), network(portal))

    return build


class Impatient(Egress):
    """An egress that waits half a second at most."""

    def request(self, method: str, url: str, **how: Any) -> Reply:
        how["deadline"] = 0.5
        return super().request(method, url, **how)


class Elsewhere(Egress):
    """An egress for which every portal stands at a port where nothing listens."""

    def __init__(self, port: int) -> None:
        super().__init__(allow=frozenset({("127.0.0.1", port)}))
        self._port = port

    def request(self, method: str, url: str, **how: Any) -> Reply:
        return super().request(method, url.replace(url.split("/")[2], f"127.0.0.1:{self._port}", 1), **how)


# ---- the portal as a whole


def test_a_portal_that_is_down(house: Callable[..., House]) -> None:
    there = house()
    # Bound and not listening: a connection is refused, and nobody else gets the port.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Elsewhere(taken.getsockname()[1]) as nowhere:
            run = there.sync(nowhere)
    assert (run.state, run.reason) == (Run.State.FAILED, "unreachable")
    assert there.problems() == f"The portal could not be reached. {AGAIN_ON_SCHEDULE}"
    assert there.untouched()
    with there.person.open():
        assert Source.objects.get(pk=there.source_id).state == Source.State.ACTIVE
    assert Due.objects.get(pk=there.source_id).due_at is not None, "it is asked again"


def test_a_portal_that_times_out(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="hang", seconds=1.0, times=None, where="Condition"))
    with Impatient(allow=address_of(there.portal)) as egress:
        run = there.sync(egress)
    there.portal.set_faults()
    assert run.state == Run.State.PARTIAL
    assert said(there.person, run, "Condition") == (
        "failed",
        f"The portal did not answer in time. {AGAIN_ON_SCHEDULE}",
    )
    assert said(there.person, run, "Encounter") == ("complete", "")
    assert there.untouched()


def test_a_portal_that_answers_with_web_pages(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="html", times=None))
    run = there.sync()
    assert run.state == Run.State.FAILED
    for kind in ("Patient", "Condition", "Observation"):
        state, sentence = said(there.person, run, kind)
        assert state == "failed"
        assert sentence.startswith("The portal answered with a web page instead of data")
    assert "web page instead of data" in there.problems()
    assert there.untouched()


def test_one_type_that_is_refused(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="refuse", times=None, where="Condition"))
    run = there.sync()
    assert run.state == Run.State.COMPLETE, "what a portal does not grant does not make a run incomplete"
    assert said(there.person, run, "Condition") == (
        "refused",
        "This portal did not allow it. You can ask them to share it, or reconnect and allow it there.",
    )
    assert "Problems: This portal did not allow it." in there.problems()
    assert said(there.person, run, "Encounter") == ("complete", "")
    assert there.untouched()


# ---- pages


def test_a_broken_bundle(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="broken_bundle", times=None, where="Condition"))
    run = there.sync()
    assert run.state == Run.State.PARTIAL
    assert said(there.person, run, "Condition") == (
        "failed",
        f"The portal's answer could not be read. {AGAIN_ON_SCHEDULE}",
    )
    assert there.untouched()


def test_a_broken_bundle_that_is_well_when_asked_once_more(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="broken_bundle", where="Condition"))
    run = there.sync()
    assert run.state == Run.State.COMPLETE
    assert there.untouched()


def test_a_body_that_breaks_off(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="truncate", times=None, where="Condition"))
    run = there.sync()
    assert run.state == Run.State.PARTIAL
    assert said(there.person, run, "Condition") == (
        "failed",
        f"The portal's answer broke off. {AGAIN_ON_SCHEDULE}",
    )
    assert there.untouched()


def test_a_connection_that_is_reset_once(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="reset", where="Condition"))
    assert there.sync().state == Run.State.COMPLETE
    assert there.untouched()


def test_fewer_pages_than_the_portal_counts(house: Callable[..., House]) -> None:
    there = house([PATIENT, *results(250)])
    there.portal.set_faults(Fault(kind="stop_paging", times=None, where="Observation", pages=1))
    run = there.sync()
    assert run.state == Run.State.PARTIAL
    assert said(there.person, run, "Observation") == (
        "partial",
        f"The portal stopped before it had sent all that it counts. {AGAIN_ON_SCHEDULE}",
    )
    with there.person.open():
        step = Step.objects.get(run=run, resource_type="Observation", state="partial")
        assert (step.matched, step.total_claimed) == (100, 250)
        card = queries.source_cards(sight=there.person, now=timezone.now())[0]
    assert "100 of 250" in {row.text for row in card.ledger}
    assert there.untouched(), "what the portal did not repeat stays"


def test_a_refusal_in_the_middle_of_the_pages(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal([PATIENT, *results(250)])
    source_id = connect(portal)

    class Turning(Egress):
        """After the first page of results their portal refuses them."""

        def request(self, method: str, url: str, **how: Any) -> Reply:
            reply = super().request(method, url, **how)
            if "category=laboratory" in url:
                portal.set_faults(Fault(kind="refuse", times=None, where="Observation"))
            return reply

    with Turning(allow=address_of(portal)) as turning:
        run = work_until_over(person, source_id, turning)
    assert run.state == Run.State.PARTIAL
    with person.open():
        step = Step.objects.get(run=run, resource_type="Observation", query__contains="laboratory")
        assert (step.state, step.reason, step.matched) == ("partial", "refused", 100)
        assert Resource.objects.filter(resource_type="Observation").count() == 100


def test_pages_that_lead_in_a_circle(house: Callable[..., House]) -> None:
    there = house([PATIENT, *results(250)])

    class Circle(Egress):
        """An egress in front of which the third page leads back to the second."""

        def request(self, method: str, url: str, **how: Any) -> Reply:
            reply = super().request(method, url, **how)
            return Reply(
                status=reply.status,
                headers=reply.headers,
                content=reply.content.replace(b'"relation":"self"', b'"relation":"next"')
                if "category=laboratory" in url and b'"relation":"next"' not in reply.content
                else reply.content,
                url=reply.url,
            )

    with Circle(allow=address_of(there.portal)) as egress:
        run = there.sync(egress)
    assert said(there.person, run, "Observation") == (
        "partial",
        f"The portal sent us in circles, so the rest is missing. {AGAIN_ON_SCHEDULE}",
    )
    assert there.untouched()


def test_a_paging_session_that_ends_once(house: Callable[..., House]) -> None:
    there = house([PATIENT, *results(250)], vendor="epic")
    there.portal.set_faults(Fault(kind="expire_page", where="Observation"))
    run = there.sync()
    assert run.state == Run.State.COMPLETE
    with there.person.open():
        step = Step.objects.get(run=run, resource_type="Observation", query__contains="laboratory")
        assert (step.state, step.reason, step.matched, step.unchanged) == ("complete", "", 250, 250)
    assert there.untouched()


def test_a_paging_session_that_always_ends(house: Callable[..., House]) -> None:
    there = house([PATIENT, *results(250)], vendor="epic")
    there.portal.set_faults(Fault(kind="expire_page", times=None, where="Observation"))
    run = there.sync()
    assert run.state == Run.State.PARTIAL, "it is not begun anew for ever"
    assert said(there.person, run, "Observation") == (
        "partial",
        f"The portal lost its place before it had sent everything. {AGAIN_ON_SCHEDULE}",
    )
    asked = [each for each in there.portal.requests() if "category=laboratory" in each.query]
    assert len(asked) <= 8
    assert there.untouched()


# ---- busy portals


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(None, timedelta(seconds=60)), ("120", timedelta(seconds=120))],
    ids=["without_retry_after", "with_retry_after"],
)
def test_a_portal_that_wants_us_to_slow_down(
    house: Callable[..., House], asked: str | None, wait: timedelta
) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="status", status=429, retry_after=asked, where="Condition"))
    with there.person.open():
        run = requests.request(
            sight=there.person,
            source_id=there.source_id,
            trigger=Run.Trigger.PERSON,
            now=timezone.now(),
        )
    began, first = timezone.now(), len(there.portal.requests())
    outcome = session.work(source_id=there.source_id, egress=there.egress, clock=timezone.now)
    assert outcome is session.Outcome.LATER
    due_at = Due.objects.get(pk=there.source_id).due_at
    assert due_at is not None
    assert began + wait <= due_at <= timezone.now() + wait
    assert said(there.person, run, "Condition") == (
        "running",
        "The portal asked us to slow down. We go on later.",
    )
    before = len(there.portal.requests())
    assert before - first < 10, "it is meant for all that we ask: nothing else is begun"
    assert (
        session.work(source_id=there.source_id, egress=there.egress, clock=timezone.now)
        is session.Outcome.BUSY
    )
    assert len(there.portal.requests()) == before, "a ring that comes too early asks nothing"
    let_time_pass(there.source_id)
    session.work(source_id=there.source_id, egress=there.egress, clock=timezone.now)
    with there.person.open():
        run.refresh_from_db()
        assert run.state == Run.State.COMPLETE
    assert there.untouched()


def test_an_internal_error_once(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="status", status=500, where="Condition"))
    run = there.sync()
    assert run.state == Run.State.COMPLETE
    assert said(there.person, run, "Condition") == ("complete", "")
    assert there.untouched()


def test_an_internal_error_every_time(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="status", status=500, times=None, where="Condition"))
    run = there.sync()
    assert run.state == Run.State.PARTIAL
    assert said(there.person, run, "Condition") == (
        "failed",
        f"The portal had an internal error. {AGAIN_ON_SCHEDULE}",
    )
    asked = [each for each in there.portal.requests() if each.path.endswith("/Condition")]
    assert len(asked) == 1 + 5, "five tries, and the first sync's"
    assert there.untouched()


def test_a_pause_that_is_asked_for_is_kept_when_our_own_time_is_up(house: Callable[..., House]) -> None:
    there = house()
    there.portal.set_faults(Fault(kind="status", status=429, retry_after="120", where="Condition"))
    there.portal.set_latency(80)
    with there.person.open():
        requests.request(
            sight=there.person, source_id=there.source_id, trigger=Run.Trigger.PERSON, now=timezone.now()
        )
    began = timezone.now()
    outcome = session.work(source_id=there.source_id, egress=there.egress, clock=timezone.now, budget=0.3)
    assert outcome is session.Outcome.LATER
    due_at = Due.objects.get(pk=there.source_id).due_at
    assert due_at is not None
    assert due_at >= began + timedelta(seconds=120)
