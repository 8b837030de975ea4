"""What is asked while connecting and disconnecting is written down too, also where no source came of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from connectors.sandbox import Fault
from phr.sources.flows.disconnect import disconnect
from phr.sources.flows.outcomes import ConnectRefused
from phr.sources.inspector import inspect
from phr.sources.models import Call
from tests.sources.conftest import House, OpenHouse


def paths(there: House, **found: Any) -> list[str]:
    with there.sight.open():
        calls = list(Call.objects.filter(**found).order_by("pk"))
    return [call.path.rpartition("/")[2] for call in calls]


def test_a_connection_leaves_its_questions_with_the_source(house: OpenHouse) -> None:
    there = house()
    finished = there.connect()

    assert paths(there, source=None) == ["smart-configuration"]
    assert "token" in paths(there, source_id=finished.source_id)
    with there.sight.open():
        assert {call.purpose for call in Call.objects.all()} == {Call.Purpose.CONNECT}


def test_a_connection_that_fails_can_be_looked_into(house: OpenHouse) -> None:
    there = house()
    url = there.begin()
    answer = there.consent(url)
    there.running.set_faults(Fault(kind="html", where="token"))
    with pytest.raises(ConnectRefused):
        there.finish(answer)

    with there.sight.open():
        page = inspect(sight=there.sight, source_id=None)
    assert page is not None
    assert [line.path.rpartition("/")[2] for line in page.lines] == ["token", "smart-configuration"]
    assert all(secret not in repr(page) for secret in (answer["code"], answer["state"]))


def test_a_disconnection_leaves_its_questions_too(house: OpenHouse) -> None:
    there = house()
    finished = there.connect()
    disconnect(sight=there.sight, source_id=finished.source_id, egress=there.egress, now=timezone.now())

    assert paths(there, purpose=Call.Purpose.DISCONNECT) == ["revoke", "revoke"]


def test_what_went_wrong_is_told_from_redirects(house: OpenHouse) -> None:
    there = house()
    source_id = there.connect().source_id
    kinds: list[tuple[int | None, str]] = [
        (200, ""),
        (302, ""),
        (404, "not_found"),
        (200, "html"),
        (None, "timeout"),
        (503, ""),
    ]
    with there.sight.open():
        for status, code in kinds:
            Call.objects.create(
                person_id=there.sight.person_id,
                source_id=source_id,
                purpose=Call.Purpose.FETCH,
                at=timezone.now(),
                method="GET",
                origin=there.origin,
                path=f"/fhir/{status}-{code}",
                status=status,
                code=code,
            )
        page = inspect(sight=there.sight, source_id=source_id, only_failed=True)
    assert page is not None
    failed = [line.path.rpartition("/")[2] for line in page.lines]
    assert failed == ["503-", "None-timeout", "200-html", "404-not_found"]
    assert all(line.tone != "good" for line in page.lines)
