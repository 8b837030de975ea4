"""The whole stack, started and ended in each way there is."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from phr.core.environment import DatabaseAddress
from phr.ops import stack
from phr.ops.embedded.postgres import OWNER
from phr.ops.embedded.processes import free_port, wait_until
from tests.ops.running import Up, environ, manage, rings

SECRET_KEY = "a key for tests alone, which signs nothing that anybody keeps"


@pytest.fixture
def up(data_dir: Path) -> Iterator[Up]:
    running = Up(data_dir, "--port", str(free_port()))
    try:
        running.wait_for("Ctrl-C stops")
        yield running
    finally:
        running.kill()


def stops_all(up: Up) -> bool:
    return wait_until(lambda: not up.family(), seconds=20, every=0.1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_starts_serves_is_used_and_stops(up: Up, data_dir: Path) -> None:
    for name in ("Postgres", "Valkey", "Database and static files", "Web", "Worker"):
        assert f"{name} ready (" in up.said

    run = json.loads(up.layout.run_file.read_text())
    assert run["pid"] == up.pid
    assert f"Open {run['url']}/" in up.said
    assert stack.web_answers(port=int(run["url"].rpartition(":")[2]), base_url=run["url"])

    assert mode(up.layout.run_file) == 0o600
    assert mode(up.layout.secrets) == mode(up.layout.logs) == 0o700
    for name in ("secret_key", "keyring"):
        assert mode(up.layout.secrets / name) == 0o400
    for key in up.layout.secrets.iterdir():
        for log in up.layout.logs.iterdir():
            assert key.read_text().strip() not in log.read_text(), log.name

    # Another one on the same data is refused, by pid; another on other data takes another port or says so.
    second = manage(data_dir, "up")
    assert second.returncode == 1
    assert f"pid {up.pid} at {run['url']}" in second.stderr
    third = manage(data_dir.parent / "other", "up", "--port", run["url"].rpartition(":")[2])
    assert third.returncode == 1
    assert third.stderr.count("\n") == 1
    assert "is taken by another program" in third.stderr

    # Nobody but commands is told the owner of the database: none of those that face the web and the portals.
    owners = DatabaseAddress.parse(run["environment"]["DATABASE_URL"])
    for part in ("granian", "phr.ops.worker", "phr.ops.beat"):
        main = up.child(part)
        for process in [main, *main.children(recursive=True)]:
            told = process.environ()
            assert DatabaseAddress.parse(told["DATABASE_URL"]).user == "phr_app"
            assert not [name for name, value in told.items() if owners.password in value or OWNER in value]
    as_web = {name: up.child("granian").environ()[name] for name in ("DATABASE_URL", "PHR_SECRET_KEY_FILE")}
    refused = manage(data_dir, "migrate", **as_web)
    assert refused.returncode == 1
    assert refused.stderr.startswith("The user of DATABASE_URL may not alter the role phr_app")

    # A command finds the stack's database, and leaves it running.
    made = manage(data_dir, "create_person", "--user", "owner@example.org", "--name", "Ada")
    assert made.returncode == 0, made.stderr
    postgres = up.child("postgres", "-D")
    assert postgres.is_running()

    up.send(signal.SIGINT)
    assert up.wait() == 0
    assert "Stopped." in up.said
    assert up.family() == []
    assert not up.layout.run_file.exists()

    # The second start has what the first one stored.
    again = Up(data_dir, "--port", str(free_port()))
    try:
        again.wait_for("Ctrl-C stops")
        remade = manage(data_dir, "create_person", "--user", "owner@example.org", "--name", "Ada")
        assert "no user" not in remade.stderr
    finally:
        again.send(signal.SIGTERM)
        assert again.wait() == 0
        again.kill()


@pytest.mark.parametrize("by_file", [True, False])
def test_the_application_is_told_no_owner_however_that_was_given(tmp_path: Path, *, by_file: bool) -> None:
    url = "postgresql://boss:hunter2-hunter2@db.example/phr"
    file = tmp_path / "url"
    file.write_text(url)
    given = {"DATABASE_URL_FILE": str(file)} if by_file else {"DATABASE_URL": url}
    told = stack.as_application({**given, "PGPASSWORD": "hunter2-hunter2", "PHR_SECRET_KEY": SECRET_KEY})
    assert set(told) == {"DATABASE_URL", "PHR_SECRET_KEY"}
    assert "hunter2" not in told["DATABASE_URL"]
    assert told["DATABASE_URL"].endswith("@db.example:5432/phr")


def test_kill_9_leaves_no_child(up: Up, data_dir: Path) -> None:
    assert len(up.family()) >= 6  # the servers, granian's two, celery's, the watchdog
    up.send(signal.SIGKILL)
    up.wait()
    assert stops_all(up), up.family()
    again = Up(data_dir, "--port", str(free_port()))
    try:
        again.wait_for("Ctrl-C stops")
    finally:
        again.kill()
        assert stops_all(again)


def test_a_killed_worker_is_started_again(up: Up) -> None:
    worker = up.child("phr.ops.worker")
    pool = worker.children(recursive=True)
    worker.kill()
    up.wait_for("Worker ended by itself (status -9); starting it again")
    assert wait_until(
        lambda: any("phr.ops.worker" in " ".join(p.cmdline()) for p in up.family() if p != worker),
        seconds=20,
    )
    assert wait_until(lambda: not any(process.is_running() for process in pool), seconds=10)


def test_a_killed_beat_is_started_again_and_rings(up: Up) -> None:
    beat, worker = up.child("phr.ops.beat"), up.child("phr.ops.worker")
    beat.kill()
    up.wait_for("Beat ended by itself (status -9); starting it again")

    variables = environ(up.layout.data_dir, **json.loads(up.layout.run_file.read_text())["environment"])
    before = rings(variables)
    assert wait_until(lambda: rings(variables) > before + 1, seconds=60, every=1.0)
    assert worker.is_running()


def test_without_the_web_everything_stops_with_a_sentence(up: Up) -> None:
    web = up.child("granian")
    web.kill()
    assert up.wait() == 1
    assert "Web ended by itself (status -9)" in up.said
    assert "Traceback" not in up.said
    assert stops_all(up)


def test_the_usual_port_taken_means_the_next_one(data_dir: Path) -> None:
    # Whoever has it: this test, or something else on this machine.
    try:
        holder: socket.socket | None = socket.create_server(("127.0.0.1", 8000))
    except OSError:
        holder = None
    up = Up(data_dir)
    try:
        up.wait_for("Postgres ready")
        assert "Port 8000 is taken by another program; using 80" in up.said
        # Stopped in the middle of its start, it leaves nothing either.
        up.send(signal.SIGINT)
        assert up.wait() == 0
        assert stops_all(up)
    finally:
        up.kill()
        if holder is not None:
            holder.close()
