"""`manage.py connect_token` as an operator types it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from connectors.scopes import requested
from phr.core.environment import DatabaseAddress
from phr.sync.models import Due, Run
from tests.conftest import ROOT
from tests.sources.conftest import ANNA, PROFILES, House, OpenHouse


def command(there: House, database: DatabaseAddress, *arguments: str) -> subprocess.CompletedProcess[str]:
    port = urlsplit(there.running.base_url).port
    # Set to nothing: what a developer has in their own environment is not this test's.
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment = kept | {"DATABASE_URL": database.url, "PHR_EGRESS_ALLOW": f"127.0.0.1:{port}"}
    environment["PHR_DATA_DIR"] = str(Path(os.environ["PHR_TEST_FOLDER"]) / "connect_token")
    return subprocess.run(
        [sys.executable, "manage.py", "connect_token", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_tokens_from_files_become_a_source_that_is_due(
    house: OpenHouse, committed: DatabaseAddress, tmp_path: Path
) -> None:
    there = house()
    scope = requested(profile=PROFILES[there.running.profile_id])
    issued = there.running.issue_grant(patient_id=ANNA.patient_id, scope=scope)
    access_file, refresh_file = tmp_path / "access", tmp_path / "refresh"
    access_file.write_text(issued["access_token"])
    refresh_file.write_text(issued["refresh_token"] + "\n")
    arguments = [
        *("--person", str(there.sight.person_id), "--vendor", there.running.profile_id),
        *("--portal-url", f"{there.running.base_url}/", "--patient", f"Patient/{ANNA.patient_id}"),
        *("--access-token-file", str(access_file), "--refresh-token-file", str(refresh_file)),
    ]
    done = command(there, committed, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    source = UUID(done.stdout.strip())
    assert there.source(source).patient_fhir_id == ANNA.patient_id
    token = there.token(source)
    assert token.reveal() == issued["access_token"]
    assert there.works(there.token(source, rejected=token))
    assert Due.objects.filter(source_id=source, due_at__isnull=False).exists()
    with there.sight.open():
        assert Run.objects.get().source_id == source

    again = command(there, committed, *arguments)
    assert again.returncode == 0
    assert again.stdout.strip() == str(source)
    assert "already" in again.stderr

    failed = command(there, committed, *arguments[:4], "--portal-url", "http://127.0.0.1:9/", *arguments[6:])
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert issued["access_token"] not in done.stdout + failed.stderr + again.stderr
