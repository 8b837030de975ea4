"""A large file costs no more memory than a small one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from phr.core.environment import DatabaseAddress
from phr.exchange import connections, disk, intake
from phr.exchange.models import SystemConnection
from tests.exchange.conftest import DESK, observation, patient, waiting

WORKER = """
import sys, time, uuid
from pathlib import Path
import django
django.setup()
from django.utils import timezone
from connectors.egress import Egress
from phr.exchange import disk, session
found = disk.find([Path(sys.argv[2])])
opener = disk.Disk({each.name: each for each in found})
began = time.monotonic()
outcome = session.work(
    connection_id=uuid.UUID(sys.argv[1]), egress=Egress(), clock=timezone.now, budget=3600.0, opener=opener
)
# Not getrusage: its peak is inherited from whoever started this process.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(outcome, int(peak) // 1024, round(time.monotonic() - began, 1))
"""


def write(path: Path, *, megabytes: float) -> int:
    """Write a chart of so many megabytes; return how many resources it has."""
    note = "x" * 1500
    count = 1
    with path.open("wb") as file:
        file.write(json.dumps(patient("ana")).encode() + b"\n")
        while file.tell() < megabytes * 1_000_000:
            file.write(json.dumps(observation("ana", count, note=[{"text": note}])).encode() + b"\n")
            count += 1
    return count


def taken(path: Path, address: DatabaseAddress, *, name: str) -> tuple[SystemConnection, int, float]:
    """Import a file in a process of its own; return its peak memory in megabytes, and seconds."""
    connection = connections.for_files(name=name, profile_id="generic")
    intake.begin(desk=DESK, connection=connection, found=disk.find([path]), now=timezone.now())
    process = subprocess.run(
        [sys.executable, "-c", WORKER, str(UUID(str(connection.pk))), str(path)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": address.url},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, peak, seconds = process.stdout.split()
    assert outcome == "done"
    return connection, int(peak), float(seconds)


def compare(tmp_path: Path, address: DatabaseAddress, *, megabytes: int) -> None:
    small, large = tmp_path / "small.ndjson", tmp_path / "large.ndjson"
    write(small, megabytes=2)
    count = write(large, megabytes=megabytes)
    _connection, least, _seconds = taken(small, address, name="small")
    connection, most, seconds = taken(large, address, name="large")
    sys.stdout.write(
        f"\n{megabytes} MB, {count:,} resources: peak {most} MB ({least} MB for 2 MB), {seconds} s,"
        f" {count / seconds:,.0f} resources a second\n"
    )
    assert waiting(connection)["ana", "Observation"] == count - 1
    assert most < least + 40
    assert most < 256


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc"
)


def test_a_large_file_is_nobodys_memory(committed: DatabaseAddress, tmp_path: Path) -> None:
    compare(tmp_path, committed, megabytes=60)


@pytest.mark.long
def test_a_gigabyte_is_nobodys_memory(committed: DatabaseAddress, tmp_path: Path) -> None:
    compare(tmp_path, committed, megabytes=1000)
