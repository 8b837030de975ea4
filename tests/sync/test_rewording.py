"""Portals that do not take a question as it is asked, and take it in other words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress, Reply
from connectors.sandbox import Fault
from phr.accounts.access import Sight
from phr.records.models import Resource
from phr.sync.models import Crawl, Run, Step
from phr.sync.pipeline import session
from tests.sync.conftest import Connect, Serve, Vendor, address_of, let_time_pass, said, sync, work_until_over
from tests.sync.records import DOCTOR, PATIENT, problem, result, results, visit

Network = Callable[..., Egress]
SHOT = {
    "resourceType": "Immunization",
    "id": "shot",
    "status": "completed",
    "vaccineCode": {"text": "Influenza"},
    "patient": {"reference": "Patient/pat"},
    "occurrenceDateTime": "2023-10-02",
}


def test_a_portal_that_demands_a_status_is_asked_for_every_one_of_them(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    house = vendor('[server.requires]\nImmunization = ["status"]\n')
    portal = serve_portal([PATIENT, SHOT], vendor=house)
    source_id, egress = connect(portal), network(portal)
    for run_number in range(2):
        seen = len(portal.requests())
        run = work_until_over(person, source_id, egress)
        assert said(person, run, "Immunization") == ("complete", "")
        asked = [each for each in portal.requests()[seen:] if each.path.endswith("/Immunization")]
        # What it wants is known from then on: nothing is asked in vain again.
        assert [each.status for each in asked] == ([400, 200] if run_number == 0 else [200])
    with person.open():
        assert Resource.objects.filter(fhir_id="shot").exists()
        assert Crawl.objects.get(resource_type="Immunization").with_status


def test_a_portal_that_refuses_to_tell_changes_is_asked_for_all(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    house = vendor('[search]\nlast_updated = ["Condition"]\n')
    portal = serve_portal([PATIENT, problem()], vendor=house)
    source_id, asked = connect(portal), list[str]()

    class Strict(Egress):
        """A portal that takes `_lastUpdated` for a fault."""

        def request(self, method: str, url: str, **how: Any) -> Reply:
            asked.extend([url] if "/Condition?" in url else [])
            reply = super().request(method, url, **how)
            if "_lastUpdated=" not in url:
                return reply
            return Reply(status=400, headers=reply.headers, content=b"", url=url)

    with Strict(allow=address_of(portal)) as strict:
        work_until_over(person, source_id, strict)
    for run_number in range(2):
        portal.put(problem(f"eczema-{run_number}"))
        asked.clear()
        with Strict(allow=address_of(portal)) as strict:
            run = work_until_over(person, source_id, strict)
        assert said(person, run, "Condition") == ("complete", "")
        assert ["_lastUpdated" in url for url in asked] == ([True, False] if run_number == 0 else [False])
        with person.open():
            assert Step.objects.get(run=run, resource_type="Condition").mode == "full"
            assert Resource.objects.filter(fhir_id=f"eczema-{run_number}").exists()


EVERYTHING = "[search]\neverything = true\n"


def test_the_whole_record_comes_at_once(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    house = vendor(f"{EVERYTHING}count = 20\n[server]\neverything = true\nsearch = false\n")
    portal = serve_portal([PATIENT, problem(), visit(), DOCTOR, *results(50)], vendor=house)
    source_id, egress = connect(portal), network(portal)
    run = sync(person, source_id, egress)
    assert run.state == Run.State.COMPLETE
    assert said(person, run, "everything") == ("complete", "")
    with person.open():
        assert Resource.objects.count() == 54
        step = Step.objects.get(run=run, kind="everything")
        assert (step.pages, step.matched) == (3, 54)
    searches = [each for each in portal.requests() if each.path.endswith("/Condition")]
    assert searches == []


def test_where_it_is_no_longer_offered_each_type_is_asked_for(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    portal = serve_portal([PATIENT, problem(), result(0)], vendor=vendor(EVERYTHING))
    source_id, egress = connect(portal), network(portal)
    # It does not say so beforehand.
    portal.set_faults(Fault(kind="status", status=404, times=None, where="metadata"))
    run = sync(person, source_id, egress)
    assert run.state == Run.State.COMPLETE
    assert said(person, run, "Condition") == ("complete", "")
    with person.open():
        assert Step.objects.get(run=run, kind="everything").state == "unsupported"
        assert Resource.objects.filter(fhir_id__in=["asthma", "result-0"]).count() == 2
        ordinals = list(Step.objects.filter(run=run).values_list("ordinal", flat=True))
        assert len(ordinals) == len(set(ordinals))


DYING = """
[search]
count = 10
[search.queries]
Observation = [""]
[paging]
expires = true
[server]
page_param = "session"
page_expires_seconds = 300
"""


@pytest.mark.parametrize("minutes", [0, 10])
def test_a_link_that_dies_is_not_followed_after_a_pause(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Network,
    vendor: Vendor,
    *,
    minutes: int,
) -> None:
    portal = serve_portal([PATIENT, *results(40)], vendor=vendor(DYING))
    source_id = connect(portal)

    class Busy(Egress):
        """After the second page of results their portal is busy."""

        def request(self, method: str, url: str, **how: Any) -> Reply:
            reply = super().request(method, url, **how)
            if "session=" in url:
                portal.set_faults(Fault(kind="status", status=503, times=None, where="Observation"))
            return reply

    with Busy(allow=address_of(portal)) as busy:
        run = sync(person, source_id, busy)
    portal.set_faults()
    with person.open():
        step = Step.objects.get(run=run, resource_type="Observation")
        assert (step.state, step.pages) == ("running", 2)
        step.checkpoint_at = timezone.now() - timedelta(minutes=minutes)
        step.save()
    if minutes:
        portal.expire_pages()
    seen = len(portal.requests())
    let_time_pass(source_id)
    session.work(source_id=source_id, egress=network(portal), clock=timezone.now)
    asked = [each for each in portal.requests()[seen:] if each.path.endswith("/Observation")]
    assert [each.status for each in asked] == [200] * (4 if minutes else 2), "no dead link was followed"
    with person.open():
        step.refresh_from_db()
        assert (step.state, step.matched, step.reason) == ("complete", 40, "")
        assert Resource.objects.filter(resource_type="Observation").count() == 40
