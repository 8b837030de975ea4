"""Commands with the stack down, with wrong settings, and with keys that are gone: a sentence, and nothing broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phr.ops.embedded.postgres import Postgres
from phr.ops.embedded.processes import wait_until
from phr.ops.keyfiles import ensure
from phr.ops.layout import Layout
from phr.ops.locks import Lock
from tests.ops.running import ROOT, environ, manage


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PHR_BASE_URL": "example.org"}, "PHR_BASE_URL must be"),
        ({"PHR_BASE_URL": "http://health.example.org"}, "PHR_INSECURE_HTTP=1"),
        ({"PHR_TRUSTED_PROXY_COUNT": "many"}, "PHR_TRUSTED_PROXY_COUNT must be"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must be"),
        ({"PHR_KEYRING_FILE": "/no/such/file"}, "cannot be read"),
        ({"PHR_SECRETKEY": "x"}, "did you mean PHR_SECRET_KEY"),
        ({"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"}, "PHR_SECRET_KEY is not set"),
    ],
    ids=["base_url", "no_tls", "proxies", "database", "key_file", "misspelt", "no_key"],
)
@pytest.mark.parametrize("command", ["up", "status", "migrate"])
def test_a_wrong_setting_is_one_sentence(
    data_dir: Path, variables: dict[str, str], says: str, command: str
) -> None:
    done = manage(data_dir, command, **variables)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (data_dir / "postgres").exists()


def test_wrong_usage_is_2(data_dir: Path) -> None:
    assert manage(data_dir, "no_such_command").returncode == 2
    assert manage(data_dir, "up", "--port", "x").returncode == 2
    assert manage(data_dir, "sandbox", "--port", "x").returncode == 2


def test_with_the_stack_down_a_command_has_a_database_for_its_own_duration(data_dir: Path) -> None:
    made = manage(data_dir, "create_person", "--user", "owner@example.org", "--name", "Ada")
    assert made.returncode == 0, made.stderr
    postgres = Postgres(data_dir / "postgres")
    assert wait_until(lambda: not postgres.running(), seconds=10)
    again = manage(data_dir, "create_person", "--user", "owner@example.org", "--name", "Ada")
    assert again.returncode == 0
    assert "no user" not in again.stderr


def test_a_killed_command_leaves_no_server(data_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-startup"],
        cwd=ROOT,
        env=environ(data_dir),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    Layout(data_dir).make()
    postgres = Postgres(data_dir / "postgres")
    try:
        assert wait_until(postgres.running, seconds=60)
    finally:
        process.kill()
        process.communicate()
    assert wait_until(lambda: not postgres.running(), seconds=15)


def test_the_last_of_two_commands_stops_the_server(data_dir: Path) -> None:
    layout = Layout(data_dir)
    layout.make()
    # Held as another command would: the server must stay for it.
    other = Lock(layout.users_lock)
    other.take(shared=True)
    assert manage(data_dir, "migrate", "--verbosity", "0").returncode == 0
    postgres = Postgres(layout.postgres)
    assert postgres.running()
    other.release()
    assert wait_until(lambda: not postgres.running(), seconds=15)


def test_a_missing_key_stops_the_start_and_changes_nothing(data_dir: Path) -> None:
    assert manage(data_dir, "migrate", "--verbosity", "0").returncode == 0
    keyring = data_dir / "secrets" / "keyring"
    kept = keyring.read_text()
    keyring.unlink()
    for command in ("up", "migrate"):
        done = manage(data_dir, command)
        assert done.returncode == 1
        assert "keyring is missing" in done.stderr
        assert done.stderr.count("\n") == 1
    assert not keyring.exists()
    keyring.write_text(kept)
    assert manage(data_dir, "migrate", "--verbosity", "0").returncode == 0


def test_keys_are_made_once(data_dir: Path) -> None:
    layout = Layout(data_dir)
    layout.make()
    first = ensure(layout=layout, environ={}, may_make=True)
    texts = {name: Path(path).read_text() for name, path in first.items()}
    assert ensure(layout=layout, environ={}, may_make=True) == first
    assert {name: Path(path).read_text() for name, path in first.items()} == texts
    assert ensure(layout=layout, environ={"PHR_SECRET_KEY": "given"}, may_make=True).keys() == {
        "PHR_KEYRING_FILE"
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_is_not_ours_is_one_sentence() -> None:
    done = manage(Path("/proc/phr"), "migrate")
    assert done.returncode == 1
    assert "PHR_DATA_DIR" in done.stderr
