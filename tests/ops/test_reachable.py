"""A server that the operator named and that does not answer is one sentence, soon, without its password."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phr.core.environment import DatabaseAddress, WrongSetting
from phr.ops import reachable
from phr.ops.embedded.processes import free_port
from phr.ops.embedded.valkey import Valkey
from tests.ops.running import manage

SECRET = "s3cret-that-must-not-be-printed"
KEYS = {"PHR_SECRET_KEY": f"{SECRET} and some more of it, for the length", "PHR_KEYRING": "A" * 43}


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def urls(port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgresql://boss:{SECRET}@127.0.0.1:{port}/phr",
        "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:{port}/0",
    }


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_the_start_stops_with_the_name_and_the_place(data_dir: Path, name: str) -> None:
    port = free_port()
    began = time.monotonic()
    done = manage(data_dir, "up", **{name: urls(port)[name]}, **KEYS)
    assert time.monotonic() - began < 10
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert f"127.0.0.1:{port} cannot be used: Connection refused." in done.stderr
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stdout + done.stderr
    assert "ready" not in done.stdout


def test_a_command_says_the_same(data_dir: Path) -> None:
    done = manage(data_dir, "facts", DATABASE_URL=urls(1)["DATABASE_URL"], **KEYS)
    assert done.returncode == 1
    assert done.stderr == "DATABASE_URL: Postgres at 127.0.0.1:1 cannot be used: Connection refused.\n"


def test_silence_is_waited_for_a_few_seconds(silent: int) -> None:
    began = time.monotonic()
    with pytest.raises(WrongSetting, match=rf"^DATABASE_URL: Postgres at 127\.0\.0\.1:{silent} .*timeout"):
        reachable.database(DatabaseAddress.parse(urls(silent)["DATABASE_URL"]))
    with pytest.raises(WrongSetting, match=rf"^REDIS_URL: the broker at 127\.0\.0\.1:{silent} .*Timeout"):
        reachable.broker(urls(silent)["REDIS_URL"])
    assert time.monotonic() - began < 10


def test_a_broker_that_answers_will_do_and_a_wrong_password_will_not(data_dir: Path) -> None:
    data_dir.mkdir()
    valkey = Valkey(data_dir / "valkey")
    try:
        valkey.start()
        reachable.broker(valkey.url)
        with pytest.raises(WrongSetting, match="cannot be used") as caught:
            reachable.broker(valkey.url.replace("redis://:", f"redis://:{SECRET}"))
        assert SECRET not in str(caught.value)
    finally:
        valkey.destroy()


def test_a_database_that_answers_will_do_and_a_wrong_password_will_not(
    database_server: DatabaseAddress,
) -> None:
    reachable.database(database_server)
    wrong = DatabaseAddress(
        host=database_server.host,
        port=database_server.port,
        name=database_server.name,
        user=database_server.user,
        password=SECRET,
    )
    with pytest.raises(WrongSetting, match="password authentication failed") as caught:
        reachable.database(wrong)
    assert SECRET not in str(caught.value)
