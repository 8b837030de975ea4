"""Every question asked of a portal is written down, with what it led to, and nothing secret with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.forms.models import model_to_dict

from connectors.egress import Egress
from connectors.sandbox import Fault
from phr.accounts import access
from phr.core.crypto import unseal
from phr.sources.inspector import inspect
from phr.sources.models import Call, Grant
from tests.sync.conftest import Connect, Serve, sync, work_until_over

CHART: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "pat", "name": [{"family": "Marin"}]},
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/pat"},
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": "Glucose"},
    },
]


def test_every_question_of_a_run_is_there_and_none_twice(
    serve_portal: Serve, connect: Connect, person: access.Sight, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(CHART)
    source_id = connect(portal)
    before = len(portal.requests())
    run = sync(person, source_id, network(portal))

    asked = [(each.method, each.path, each.status) for each in portal.requests()[before:]]
    with person.open():
        calls = list(Call.objects.filter(run_id=run.pk))
    assert sorted((call.method, call.path, call.status) for call in calls) == sorted(asked)
    assert {call.source_id for call in calls} == {source_id}
    assert all(call.size > 0 for call in calls if call.status == 200)


def test_no_token_and_no_value_of_a_search_is_written_down(
    serve_portal: Serve, connect: Connect, person: access.Sight, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(CHART)
    source_id = connect(portal)
    portal.expire_tokens()  # so that a refresh is among the questions
    sync(person, source_id, network(portal))

    with person.open():
        rows = json.dumps([model_to_dict(call) for call in Call.objects.all()], default=str)
        grant = Grant.objects.get(source=source_id)
    held = [unseal(grant, name) for name in ("access_token", "refresh_token")]
    assert "/oauth2/token" in rows
    assert all(token is not None and token.reveal() not in rows for token in held)
    assert "patient" in rows
    assert '"laboratory"' not in rows


def test_what_went_wrong_is_told_in_words(
    serve_portal: Serve, connect: Connect, person: access.Sight, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(CHART)
    source_id = connect(portal)
    portal.set_faults(
        Fault(kind="reset", where="Observation", times=1), Fault(kind="refuse", where="Condition")
    )
    work_until_over(person, source_id, network(portal))

    with person.open():
        page = inspect(sight=person, source_id=source_id, only_failed=True)
    assert page is not None
    answers = {(line.path.rpartition("/")[2], line.answer.partition(" ")[0]) for line in page.lines}
    assert ("Condition", "403") in answers
    assert ("Observation", "No") in answers  # "No answer: ..."


def test_the_record_of_calls_only_grows(
    serve_portal: Serve, connect: Connect, person: access.Sight, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(CHART)
    sync(person, connect(portal), network(portal))

    for change in ("UPDATE sources_call SET path = '/'", "DELETE FROM sources_call"):
        with (
            pytest.raises(ProgrammingError),
            transaction.atomic(),
            person.open(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)


def test_a_page_of_calls_ends_and_each_call_is_on_one(
    serve_portal: Serve, connect: Connect, person: access.Sight, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(CHART)
    source_id = connect(portal)
    for _ in range(3):
        sync(person, source_id, network(portal), full=True)

    seen: list[tuple[str, str]] = []
    before: int | None = None
    with person.open():
        while True:
            page = inspect(sight=person, source_id=source_id, before=before)
            assert page is not None
            seen += [(line.at_iso, line.path) for line in page.lines]
            before = page.earlier
            if before is None:
                break
        assert len(seen) == Call.objects.count() > 50
    assert len(set(seen)) == len(seen)
