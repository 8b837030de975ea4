"""An answer read piece by piece: bounded in time, in silence and in size, and never all of it in memory."""

import gzip
import socket
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import EgressRefused, PortalError
from tests.connectors.egress.server import Answer, drip, http_answer, raw_server

SECRET = "token-that-must-not-show"


def pieces(answer: Answer | bytes, **options: Any) -> list[bytes]:
    with (
        raw_server(answer) as server,
        Egress(allow=frozenset({server.pair})) as egress,
        egress.stream(
            f"{server.url}/file?secret-query", headers={"Authorization": SECRET}, **options
        ) as found,
    ):
        assert SECRET not in repr(found)
        return list(found)


def code_of(answer: Answer | bytes, **options: Any) -> str:
    with pytest.raises(PortalError) as error:
        pieces(answer, **options)
    for chained in (error.value, error.value.__cause__, error.value.__context__):
        assert SECRET not in repr(chained)
        assert "secret-query" not in repr(chained)
    return error.value.code


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_it_yields_what_was_sent(*, packed: bool) -> None:
    body = b"".join(b'{"line":%d}\n' % number for number in range(50_000))
    answer = http_answer(body)
    if packed:
        answer = http_answer(gzip.compress(body), headers="Content-Encoding: gzip\r\n")
    found = pieces(answer)
    assert b"".join(found) == body
    assert len(found) > 1
    assert max(map(len, found)) <= 1 << 20


def test_status_and_headers_are_there_before_the_body() -> None:
    headers = 'Content-Type: application/FHIR+ndjson; charset=utf-8\r\nETag: "a"\r\n'
    with (
        raw_server(http_answer(b"x", status="206 P", headers=headers)) as server,
        Egress(allow=frozenset({server.pair})) as egress,
        egress.stream(server.url, headers={"Range": "bytes=5-", "Accept-Encoding": "identity"}) as found,
    ):
        assert (found.status, found.content_type, found.headers["etag"]) == (
            206,
            "application/fhir+ndjson",
            '"a"',
        )
        assert found.read(max_bytes=1) == b"x"
    assert b"range: bytes=5-" in server.requests[0].lower()
    assert b"accept-encoding: identity" in server.requests[0].lower()


def test_a_connection_serves_again_after_a_whole_answer() -> None:
    with raw_server(http_answer(b"whole")) as server, Egress(allow=frozenset({server.pair})) as egress:
        for _ in range(2):
            with egress.stream(server.url) as found:
                assert found.read(max_bytes=100) == b"whole"
        assert server.connections == 1


def endless(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    with suppress(OSError):
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def test_who_leaves_early_closes_the_connection() -> None:
    with raw_server(endless) as server, Egress(allow=frozenset({server.pair})) as egress:
        with egress.stream(server.url) as found:
            next(iter(found))
        with egress.stream(server.url) as found:
            next(iter(found))
        assert server.connections == 2


def test_a_large_answer_is_nobodys_memory() -> None:
    size = 0
    tracemalloc.start()
    try:
        with (
            raw_server(endless) as server,
            Egress(allow=frozenset({server.pair})) as egress,
            egress.stream(server.url) as found,
        ):
            for piece in found:
                size += len(piece)
                if size > 100_000_000:
                    break
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000, peak


def test_a_drip_meets_the_deadline() -> None:
    started = time.monotonic()
    assert code_of(drip, deadline=0.4) == "timeout"
    assert time.monotonic() - started < 2.0


def test_silence_ends_sooner_than_the_deadline() -> None:
    def stalls(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")
        time.sleep(3)

    started = time.monotonic()
    assert code_of(stalls, idle=0.3, deadline=60) == "timeout"
    assert time.monotonic() - started < 2.0


def test_the_readers_own_time_is_no_silence() -> None:
    def two_parts(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
        time.sleep(0.1)
        connection.sendall(b"def")

    read = b""
    with (
        raw_server(two_parts) as server,
        Egress(allow=frozenset({server.pair})) as egress,
        egress.stream(server.url, idle=0.4) as found,
    ):
        for piece in found:
            read += piece
            time.sleep(0.6)
    assert read == b"abcdef"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b"x" * 2000),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 4
        + b"0\r\n\r\n",
        http_answer(gzip.compress(b"x" * 200_000), headers="Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ],
    ids=["announced", "chunked", "gzip", "absurd"],
)
def test_a_body_above_the_cap_is_refused(answer: bytes) -> None:
    assert code_of(answer, max_bytes=1000) == "too_large"


def test_a_whole_read_has_a_cap_of_its_own() -> None:
    with (
        raw_server(http_answer(b"x" * 2000)) as server,
        Egress(allow=frozenset({server.pair})) as egress,
        egress.stream(server.url) as found,
        pytest.raises(PortalError, match="too large"),
    ):
        found.read(max_bytes=1999)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "truncated"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", "truncated"),
        (http_answer(gzip.compress(b"hello" * 50)[:-6], headers="Content-Encoding: gzip\r\n"), "truncated"),
        (http_answer(b"no gzip", headers="Content-Encoding: gzip\r\n"), "bad_response"),
        (http_answer(b"x", headers="Content-Encoding: br\r\n"), "bad_response"),
        (b"", "connection_lost"),
    ],
)
def test_what_breaks_off_says_so(answer: bytes, code: str) -> None:
    def send_and_hang_up(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    assert code_of(send_and_hang_up) == code


def test_a_redirect_is_refused_unless_asked_for_and_drops_the_token() -> None:
    with raw_server(http_answer(b"document")) as store:
        moved = http_answer(status="302 F", headers=f"Location: {store.url}/document\r\n")
        with raw_server(moved) as server, Egress(allow=frozenset({server.pair, store.pair})) as egress:
            with pytest.raises(EgressRefused) as refusal, egress.stream(server.url):
                pass
            assert refusal.value.code == "redirect_refused"
            assert store.connections == 0
            sent = {"Authorization": SECRET, "X-Client": "us", "Range": "bytes=3-"}
            with egress.stream(server.url, headers=sent, redirects="check") as found:
                assert found.read(max_bytes=100) == b"document"
                assert found.url == f"{store.url}/document"
    assert SECRET.encode() in server.requests[1]
    assert SECRET.encode() not in store.requests[0]
    assert b"x-client" not in store.requests[0].lower()
    assert b"range: bytes=3-" in store.requests[0].lower()


def test_an_internal_address_is_refused() -> None:
    with raw_server(http_answer(b"canary")) as canary, Egress() as egress:
        with pytest.raises(EgressRefused), egress.stream(canary.url):
            pass
        assert canary.connections == 0
