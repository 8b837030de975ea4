"""One profile a mechanism through the real pipeline: workers, the database, HTTP over sockets.

The suite in one process tries every profile, by a small app with one request at a time; what could hide there cannot
hide here.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from connectors.egress import Egress, Reply
from connectors.profile import Profile
from connectors.sandbox import RunningPortal
from connectors.scopes import requested
from connectors.smart.discovery import discover
from phr.accounts.access import Sight
from phr.records.models import Attachment, Resource
from phr.sources.models import Source
from phr.sync.models import Run, Step
from tests.conformance.bench import profiles
from tests.conformance.chart import STRANGER, Chart, chart_of
from tests.sync.conftest import Connect, Serve, Vendor, address_of, stored, work_until_over

Network = Callable[..., Egress]

# What a server does that ours must live with, and how a profile that says so is told.
MECHANISMS: Final[Mapping[str, Callable[[Profile], bool]]] = {
    "the whole record in one request": lambda each: each.search.everything,
    "links that die, queries that are refused": lambda each: each.paging.expires,
    "parameters from the token, empty pages": lambda each: bool(each.search.from_claims),
    "links in other letters, pages that end too soon": lambda each: each.paging.ignore_case,
    "a refresh token that stays, staff under user": lambda each: each.refresh.style == "fixed",
    "no patient in the token, a patient who is withheld": lambda each: "coverage" in each.patient.sources,
    "a web page for a refusal, nothing to renew": lambda each: any(
        rule.body == "html" for rule in each.errors
    ),
    "one media type, refusals as server errors": lambda each: (
        any(rule.status == 500 for rule in each.errors) and bool(each.attachments.not_urls)
    ),
}


def fitting(mechanism: str) -> Profile:
    """Return the first profile that lives with the mechanism; there must be one."""
    return next(each for each in profiles().values() if MECHANISMS[mechanism](each))


def wanted(chart: Chart, profile: Profile) -> set[tuple[str, str]]:
    """Return the keys of what the pipeline has to hold in the end."""
    away = {"Binary", "Group", *profile.server.refuses}
    if profile.server.last_page is not None:
        away.add(chart.long)
    return {
        (each["resourceType"], each["id"])
        for each in chart.resources
        if each["resourceType"] not in away and STRANGER not in str(each)
    }


@pytest.mark.parametrize("mechanism", list(MECHANISMS))
def test_the_pipeline_lives_with_it(
    mechanism: str, person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    profile = fitting(mechanism)
    chart = chart_of(profile.server)
    portal = serve_portal(list(chart.resources), vendor=profile.id, patient=chart.patient)
    egress = network(portal)
    found = discover(egress=egress, base_url=portal.base_url, profile=profile)
    scope = requested(profile=profile, scopes_supported=found.scopes_supported)
    source_id = connect(portal, patient=chart.patient, scope=scope)

    run = work_until_over(person, source_id, egress)
    short = profile.server.last_page is not None or profile.server.documents_per_day is not None
    assert run.state == (Run.State.PARTIAL if short else Run.State.COMPLETE)
    with person.open():
        held = set(Resource.objects.values_list("resource_type", "fhir_id"))
        assert wanted(chart, profile) <= held
        assert not [key for key in held if STRANGER in key]
        ends = dict(Step.objects.filter(run=run).values_list("resource_type", "state"))
        assert {ends[name] for name in profile.server.refuses if name in ends} <= {"refused"}
        files = Attachment.objects.filter(state=Attachment.State.STORED).count()
    asked = [each for each in portal.requests() if "/Binary/" in each.path]
    assert files == len(asked) <= (profile.server.documents_per_day or len(asked))

    before = stored(person)
    portal.expire_tokens()
    again(person, portal, profile, source_id, egress)
    assert stored(person) == before, "an unchanged portal is read without a write"

    portal.revoke_grants()
    work_until_over(person, source_id, egress)
    with person.open():
        ended = Source.objects.get(pk=source_id).state == Source.State.RECONNECT_NEEDED
    # Where a refresh has to wait for its minute, so does the news that there is none.
    assert ended == (profile.refresh.min_interval_seconds is None)
    assert stored(person) == before, "what was fetched stays"


class Counting(Egress):
    """An egress that knows how many questions were under way at once."""

    def __init__(self, *, allow: frozenset[tuple[str, int]]) -> None:
        super().__init__(allow=allow)
        self._lock, self._now, self.most = threading.Lock(), 0, 0

    def request(self, method: str, url: str, **further: Any) -> Reply:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return super().request(method, url, **further)
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.parametrize("connections", [1, 2])
def test_no_more_is_asked_at_once_than_the_profile_says(
    connections: int, person: Sight, serve_portal: Serve, connect: Connect, vendor: Vendor
) -> None:
    chart = chart_of(profiles()["generic"].server)
    name = vendor(f"[limits]\nconnections = {connections}\n")
    portal = serve_portal(list(chart.resources), vendor=name, patient=chart.patient)
    source_id = connect(portal, patient=chart.patient)
    portal.set_latency(20)
    with Counting(allow=address_of(portal)) as egress:
        run = work_until_over(person, source_id, egress)
    assert run.state == Run.State.COMPLETE
    assert egress.most == connections


def again(
    person: Sight, portal: RunningPortal, profile: Profile, source_id: uuid.UUID, egress: Egress
) -> None:
    """Run once more with an access token that has ended."""
    run = work_until_over(person, source_id, egress)
    if profile.refresh.style == "none":
        assert run.state == Run.State.FAILED
        return
    tokens = [each for each in portal.requests() if each.path.endswith("/token")]
    if profile.refresh.min_interval_seconds is None:
        assert run.state in {Run.State.COMPLETE, Run.State.PARTIAL}
        assert [each.status for each in tokens] == [200]
    else:
        # The consent counts as a refresh, and the next may not follow it at once.
        assert tokens == []
