"""The embedded broker: started, asked for its password, stopped."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.processes import alive, free_port
from phr.ops.embedded.valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="phr-vk-") as name:
        Path(name).chmod(0o755)
        server = Valkey(Path(name) / "valkey")
        server.start()
        yield server
        server.destroy()


def test_it_answers_to_its_password(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("bell", "1")
        assert client.get("bell") == b"1"


def test_it_refuses_a_stranger(valkey: Valkey) -> None:
    port = urlsplit(valkey.url).port
    with redis.Redis(host="127.0.0.1", port=port or 0) as client, pytest.raises(redis.AuthenticationError):
        client.get("bell")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_its_password_stands_in_no_list_of_processes(valkey: Valkey) -> None:
    password = urlsplit(valkey.url).password
    assert password
    pid = valkey.pid()
    assert pid is not None
    assert password not in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    assert password not in Path(f"/proc/{pid}/environ").read_text(errors="replace")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_loopback_alone(valkey: Valkey) -> None:
    port = urlsplit(valkey.url).port
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{port:04X}"]


def test_it_keeps_its_address_over_a_restart(valkey: Valkey) -> None:
    before, pid = valkey.url, valkey.pid()
    valkey.stop()
    assert pid is not None
    assert not alive(pid)
    assert not valkey.running()
    valkey.start()
    assert valkey.url == before
    assert valkey.running()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(EmbeddedError, match=f"Port {port} is taken"),
    ):
        Valkey(tmp_path / "valkey", port).start()
