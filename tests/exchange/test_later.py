"""What an export must not do later on: take another server's for ours, miss changes, or seem whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from connectors.sandbox.http import Request, Response, json_response
from phr.core.environment import DatabaseAddress
from phr.exchange import connections, session
from phr.exchange.models import Export, SystemConnection
from tests.exchange.conftest import (
    DESK,
    charts,
    connect,
    export,
    exported,
    files,
    observation,
    patient,
    waiting,
)

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]

ELSEWHERE = "https://elsewhere.example/fhir"


def _import(path: Path, *more: str) -> None:
    call_command("import_export", path, "--name", "Files", *more, stdout=None)


@pytest.mark.parametrize(("base", "of_ana"), [((), 1), (("--base-url", f"{ELSEWHERE}/"), 2)])
def test_in_files_an_absolute_reference_is_ours_only_below_a_base_that_was_named(
    committed: DatabaseAddress, tmp_path: Path, base: tuple[str, ...], of_ana: int
) -> None:
    path = tmp_path / "all.ndjson"
    absolute = observation("ana", 2, subject={"reference": f"{ELSEWHERE}/Patient/ana"})
    path.write_text("\n".join(json.dumps(each) for each in (patient("ana"), observation("ana", 1), absolute)))
    _import(path, *base)
    connection = SystemConnection.objects.get()
    assert waiting(connection)["ana", "Observation"] == of_ana
    assert waiting(connection)["", "Observation"] == 2 - of_ana
    assert set(exported(connection)) == {"ana"}


def test_a_name_keeps_its_base(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_text(json.dumps(patient("ana")))
    _import(path)
    with pytest.raises(CommandError, match="another name"):
        _import(path, "--base-url", ELSEWHERE)
    with pytest.raises(CommandError, match="begins with"):
        _import(path, "--base-url", "elsewhere.example")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"types": ("Patient",)}, {"types": ("Patient", "Observation")}),
        ({"types": ("Patient",)}, {}),
        ({"type_filters": ("Observation?status=amended",)}, {"type_filters": ("Observation?status=final",)}),
    ],
)
def test_what_is_asked_for_anew_is_read_whole(
    hospital: Hospital,
    network: Network,
    before: dict[str, tuple[str, ...]],
    after: dict[str, tuple[str, ...]],
) -> None:
    portal = hospital(charts("ana"))
    egress = network(portal)
    first = connect(portal, **before)
    done = export(first, egress)
    assert waiting(first)["ana", "Observation"] == 0
    same = connect(portal, **before)
    assert (same.pk, same.since) == (first.pk, done.transaction_time)
    changed = connect(portal, **after)
    assert (changed.pk, changed.since) == (first.pk, None)
    export(changed, egress)
    assert waiting(changed)["ana", "Observation"] == 3


def test_what_is_asked_for_is_not_changed_under_way(hospital: Hospital) -> None:
    portal = hospital(charts("ana"))
    connection = connect(portal, types=("Patient",))
    connections.request(desk=DESK, connection=connection, now=timezone.now())
    assert connect(portal, types=("Patient",), every_hours=5).every_hours == 5
    with pytest.raises(connections.BadConnection, match="under way"):
        connect(portal)


def test_a_server_whose_clock_is_ahead_of_ours_leaves_nothing_out(
    hospital: Hospital, network: Network
) -> None:
    portal = hospital(charts("ana"))
    connection, egress = connect(portal), network(portal)

    def clock() -> datetime:
        return timezone.now() - timedelta(seconds=100)

    asked_at = clock()
    connections.request(desk=DESK, connection=connection, now=asked_at)
    while session.work(connection_id=connection.pk, egress=egress, clock=clock) is not session.Outcome.DONE:
        assert timezone.now() - timedelta(seconds=130) < asked_at
    connection.refresh_from_db()
    assert connection.since is not None
    assert asked_at <= connection.since <= clock()
    assert connection.since < asked_at + timedelta(seconds=30)


def _turn_pages(portal: RunningPortal, *, leads: Callable[[int, int], int | None]) -> None:
    """Let a portal list one file a page; `leads`: from a page, of how many, to which."""
    whole = portal.bulk.handle

    def handle(request: Request, *, path: str, base_url: str) -> Response:
        answer = whole(request, path=path, base_url=base_url)
        if answer.status != 200 or request.method != "GET" or b"transactionTime" not in answer.body:
            return answer
        told = json.loads(answer.body)
        page, count = int(request.query.partition("page=")[2] or 0), len(told["output"])
        following = leads(page, count)
        if following is not None:
            told["link"] = [{"relation": "next", "url": f"{base_url}/{path}?page={following}"}]
        told["output"] = told["output"][page : page + 1]
        return json_response(told)

    portal.bulk.handle = handle  # type: ignore[method-assign]


def _to_the_end(page: int, count: int) -> int | None:
    return page + 1 if page + 1 < count else None


def test_a_list_of_files_goes_on_in_others(hospital: Hospital, network: Network) -> None:
    portal = hospital(charts("ana"), piece=1)
    _turn_pages(portal, leads=_to_the_end)
    connection = connect(portal)
    done = export(connection, network(portal))
    assert (done.state, len(files(done))) == (Export.State.COMPLETE, len(charts("ana")))
    assert waiting(connection)["ana", "Observation"] == 3


@pytest.mark.parametrize(
    ("leads", "reason"),
    [
        (lambda page, _count: page + 1, "too_many_manifests"),
        (lambda page, _count: (page + 1) % 3, "manifest_repeats"),
        (lambda page, _count: page or 1, "manifest_repeats"),
    ],
)
def test_a_list_of_files_without_an_end_is_no_export(
    hospital: Hospital, network: Network, leads: Callable[[int, int], int | None], reason: str
) -> None:
    portal = hospital(charts("ana"), piece=1)
    connection, egress = connect(portal), network(portal)
    before = export(connection, egress)
    _turn_pages(portal, leads=leads)
    done = export(connection, egress)
    assert (done.state, done.reason, files(done)) == (Export.State.FAILED, reason, [])
    connection.refresh_from_db()
    assert connection.since == before.transaction_time
