"""The real export of thirteen patients, from the sandbox and from files, interrupted: nothing lost, no one mixed.

What is expected is counted from the files themselves, by a reading of their own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from phr.accounts import access
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.exchange import connections, disk, intake, session
from phr.exchange.models import Export, ExportedPatient, ExportFile, SystemConnection
from phr.timeline.models import Event
from tests.exchange.conftest import (
    DESK,
    connect,
    export,
    exported,
    files,
    let_time_pass,
    map_to,
    record,
    waiting,
    work,
)

pytestmark = pytest.mark.corpus

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]
Person = Callable[..., Sight]
PLACE = ("subject", "patient")
KILLS = 8
SUPPORTING = {"Practitioner", "Organization", "Location", "PractitionerRole"}


@pytest.fixture(scope="module")
def bulk(corpus: Path) -> Path:
    return corpus / "bulk-ndjson"


@pytest.fixture(scope="module")
def texts(bulk: Path) -> list[bytes]:
    return [
        line
        for path in sorted(bulk.glob("[A-Z]*.ndjson"))
        for line in path.read_bytes().splitlines()
        if line.strip()
    ]


@pytest.fixture(scope="module")
def expected(texts: list[bytes]) -> dict[str, Counter[str]]:
    """For each patient, how many resources of each type are theirs; "" for those of nobody."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        resource = json.loads(text)
        kind = resource["resourceType"]
        said = [resource[place]["reference"] for place in PLACE if place in resource]
        owner = resource["id"] if kind == "Patient" else said[0].removeprefix("Patient/") if said else ""
        found[owner][kind] += 1
    return dict(found)


def table(expected: dict[str, Counter[str]], held: dict[str, Counter[str]]) -> str:
    lines = [f"{'patient':<38}{'exported':>10}{'in the record':>15}{'with those they name':>22}"]
    for owner in sorted(expected, key=lambda each: -expected[each].total()):
        if owner:
            own = sum(n for kind, n in held[owner].items() if kind not in SUPPORTING)
            lines.append(f"{owner:<38}{expected[owner].total():>10}{own:>15}{held[owner].total():>22}")
    return "\n".join(lines)


def map_everybody(connection: SystemConnection, person: Person, egress: Egress) -> dict[str, Sight]:
    sights = {}
    for number, (name, row) in enumerate(sorted(exported(connection).items())):
        if row.person_id is None:
            sights[name] = person(f"Person {number}")
            map_to(connection, name, sights[name])
        else:
            sights[name] = access.for_work(person_id=row.person_id)
    work(connection, egress, rounds=400)
    return sights


def compare(expected: dict[str, Counter[str]], sights: dict[str, Sight]) -> None:
    held = {name: record(sight) for name, sight in sights.items()}
    sys.stdout.write(f"\n{table(expected, held)}\n")
    assert set(held) == set(expected) - {""}
    assert len(held) == 13
    for name, counts in held.items():
        own = Counter({kind: n for kind, n in counts.items() if kind not in SUPPORTING})
        assert own == expected[name], name


def test_an_export_gives_each_of_them_what_is_theirs(
    hospital: Hospital,
    network: Network,
    person: Person,
    texts: list[bytes],
    expected: dict[str, Counter[str]],
) -> None:
    portal = hospital(texts, piece=400)
    connection, egress = connect(portal), network(portal)
    done = export(connection, egress)
    assert (done.state, done.reason) == (Export.State.COMPLETE, "")
    assert sum(row.landed + row.shared for row in files(done)) == len(texts) == 7160
    still = waiting(connection)
    for owner, counts in expected.items():
        assert {kind: still[owner, kind] for kind in counts} == dict(counts)
    sights = map_everybody(connection, person, egress)
    compare(expected, sights)
    assert {owner for owner, _kind in waiting(connection)} == {""}
    for name, sight in sights.items():
        with sight.open():
            assert not Event.objects.filter(exclusion="other_patient").exists(), name


def test_files_of_an_export_give_the_same(
    network: Network,
    person: Person,
    bulk: Path,
    expected: dict[str, Counter[str]],
    committed: DatabaseAddress,
) -> None:
    connection = connections.for_files(name="Files", profile_id="generic")
    found = disk.find([bulk])
    asked, resumed = intake.begin(desk=DESK, connection=connection, found=found, now=timezone.now())
    assert not resumed
    opener = disk.Disk({each.name: each for each in found})
    egress = network()
    slices = 0
    while (
        session.work(
            connection_id=connection.pk, egress=egress, clock=timezone.now, budget=0.05, opener=opener
        )
        is not session.Outcome.DONE
    ):
        slices += 1
        let_time_pass(connection)
        again, resumed = intake.begin(desk=DESK, connection=connection, found=found, now=timezone.now())
        if not resumed:
            raise AssertionError("the same files are the same export")
        assert again.pk == asked.pk
    assert slices > 5
    compare(expected, map_everybody(connection, person, egress))


WORKER = """
import sys, uuid
import django
django.setup()
from django.utils import timezone
from connectors.egress import Egress
from phr.exchange import session
egress = Egress(allow=frozenset({("127.0.0.1", int(sys.argv[2]))}))
print("begun", flush=True)
outcome = session.work(connection_id=uuid.UUID(sys.argv[1]), egress=egress, clock=timezone.now, budget=120.0)
import resource
print(outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
"""


@pytest.fixture
def worker(database_address: DatabaseAddress) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a worker in a process of its own."""
    started = []

    def start(connection_id: UUID, port: int) -> subprocess.Popen[str]:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": database_address.url,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(connection_id), str(port)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "begun"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def done() -> tuple[int, int]:
    """How many lines are committed, and how many files are over."""
    with DESK.open():
        rows = ExportFile.objects.all()
        return sum(row.lines for row in rows), sum(row.state == "complete" for row in rows)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_worker_killed_again_and_again_loses_nothing(  # noqa: PLR0917
    hospital: Hospital,
    network: Network,
    person: Person,
    worker: Callable[..., subprocess.Popen[str]],
    texts: list[bytes],
    expected: dict[str, Counter[str]],
    *,
    ranges: bool,
) -> None:
    portal = hospital(texts, piece=2500, ranges=ranges)
    connection, egress = connect(portal), network(portal)
    # Every other one is mapped before, so that lines go straight into a record while the worker dies.
    names = sorted(set(expected) - {""})
    early = {name: person(f"Early {number}") for number, name in enumerate(names[::2])}
    with DESK.open():
        for name in early:
            ExportedPatient.objects.create(connection=connection, fhir_id=name)
    for name, sight in early.items():
        map_to(connection, name, sight)
    work(connection, egress)
    asked = connections.request(desk=DESK, connection=connection, since=None, now=timezone.now())
    # Begun already: what a kill before that does is a test of its own.
    portal.bulk.rules.waits = 1
    session.work(connection_id=connection.pk, egress=egress, clock=timezone.now)
    let_time_pass(connection)
    chance = Random(7)
    kills = within = 0
    while kills < KILLS:
        before = done()
        process = worker(connection.pk, portal.port)
        while done() == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        let_time_pass(connection)
        with DESK.open():
            if Export.objects.get(pk=asked.pk).finished_at is not None:
                break
            within += ExportFile.objects.filter(state="running").exists()
        kills += 1
    work(connection, egress, rounds=400)
    with DESK.open():
        over = Export.objects.get(pk=asked.pk)
    assert over.state == Export.State.COMPLETE, over.reason
    assert over.restarts == 0
    sys.stdout.write(f"\n{kills} kills, {within} of them within a file; ranges: {ranges}\n")
    assert within >= 2
    opened = [each for each in portal.requests() if "bulk-file" in each.path and each.status < 300]
    assert len(opened) <= len(files(over)) + kills, "a file that was over was not opened again"
    sights = map_everybody(connection, person, egress)
    compare(expected, sights)
