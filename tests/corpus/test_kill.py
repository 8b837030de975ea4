"""Workers that are killed in the middle of a real record: the end is that of one that nobody disturbed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.ops.embedded.valkey import Valkey
from phr.sync import requests
from phr.sync.models import Run
from tests.corpus.hospitals import Life, living
from tests.sync.conftest import let_time_pass, timeline

pytestmark = pytest.mark.corpus

ROOT = Path(__file__).resolve().parents[2]
PATIENT = "Darron"
# Slow enough that there is a middle.
LATENCY_MS = 30
PATIENCE_SECONDS = 120.0
_OF_A_SYNC = (
    "records_resource",
    "records_version",
    "records_attachment",
    "records_quarantine",
    "timeline_event",
    "timeline_eventkey",
    "timeline_eventreference",
    "timeline_fact",
    "timeline_factredirect",
    "sync_run",
    "sync_step",
    "sync_crawl",
    "sync_due",
)

End = tuple[dict[tuple[Any, ...], Any], dict[str, Any]]


class Record:
    """A life in three hospitals, what an undisturbed sync makes of it, and then nothing of it any more."""

    def __init__(self, life: Life, person: Sight, address: DatabaseAddress) -> None:
        self.life, self.person, self.address = life, person, address
        self.sources = [hospital.source_id for hospital in life.hospitals.values()]
        life.sync(person)
        self.undisturbed = self.end()
        with psycopg.connect(address.url, autocommit=True) as owner:
            owner.execute(f"TRUNCATE {', '.join(_OF_A_SYNC)} CASCADE")
        for hospital in life.hospitals.values():
            hospital.portal.set_latency(LATENCY_MS)

    def end(self) -> End:
        """Return what there is: resources by digest, and facts by id, title, visit and members."""
        with self.person.open(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT source_id, resource_type, fhir_id, encode(raw_digest, 'hex'), body::text, number"
                " FROM records_resource WHERE person_id = %s",
                [self.person.person_id],
            )
            resources = {row[:3]: row[3:] for row in cursor.fetchall()}
            cursor.execute("SELECT count(*) FROM records_version")
            assert cursor.fetchone() == (0,), "nothing was stored twice"
        return resources, timeline(self.person)

    def ask(self) -> list[Run]:
        with self.person.open():
            return [
                requests.request(
                    sight=self.person,
                    source_id=source_id,
                    trigger=Run.Trigger.PERSON,
                    now=timezone.now(),
                )
                for source_id in self.sources
            ]

    def let_time_pass(self) -> None:
        for source_id in self.sources:
            let_time_pass(source_id)

    def until_stored(self, count: int) -> int:
        """Wait until that many resources are stored and a step is under way; return how many are."""
        found = self._until(
            """SELECT count(*) FROM records_resource
               WHERE EXISTS (SELECT FROM sync_step WHERE state = 'running') HAVING count(*) >= %s""",
            count,
        )
        assert found < len(self.undisturbed[0]), "it is the middle"
        return found

    def until_over(self, runs: list[Run]) -> None:
        self._until(
            "SELECT count(*) FROM sync_run WHERE id = ANY(%s) AND state = 'complete' HAVING count(*) = %s",
            [run.pk for run in runs],
            len(runs),
        )

    def _until(self, query: str, *parameters: object) -> int:
        end = time.monotonic() + PATIENCE_SECONDS
        with psycopg.connect(self.address.url, autocommit=True) as owner:
            while time.monotonic() < end:
                row = owner.execute(query, parameters).fetchone()
                if row is not None:
                    return int(row[0])
                time.sleep(0.02)
        raise AssertionError("it does not come to that")


@pytest.fixture
def record(
    corpus: Path,
    person: Sight,
    network: Callable[..., Egress],
    tmp_path: Path,
    committed: DatabaseAddress,
) -> Iterator[Record]:
    path = next((corpus / "synthea").glob(f"{PATIENT}_*.json"))
    with living(path, person=person, network=network, folder=tmp_path / "portals") as life:
        yield Record(life, person, committed)


@contextmanager
def process(record: Record, *words: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python with these words as the operator would, on the test's database; killed at the end if it still is."""
    pairs = [f"127.0.0.1:{hospital.portal.port}" for hospital in record.life.hospitals.values()]
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "DJANGO_", "COV_", "PHR_"))
        or name in {"PHR_SECRET_KEY", "PHR_KEYRING"}
    }
    environ |= {
        "DATABASE_URL": record.address.url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PHR_DATA_DIR": str(folder),
        "PHR_EGRESS_ALLOW": ",".join(pairs),
        **variables,
    }
    with (folder / "output").open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        kill(started)


def kill(started: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children as the machine's death would."""
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(timeout=10)


def test_a_sync_killed_twice_ends_as_an_undisturbed_one(record: Record, tmp_path: Path) -> None:
    words = ("manage.py", "sync", "--person", str(record.person.person_id), "--wait", "--json")
    whole = len(record.undisturbed[0])
    for part in (0.2, 0.6):
        with process(record, *words, folder=tmp_path) as worker:
            stored = record.until_stored(round(whole * part))
            kill(worker)
            assert worker.returncode == -signal.SIGKILL
        print(f"killed at {stored} of {whole} resources")  # noqa: T201 - the figures
        record.let_time_pass()
    with process(record, *words, folder=tmp_path) as worker:
        assert worker.wait(timeout=PATIENCE_SECONDS) == 0, (tmp_path / "output").read_text()
    assert record.end() == record.undisturbed


def test_celery_workers_killed_twice_and_a_flushed_broker_lose_nothing(
    record: Record, tmp_path: Path
) -> None:
    broker = Valkey(tmp_path / "valkey")
    broker.start()
    words = ("-m", "celery", "--app", "phr", "worker", "--beat", "--concurrency", "2", "--loglevel", "INFO")
    schedule = ("--schedule", str(tmp_path / "beat"), "--without-gossip", "--without-mingle")
    whole = len(record.undisturbed[0])
    try:
        runs = record.ask()
        for part in (0.2, 0.6):
            with process(record, *words, *schedule, folder=tmp_path, REDIS_URL=broker.url) as worker:
                stored = record.until_stored(round(whole * part))
                flush(broker)
                stored = record.until_stored(stored + 1)
                kill(worker)
            print(f"flushed and killed at {stored} of {whole} resources")  # noqa: T201 - the figures
            flush(broker)
            record.let_time_pass()
        with process(record, *words, *schedule, folder=tmp_path, REDIS_URL=broker.url):
            record.until_over(runs)
    finally:
        broker.destroy()
    assert record.end() == record.undisturbed
    assert "Traceback" not in (tmp_path / "output").read_text()


def flush(broker: Valkey) -> None:
    """Let the broker forget everything."""
    address = broker.url.removeprefix("redis://:").removesuffix("/0")
    password, _, host = address.rpartition("@")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=5) as line:
        line.sendall(f"AUTH {password}\r\nFLUSHALL\r\n".encode())
        answer = b""
        while answer.count(b"\n") < 2:
            part = line.recv(256)
            assert part
            answer += part
    assert answer == b"+OK\r\n+OK\r\n"
