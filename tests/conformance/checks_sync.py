"""The checks of reading: whether all comes, nothing is asked in vain, and the ledger says what was."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

import pytest

from connectors.errors import Reauthorize
from connectors.fhir.plan import PlanStep
from connectors.profile import Profile
from connectors.sandbox import Fault
from tests.conformance.bench import NotHere, World
from tests.conformance.chart import MISSING, STRANGER
from tests.conformance.network import Sent
from tests.conformance.sync import Line, Record, Sync

# Nothing that a portal of patient records knows.
_UNKNOWN_TYPE = "MolecularSequence"
# What a server is asked for a page where it names no cap of its own.
_PAGE = 100


def full_sync_is_complete(world: World, profile: Profile) -> None:
    """Everything of this patient's that the portal serves is held after one run, and nothing of anybody else's."""
    _complete(world, world.clean(profile).record)


def _complete(world: World, record: Record, *, without: frozenset[str] = frozenset()) -> None:
    lacking = sorted(_wanted(world, without) - set(record.held))
    cut = _capacity(world)
    if cut is not None:
        kept = sum(key.startswith(f"{world.chart.long}/") for key in record.held)
        assert kept >= min(cut, world.chart.many), f"{kept} of {world.chart.long}"
        lacking = [key for key in lacking if not key.startswith(f"{world.chart.long}/")]
    assert not lacking, f"{len(lacking)} not held, such as {lacking[:3]}"
    assert not [key for key in record.held if STRANGER in key]


def _wanted(world: World, without: frozenset[str]) -> set[str]:
    away = {"Binary", "Group", *world.server.refuses, *without}
    return {
        f"{each['resourceType']}/{each['id']}"
        for each in world.chart.resources
        if each["resourceType"] not in away and STRANGER not in json.dumps(each)
    }


def _capacity(world: World) -> int | None:
    """Return how many of a long result can be had at all, where the server's pages end too soon."""
    if world.server.last_page is None:
        return None
    return world.server.last_page * (world.server.page_size or _PAGE)


def ledger_is_honest(world: World, profile: Profile) -> None:
    """Each type ends as what it is: complete, or partial where the pages broke off; what is claimed is there."""
    cut = _capacity(world)
    for line in world.clean(profile).record.lines:
        name = line.step.resource_type
        if name in world.server.refuses or _refuses(world, name, line.step.query):
            assert line.state == "refused", f"{name}: {line.state} ({line.reason})"
        elif line.pages and cut is not None and line.matched >= cut:
            assert (line.state, line.reason) == ("partial", "fewer_than_claimed"), f"{name}: {line.state}"
        elif line.pages:
            assert line.state == "complete", f"{name}: {line.state} ({line.reason})"
            assert line.claimed in {None, line.matched}, f"{name}: {line.matched} of {line.claimed}"
        else:
            assert line.state in {"unsupported", "refused"}, f"{name}: {line.state} ({line.reason})"


def clean_sync_draws_no_refusal(world: World, profile: Profile) -> None:
    """On an ordinary day the portal has no reason to refuse a request, but for what it refuses to everybody."""
    drawn = [
        f"{sent.status} {world.fhir_path(sent) or sent.path}?{'&'.join(sorted(sent.names()))}"
        for sent in world.clean(profile).requests
        if sent.status >= 400 and not _is_due(world, sent)
    ]
    assert not drawn, f"{len(drawn)} refused, such as {drawn[0]}"


def _is_due(world: World, sent: Sent) -> bool:
    """Say whether everybody's request is refused there: a type, somebody who is gone, a document that is not
    served.
    """
    path = world.fhir_path(sent) or ""
    return (
        path.partition("/")[0] in world.server.refuses
        or _refuses(world, path, sent.params)
        or path == MISSING
        or (path.startswith(".well-known/") and not world.server.smart_configuration)
    )


def _refuses(world: World, resource_type: str, params: Iterable[tuple[str, str]]) -> bool:
    """Say whether a search asks for a part of a type that is refused to everybody."""
    asked = set(params)
    refused = world.server.refuses_queries.get(resource_type, ())
    return any(set(parse_qsl(query)) <= asked for query in refused)


def what_is_gone_is_not_asked_again(world: World, profile: Profile) -> None:
    """A reference that leads nowhere costs one request, however the server says so."""
    asked = [sent for sent in world.clean(profile).requests if world.fhir_path(sent) == MISSING]
    if not asked:
        raise NotHere("nothing points at what is gone")
    assert len(asked) == 1, f"asked {len(asked)} times"


def _type_of(world: World, sent: Sent) -> str:
    return (world.fhir_path(sent) or "").partition("/")[0]


def no_more_pages_than_needed(world: World, profile: Profile) -> None:
    """A search takes as many requests as the server's caps make necessary."""
    if world.server.empty_pages:
        raise NotHere("pages may be empty here, so no number of them is the least")
    for line in world.clean(profile).record.lines:
        if line.step.kind != "search" or not line.pages:
            continue
        needed = max(1, math.ceil(line.matched / _cap(world, line.step.resource_type)))
        assert line.pages <= needed, f"{line.step.resource_type}: {line.pages} pages, {needed} would do"


def _cap(world: World, resource_type: str) -> int:
    server = world.server
    stated = server.max_counts.get(resource_type, server.max_count)
    cap = stated if resource_type in server.max_counts or stated != type(server)().max_count else _PAGE
    return min(cap, server.page_size or cap)


def documents_come(world: World, profile: Profile) -> None:
    """The files that documents point at are fetched, byte for byte, as many a day as the portal gives."""
    files = {
        f"Binary/{each['id']}": each for each in world.chart.resources if each["resourceType"] == "Binary"
    }
    if not files or {"Binary", "DocumentReference"} & set(world.server.refuses):
        raise NotHere("no documents are served")
    clean = world.clean(profile)
    if world.server.attachment_url == "none":
        assert not clean.record.missing, f"asked for what is no address: {sorted(clean.record.missing)[:3]}"
        return
    limit = world.server.documents_per_day
    got = len(clean.record.files)
    assert got == (len(files) if limit is None else min(limit, len(files))), f"{got} of {len(files)}"
    if limit is not None:
        asked = [sent for sent in clean.requests if _type_of(world, sent) == "Binary"]
        assert len(asked) <= limit, f"{len(asked)} asked of {limit} a day"
    assert all(body.startswith(b"the text of document") for body in clean.record.files.values())


def unchanged_is_unchanged(world: World, profile: Profile) -> None:
    """A second full run over the same records finds nothing changed."""
    clean = world.clean(profile)
    record = Record(held=dict(clean.record.held))
    app = world.app(profile)
    Sync(app, app.connect(), record).run(files=False)
    assert record.changed == [], f"{len(record.changed)} look changed, such as {record.changed[:3]}"


def incremental_sync_asks_only_for_changes(world: World, profile: Profile) -> None:
    """A later run finds what is new, and reads again only what the portal cannot tell apart."""
    clean = world.clean(profile)
    app = world.app(profile)
    connection = app.connect()
    since = _instant(world.clock())
    world.clock.forward(seconds=60)
    record = Record(held=dict(clean.record.held), files=dict(clean.record.files))
    types = {line.step.resource_type for line in clean.record.lines if line.pages}
    with _changed(world, types - {"Patient"}) as changes:
        Sync(app, connection, record).run(since=dict.fromkeys(types, since), files=False)
    found = set(record.changed)
    lacking = [key for key in changes.written if key not in found and not _is_cut(world, key)]
    # What was amended is seen where the portal tells what changed; by the date of making it is not.
    lacking += [key for key in changes.amended if key not in found and _tells(world, _type(key))]
    assert not lacking, f"changed and not found: {sorted(lacking)[:3]}"
    for line in record.lines:
        name = line.step.resource_type
        if (
            line.pages
            and line.step.kind == "search"
            and (_tells(world, name) or name in world.server.created)
        ):
            again = line.matched - len(
                [key for key in (*changes.written, *changes.amended) if _type(key) == name]
            )
            assert again <= 0, f"{name}: {again} read again"


def _type(key: str) -> str:
    return key.partition("/")[0]


def _tells(world: World, resource_type: str) -> bool:
    told = world.server.last_updated
    return told if isinstance(told, bool) else resource_type in told


def _is_cut(world: World, key: str) -> bool:
    return _capacity(world) is not None and _type(key) == world.chart.long


@dataclass(frozen=True, slots=True)
class _Changes:
    """Keys of what is new at the portal, and of what is old and was amended."""

    written: tuple[str, ...]
    amended: tuple[str, ...]


@contextmanager
def _changed(world: World, types: set[str]) -> Iterator[_Changes]:
    """Let the portal hold one new and one amended resource of each type, and take both back afterwards."""
    now = world.clock().isoformat().replace("+00:00", "Z")
    content = world.portal.content
    written, amended = {}, {}
    for name in sorted(types):
        first = next((each for each in world.chart.resources if each["resourceType"] == name), None)
        if first is None or STRANGER in json.dumps(first):
            continue
        new = {**deepcopy(first), "id": f"{name.lower()}-new"[:60]}
        for element in ("issued", "recordedDate", "authoredOn", "date", "created", "sent"):
            if element in new:
                new[element] = now
        new.pop("content", None)
        written[f"{name}/{new['id']}"] = new
        amended[f"{name}/{first['id']}"] = {**first, "language": "en"}
    for resource in (*written.values(), *amended.values()):
        content.put(json.dumps(resource).encode())
    try:
        yield _Changes(tuple(written), tuple(amended))
    finally:
        for key in written:
            content.delete(resource_type=_type(key), identifier=key.partition("/")[2])
        for resource in amended.values():
            content.put(
                json.dumps({name: value for name, value in resource.items() if name != "language"}).encode()
            )


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def one_type_refused_the_others_come(world: World, profile: Profile) -> None:
    """A type that is refused is said to be refused, and costs none of the others."""
    if world.server.everything and not world.server.search:
        raise NotHere("one request gives all types")
    if world.server.refuses:
        _complete(world, world.clean(profile).record)
        return
    searched = {line.step.resource_type for line in world.clean(profile).record.lines if line.pages}
    name = next((each for each in ("Immunization", "Coverage", "Condition") if each in searched), None)
    if name is None:
        raise NotHere("no type is searched by itself")
    app = world.app(profile)
    connection = app.connect()
    world.faults(Fault(kind="refuse", where=name, times=None))
    try:
        record = Sync(app, connection).run(files=False)
    finally:
        world.faults()
    assert record.states(name) == {"refused"}, f"{name}: {record.states(name)}"
    _complete(world, record, without=frozenset({name}))


def unsupported_is_told(world: World, profile: Profile) -> None:
    """A type that the server does not know is said to be unsupported, not tried again and not a failure."""
    if not world.server.search:
        raise NotHere("nothing is searched by type")
    app = world.app(profile)
    connection = app.connect()
    step = PlanStep(0, "search", _UNKNOWN_TYPE, query=(("patient", connection.patient),))
    begun = len(world.network.log)
    line = Sync(app, connection).work(step)
    told = {"unsupported"}
    if world.server.unsupported_answer == world.server.refused_answer:
        told.add("refused")  # nobody could tell them apart
    assert line.state in told, f"{line.state} ({line.reason})"
    assert len(world.since(begun)) == 1


def paging_session_expires_midway(world: World, profile: Profile) -> None:
    """A link that died begins the query again, and all of it comes; where it is known to die, it is not tried."""
    app = world.app(profile)
    connection = app.connect()
    begun = len(world.network.log)
    sync = Sync(app, connection)
    steps = _long_steps(world, sync)
    seconds = world.server.page_expires_seconds
    if seconds is None:
        world.faults(Fault(kind="expire_page"))
    else:
        pauses = iter([seconds + 1])
        sync.pause = lambda: world.clock.forward(seconds=next(pauses, 0))
    lines = [sync.work(step) for step in steps]
    world.faults()
    _all_came(world, sync, lines)
    drawn = {sent.status for sent in world.since(begun) if sent.status >= 400 and not _is_due(world, sent)}
    assert seconds is None or drawn <= {401}, "a link was followed that was dead by then"


def access_token_ends_midway(world: World, profile: Profile) -> None:
    """A token that ends between two pages is renewed, and the crawl goes on; what cannot be renewed says so."""
    app = world.app(profile)
    connection = app.connect()
    sync = Sync(app, connection)
    steps = _long_steps(world, sync)
    between = [world.portal.grants.expire_access]

    def pause() -> None:
        if between:
            between.pop()()

    sync.pause = pause
    if profile.refresh.style == "none":
        with pytest.raises(Reauthorize):
            _ = [sync.work(step) for step in steps]
        return
    _all_came(world, sync, [sync.work(step) for step in steps])
    assert not between, "there was no second page"


def busy_portal_is_waited_for(world: World, profile: Profile) -> None:
    """A portal that asks for a pause gets it, and then everything is asked for that was not answered."""
    app = world.app(profile)
    connection = app.connect()
    sync = Sync(app, connection)
    steps = _long_steps(world, sync)
    began = world.clock.seconds()
    world.faults(Fault(kind="status", status=429, retry_after="90"))
    lines = [sync.work(step) for step in steps]
    world.faults()
    assert world.clock.seconds() - began >= 90
    _all_came(world, sync, lines)


def _long_steps(world: World, sync: Sync) -> list[PlanStep]:
    """Return the steps that bring the type of which there is more than a page."""
    return [
        step
        for step in sync.steps()
        if step.state == "run" and (step.kind == "everything" or step.resource_type == world.chart.long)
    ]


def _all_came(world: World, sync: Sync, lines: list[Line]) -> None:
    due = "complete" if _capacity(world) is None else "partial"
    assert {line.state for line in lines if line.pages} <= {"complete", due}, [line.reason for line in lines]
    kept = sum(key.startswith(f"{world.chart.long}/") for key in sync.record.held)
    assert kept >= min(world.chart.many, _capacity(world) or world.chart.many)


def rate_limit_is_kept(world: World, profile: Profile) -> None:
    """However much there is to read, the portal never has to say that it was too fast."""
    limit = world.server.requests_per_minute
    if limit is None:
        raise NotHere("no limit is known")
    app = world.app(profile)
    connection = app.connect()
    fhir = app.fhir(connection)
    begun = len(world.network.log)
    for _ in range(limit + 10):
        fhir.read(f"Patient/{connection.patient}")
    assert {sent.status for sent in world.since(begun)} == {200}
