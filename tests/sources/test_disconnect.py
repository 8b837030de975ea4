from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import Fault
from phr.core.ids import uuid7
from phr.sources.flows.disconnect import disconnect
from phr.sources.flows.outcomes import Disconnected
from phr.sources.models import Grant, GrantReply, Source
from tests.sources.conftest import House, OpenHouse


def ended(there: House, source: object) -> Disconnected:
    return disconnect(
        sight=there.sight,
        source_id=source,  # type: ignore[arg-type]
        egress=there.egress,
        now=timezone.now(),
    )


def rows(there: House) -> tuple[int, int]:
    with there.sight.open():
        return Grant.objects.count(), GrantReply.objects.count()


def test_tokens_are_revoked_there_and_wiped_here(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    token = there.token(source)
    assert ended(there, source) == Disconnected(revoked="revoked")
    assert there.asked("/revoke") == 2
    assert not there.works(token)
    assert rows(there) == (0, 0)
    assert there.source(source).state == Source.State.DISCONNECTED


def test_a_portal_that_fails_is_told_and_stops_nothing(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.running.set_faults(Fault(kind="status", where="revoke", status=500, times=None))
    assert ended(there, source).revoked == "failed"
    assert rows(there) == (0, 0)
    assert there.source(source).state == Source.State.DISCONNECTED


def test_a_portal_that_offers_no_revocation_is_not_asked(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    with there.sight.open():
        Grant.objects.update(server=there.grant(source).server | {"revocation_endpoint": ""})
    assert ended(there, source).revoked == "not_offered"
    assert there.asked("/revoke") == 0
    assert rows(there) == (0, 0)


def test_a_portal_that_is_gone_is_left_as_well(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    there.egress = Egress()  # its address is not allowed any more
    assert urlsplit(there.running.base_url).hostname == "127.0.0.1"
    assert ended(there, source).revoked == "failed"
    assert rows(there) == (0, 0)
    there.egress.close()


def test_a_second_call_goes_on_where_a_death_left_the_first(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    with there.sight.open():
        Source.objects.update(state=Source.State.DISCONNECTED)
    assert ended(there, source).revoked == "revoked"
    assert rows(there) == (0, 0)
    assert ended(there, source).revoked == "not_offered"


def test_a_source_that_waits_for_its_person_can_be_disconnected(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    with there.sight.open():
        Source.objects.update(state=Source.State.RECONNECT_NEEDED, state_reason="grant_over")
    ended(there, source)
    found = there.source(source)
    assert (found.state, found.state_reason) == (Source.State.DISCONNECTED, "")


def test_a_disconnected_chart_connects_again_to_its_own_source(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    ended(there, source)
    again = there.connect()
    assert (again.source_id, again.created) == (source, False)
    assert there.works(there.token(source))


def test_a_stranger_disconnects_nothing(house: OpenHouse) -> None:
    there = house()
    source = there.connect().source_id
    theirs = dataclasses.replace(there.sight, person_id=uuid7())
    with pytest.raises(Source.DoesNotExist):
        disconnect(sight=theirs, source_id=source, egress=there.egress, now=timezone.now())
    assert there.source(source).state == Source.State.ACTIVE
