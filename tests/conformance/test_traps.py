"""What went wrong in other clients, and the odd things that vendors' servers do: each is pinned by a test.

Most are pinned elsewhere, and `traps.toml` says where; those that are told best by a whole app at a portal stand here.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2  # noqa: TID251 - what a host at the bench raises and answers
import pytest

from connectors.profile import Profile
from connectors.sandbox import Fault
from connectors.scopes import ScopeSet, compare
from phr.timeline.normalize import normalize
from tests.conformance import checks, checks_sync, fields
from tests.conformance.app import Connection
from tests.conformance.bench import World, profiles
from tests.conformance.suite import CHECKS, outcome
from tests.conformance.sync import Record, Sync
from tests.conformance.traps import TRAPS

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = "elsewhere.example.org"


def world_with(**server: Any) -> World:
    """A portal that does as the specifications say, but for these behaviours."""
    plain = profiles()[fields.PLAIN]
    told = {"patient_in_token": True, "id_token": True, **server}
    return World(replace(plain, server=replace(plain.server, **told)))


def synced(world: World, profile: Profile | None = None) -> tuple[Connection, Record]:
    app = world.app(profile or world.profile)
    connection = app.connect()
    return connection, Sync(app, connection).run()


# ---- the table


def test_every_trap_has_its_test() -> None:
    missing = [trap.test for trap in TRAPS if trap.test not in known_tests(trap.test)]
    assert missing == []


def test_no_trap_is_told_twice() -> None:
    told = [(trap.what, trap.test) for trap in TRAPS]
    assert len(set(told)) == len(told)


def known_tests(test: str) -> set[str]:
    """Return the names of the tests in the file that a test is said to stand in."""
    path, _, _name = test.partition("::")
    file = ROOT / path
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {f"{path}::{each.name}" for each in tree.body if isinstance(each, ast.FunctionDef)}
    return names | set(_generated(path))


def _generated(path: str) -> Iterator[str]:
    """Yield the tests of ours that are made from the profiles."""
    if path.endswith("test_fields.py"):
        yield from (f"{path}::test_it_fails_without[{case.profile}-{case.key}]" for case in fields.cases())
    elif path.endswith("test_profiles.py"):
        yield from (f"{path}::test_it_conforms[{name}-{check}]" for name in profiles() for check in CHECKS)


# ---- where a token goes


def test_no_token_leaves_the_portal() -> None:
    world = world_with()
    address = f"https://{ELSEWHERE}/Practitioner/1"
    world.portal.content.put(
        json.dumps(
            {
                "resourceType": "Immunization",
                "id": "pointing-away",
                "status": "completed",
                "patient": {"reference": f"Patient/{world.chart.patient}"},
                "performer": [{"actor": {"reference": address}}],
                "manufacturer": {"reference": "http://terminology.hl7.org/CodeSystem/v2-0203"},
            }
        ).encode()
    )
    world.portal.content.put(
        json.dumps(
            {
                "resourceType": "DocumentReference",
                "id": "kept-away",
                "status": "current",
                "subject": {"reference": f"Patient/{world.chart.patient}"},
                "content": [
                    {"attachment": {"contentType": "text/plain", "url": f"https://{ELSEWHERE}/a.txt"}}
                ],
            }
        ).encode()
    )
    world.network.route(ELSEWHERE, _anything)
    _, record = synced(world)
    assert {"Immunization/pointing-away", "DocumentReference/kept-away"} <= set(record.held)
    assert {sent.host for sent in world.network.log} == {"portal.example.org"}
    assert record.missing[f"https://{ELSEWHERE}/a.txt"] == "foreign_host"


def _anything(_environ: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"whatever is asked"]


# ---- what was granted


def test_what_is_granted_counts_and_not_what_was_asked() -> None:
    world = world_with(scopes_granted="registration", scope_wildcards="only", scopes_listed=False)
    everything = replace(world.profile.scopes, style="wildcard")
    connection, record = synced(world, replace(world.profile, scopes=everything))
    assert "patient/*" in connection.asked
    assert "*" not in connection.scope
    assert all(connection.granted.allows(key.partition("/")[0], "r") for key in record.held)
    checks_sync.full_sync_is_complete(world, replace(world.profile, scopes=everything))


def test_scopes_that_are_dropped_without_a_word_are_told() -> None:
    world = world_with(scope_versions=("v2",), scope_version_answer="dropped", scopes_listed=False)
    old = replace(world.profile, scopes=replace(world.profile.scopes, version="v1"))
    connection = world.app(old).connect()
    lacking = compare(asked=ScopeSet.parse(connection.asked), granted=connection.granted)
    assert set(lacking.missing) == set(old.scopes.resources)
    connection = world.app(world.profile).connect()
    assert not compare(asked=ScopeSet.parse(connection.asked), granted=connection.granted)


def test_a_wildcard_is_asked_only_where_there_is_one() -> None:
    world = world_with(scope_wildcards="refused", scopes_listed=False)
    wild = replace(world.profile, scopes=replace(world.profile.scopes, style="wildcard"))
    assert outcome(checks.connects, world, world.profile) == "passes"
    assert outcome(checks.connects, world, wild).startswith("fails")


# ---- what does not come


@pytest.mark.parametrize("silent", ["DocumentReference", "Observation"])
def test_a_type_that_never_answers_costs_the_others_nothing(silent: str) -> None:
    world = world_with()
    answer = world.network.ask

    def ask(request: httpx2.Request, *, browser: bool) -> httpx2.Response:
        if f"/{silent}?" in str(request.url):
            raise httpx2.ReadTimeout("no answer")
        return answer(request, browser=browser)

    world.network.ask = ask  # type: ignore[method-assign]  # a silent host
    _, record = synced(world)
    assert record.states(silent) == {"failed"}
    assert {line.reason for line in record.lines if line.step.resource_type == silent} == {"timeout"}
    checks_sync._complete(world, record, without=frozenset({silent, "Binary", "Provenance"}))


def test_a_page_that_fails_is_not_the_end_of_a_result() -> None:
    world = world_with()
    app = world.app(world.profile)
    connection = app.connect()
    sync = Sync(app, connection)
    sync.pause = lambda: world.faults(Fault(kind="status", where=world.chart.long, status=500, times=None))
    steps = [step for step in sync.steps() if step.resource_type == world.chart.long]
    (line,) = (line for line in map(sync.work, steps[:1]))
    world.faults()
    assert (line.state, line.reason) == ("partial", "server_error")
    assert 0 < line.matched < world.chart.many


def test_a_photo_that_is_refused_costs_itself_alone() -> None:
    world = world_with()
    world.portal.content.put(
        json.dumps(
            {
                "resourceType": "Patient",
                "id": world.chart.patient,
                "name": [{"family": "Marin"}],
                "photo": [{"contentType": "image/png", "url": "Binary/nobody-may"}],
            }
        ).encode()
    )
    _, record = synced(world)
    assert record.missing == {"Binary/nobody-may": "not_found"}
    checks_sync._complete(world, record)


def test_everything_comes_in_one_page_or_in_many() -> None:
    for size in (None, 7):
        world = world_with(everything=True, search=False, page_size=size)
        whole = replace(world.profile, search=replace(world.profile.search, everything=True))
        checks_sync.full_sync_is_complete(world, whole)
        checks_sync.ledger_is_honest(world, whole)


# ---- how it is written


@pytest.mark.parametrize(
    "kind", ["application/fhir+json;charset=UTF-8", "Application/JSON+FHIR", "application/json"]
)
def test_a_content_type_is_read_in_any_spelling(kind: str) -> None:
    world = world_with(content_type=kind)
    checks_sync.full_sync_is_complete(world, world.profile)


@pytest.mark.parametrize("text", ["2019", "2019-05"])
def test_a_year_or_a_month_is_a_date(text: str) -> None:
    (event,) = normalize({"resourceType": "Immunization", "id": "1", "occurrenceDateTime": text})
    assert event.when is not None
    assert event.when.start is not None
    assert (event.when.start.year, event.when.text) == (2019, text)


def test_a_result_without_code_range_or_visit_is_a_line() -> None:
    bare = {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": {"text": "Sugar, by hand"},
        "effectiveDateTime": "2024-03-01T09:00:00Z",
        "valueQuantity": {"value": 5, "unit": "mmol/l"},
    }
    (event,) = normalize(bare)
    assert (event.title, event.value_text, event.unit_text) == ("Sugar, by hand", "5", "mmol/l")


def test_a_visit_of_a_local_class_is_named_by_its_type() -> None:
    visit = {
        "resourceType": "Encounter",
        "id": "1",
        "status": "finished",
        "class": {"system": "urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260", "code": "13"},
        "type": [{"coding": [{"code": "101", "display": "OFFICE VISIT"}], "text": "Office visit"}],
        "period": {"start": "2024-03-01T09:00:00Z"},
    }
    (event,) = normalize(visit)
    assert event.title == "Office visit"
