"""The embedded Postgres: made, started, stopped, and what is said when it cannot be."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from phr.ops.embedded import account
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.postgres import Postgres
from phr.ops.embedded.processes import alive, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that an unprivileged account may pass, as root's own temporary folders are not."""
    with tempfile.TemporaryDirectory(prefix="phr-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def postgres(place: Path) -> Iterator[Postgres]:
    server = Postgres(place / "postgres", durable=False)
    yield server
    server.destroy()


def value(server: Postgres, query: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def test_it_is_made_as_the_records_need_it(postgres: Postgres) -> None:
    postgres.start()
    assert value(postgres, "SELECT current_user") == "phr_owner"
    assert value(postgres, "SHOW server_encoding") == "UTF8"
    assert value(postgres, "SHOW data_checksums") == "on"
    assert value(postgres, "SHOW TimeZone") == "UTC"
    assert (
        value(postgres, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
    )
    assert value(postgres, "SELECT lower('ÄÖÉ')") == "äöé"
    assert value(postgres, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0


def test_what_is_durable_is_durable(place: Path) -> None:
    server = Postgres(place / "postgres")
    try:
        server.start()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert value(server, f"SHOW {setting}") == "on"
    finally:
        server.destroy()


def test_it_opens_no_port_where_a_socket_will_do(postgres: Postgres) -> None:
    postgres.start()
    assert value(postgres, "SHOW listen_addresses") == ""
    assert stat.S_IMODE((postgres.folder / "socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((postgres.folder / "password").stat().st_mode) == 0o600


def test_a_path_too_long_for_a_socket_takes_loopback(place: Path) -> None:
    server = Postgres(place / ("x" * 90) / "postgres", durable=False)
    try:
        server.start()
        assert "@127.0.0.1:" in server.url
        assert value(server, "SHOW listen_addresses") == "127.0.0.1"
    finally:
        server.destroy()


def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    postgres.start()
    password = (postgres.folder / "password").read_text().strip()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url.replace(password, "guess"))


def test_a_second_start_finds_the_data(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()
    assert not postgres.running()
    again = Postgres(postgres.folder, durable=False)
    again.start()
    assert value(again, "SELECT answer FROM kept") == 42
    again.stop()


def test_a_killed_server_recovers_what_was_committed(place: Path) -> None:
    server = Postgres(place / "postgres")
    try:
        server.start()
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not alive(pid), seconds=5)
        server.start()
        assert value(server, "SELECT answer FROM kept") == 42
    finally:
        server.destroy()


def test_it_says_that_it_runs_already(postgres: Postgres) -> None:
    postgres.start()
    with pytest.raises(EmbeddedError, match=rf"running already .*pid {postgres.pid()}"):
        Postgres(postgres.folder, durable=False).start()


def test_another_object_can_stop_it(postgres: Postgres) -> None:
    postgres.start()
    pid = postgres.pid()
    assert pid is not None
    Postgres(postgres.folder, durable=False).stop()
    assert not alive(pid)


def test_a_pid_file_that_names_another_program_is_no_obstacle(postgres: Postgres) -> None:
    postgres.initialise()
    # The number of a crashed server, taken by somebody else since: here by this very test.
    pid_file = postgres.folder / "cluster" / "postmaster.pid"
    text = f"{os.getpid()}\n{postgres.folder / 'cluster'}\n1\n5432\n\n\n0\nready\n"
    pid_file.write_text(text)
    (postgres.folder / "socket").mkdir(exist_ok=True)
    (postgres.folder / "socket" / ".s.PGSQL.5432.lock").write_text(text)
    assert not postgres.running()
    postgres.start()
    assert value(postgres, "SELECT 1") == 1


def test_data_of_another_major_version_are_left_alone(postgres: Postgres) -> None:
    postgres.initialise()
    (postgres.folder / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 16, and this version brings 18"):
        postgres.start()


def test_an_interrupted_initialisation_is_begun_anew(postgres: Postgres) -> None:
    (postgres.folder / "cluster.partial" / "base").mkdir(parents=True)
    postgres.start()
    assert value(postgres, "SELECT 1") == 1
    assert not (postgres.folder / "cluster.partial").exists()


def test_a_taken_port_is_named(place: Path, postgres: Postgres) -> None:
    port = free_port()
    first = Postgres(place / "first", port, durable=False)
    try:
        first.start()
        with pytest.raises(EmbeddedError, match=f"Port {port} is taken"):
            Postgres(place / "second", port, durable=False).start()
    finally:
        first.destroy()
        account.forget(place / "second")


def test_its_log_quotes_no_statement_and_no_row(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text UNIQUE)")
        connection.execute("INSERT INTO people VALUES ('planted-name')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('planted-name')")
    log = postgres.log.read_text()
    assert "duplicate key" in log
    assert "planted-name" not in log


def test_it_dies_with_the_process_that_started_it(place: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from phr.ops.embedded.postgres import Postgres\n"
        "server = Postgres(Path(sys.argv[1]), durable=False); server.start()\n"
        "print(server.pid(), flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(place / "postgres")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    with starter.stdout:
        pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    if sys.platform == "linux":
        assert wait_until(lambda: not alive(pid), seconds=10)
    Postgres(place / "postgres").destroy()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
class TestAsRoot:
    def test_it_runs_as_somebody_unprivileged(self, postgres: Postgres) -> None:
        postgres.start()
        pid = postgres.pid()
        assert pid is not None
        assert Path(f"/proc/{pid}").stat().st_uid != 0
        assert (postgres.folder / "cluster").stat().st_uid != 0

    def test_it_keeps_the_modes_of_parent_folders(self, place: Path) -> None:
        place.chmod(0o751)
        server = Postgres(place / "deep" / "postgres", durable=False)
        try:
            server.start()
            assert stat.S_IMODE(place.stat().st_mode) == 0o751
        finally:
            server.destroy()

    def test_out_of_reach_it_goes_elsewhere_and_remembers(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home, elsewhere = place / "root", place / "elsewhere"
        home.mkdir(mode=0o700)
        monkeypatch.setattr(account, "ELSEWHERE", elsewhere)
        server = Postgres(home / "var" / "postgres", durable=False)
        server.start()
        try:
            assert server.folder.parent == elsewhere
            assert (home / "var" / "postgres" / "LOCATION").read_text().strip() == str(server.folder)
            assert stat.S_IMODE(home.stat().st_mode) == 0o700
            assert Postgres(home / "var" / "postgres").running()
        finally:
            server.destroy()
        assert list(elsewhere.iterdir()) == []

    def test_data_that_came_out_of_reach_are_not_left_behind(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(account, "ELSEWHERE", place / "elsewhere")
        home = place / "home"
        home.mkdir(mode=0o755)
        Postgres(home / "postgres", durable=False).initialise()
        home.chmod(0o700)
        with pytest.raises(EmbeddedError, match="out of reach"):
            Postgres(home / "postgres", durable=False).initialise()

    def test_programs_out_of_reach_are_copied(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(account, "ELSEWHERE", place / "elsewhere")
        hidden = place / "hidden"
        tree = hidden / "package"
        (tree / "bin").mkdir(parents=True)
        program = tree / "bin" / "say"
        program.write_text("#!/bin/sh\necho here\n")
        program.chmod(0o755)
        hidden.chmod(0o700)
        who = account.choose(place)
        copy = account.reachable(program, (tree,), who)
        assert copy != program
        said = subprocess.run(
            [copy], capture_output=True, text=True, check=True, cwd="/", **who.popen_options()
        )
        assert said.stdout == "here\n"
        assert account.reachable(program, (tree,), who) == copy
