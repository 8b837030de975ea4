"""Tokens that end in the middle of a sync."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress, Reply
from connectors.sandbox import Fault
from phr.accounts.access import Sight
from phr.records.models import Resource
from phr.sources.models import Source
from phr.sync import queries
from phr.sync.models import Due, Run
from phr.sync.pipeline import session
from tests.sync.conftest import Connect, Serve, address_of, stored, sync, timeline, work_until_over
from tests.sync.records import DOCTOR, PATIENT, problem, results, visit

Network = Callable[..., Egress]
RECORD = [PATIENT, visit(), DOCTOR, problem(), *results(150)]
RECONNECT = "The portal has ended your permission. Reconnect to go on; what you have stays."


def test_an_expired_token_is_renewed_and_the_sync_goes_on(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    portal.expire_tokens()
    run = sync(person, source_id, egress)
    assert run.state == Run.State.COMPLETE
    with person.open():
        assert Resource.objects.filter(resource_type="Observation").count() == 150
    assert sum(each.path.endswith("/token") for each in portal.requests()) == 1, "renewed once, for all"


@pytest.mark.parametrize("where", ["Observation", "Practitioner"])
def test_a_token_that_ends_in_the_middle_is_renewed(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, where: str
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)

    class Ending(Egress):
        """The portal forgets the token when this type is asked for the first time."""

        ended = False

        def request(self, method: str, url: str, **how: Any) -> Reply:
            if f"/{where}" in url and not self.ended:
                self.ended = True
                portal.expire_tokens()
            return super().request(method, url, **how)

    with Ending(allow=address_of(portal)) as egress:
        run = sync(person, source_id, egress)
    assert run.state == Run.State.COMPLETE
    with person.open():
        assert Resource.objects.filter(resource_type="Observation").count() == 150
        assert Resource.objects.filter(resource_type="Practitioner").count() == 1


def test_a_revoked_grant_asks_the_person_to_reconnect_and_touches_nothing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    sync(person, source_id, egress)
    before, facts = stored(person), timeline(person)
    portal.revoke_grants()
    run = work_until_over(person, source_id, egress)
    assert (run.state, run.reason) == (Run.State.FAILED, "grant_over")
    with person.open():
        assert Source.objects.get(pk=source_id).state == Source.State.RECONNECT_NEEDED
        card = queries.source_cards(sight=person, now=timezone.now())[0]
    assert (card.state, card.can_reconnect, card.problems) == ("reconnect", True, (RECONNECT,))
    assert (stored(person), timeline(person)) == (before, facts)
    assert Due.objects.get(pk=source_id).due_at is None, "the portal is left in peace"
    asked = len(portal.requests())
    assert session.work(source_id=source_id, egress=egress, clock=timezone.now) is session.Outcome.BUSY
    assert len(portal.requests()) == asked


def test_a_grant_revoked_in_the_middle_keeps_what_came_and_goes_on_after_reconnecting(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)

    class Revoking(Egress):
        """The grant ends before the first reference is followed."""

        def request(self, method: str, url: str, **how: Any) -> Reply:
            if "/Practitioner/" in url:
                portal.revoke_grants()
            return super().request(method, url, **how)

    with Revoking(allow=address_of(portal)) as egress:
        run = sync(person, source_id, egress)
    assert (run.state, run.reason) == (Run.State.FAILED, "grant_over")
    with person.open():
        assert Resource.objects.count() == 153
        assert not Resource.objects.filter(projection_due=True).exists(), "what came is on the timeline"
    assert connect(portal) == source_id, "the same chart is the same source"
    run = sync(person, source_id, network(portal))
    assert run.state == Run.State.COMPLETE
    with person.open():
        assert Resource.objects.filter(resource_type="Practitioner").count() == 1


def test_a_token_endpoint_that_fails_ends_no_grant(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(RECORD)
    source_id, egress = connect(portal), network(portal)
    sync(person, source_id, egress)
    before = stored(person)
    portal.expire_tokens()
    portal.set_faults(Fault(kind="status", status=503, times=None, where="token"))
    run = work_until_over(person, source_id, egress)
    assert run.state in {Run.State.FAILED, Run.State.PARTIAL}
    assert stored(person) == before
    with person.open():
        assert Source.objects.get(pk=source_id).state == Source.State.ACTIVE
    portal.set_faults()
    assert work_until_over(person, source_id, egress).state == Run.State.COMPLETE
