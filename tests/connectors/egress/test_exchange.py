import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import httpx2  # noqa: TID251  # its mock transport stands in for the wire
import pytest

from connectors.egress import Egress
from connectors.errors import EgressRefused, PortalError
from tests.connectors.egress.server import drip, http_answer, raw_server

SECRET = "token-that-must-not-show"


@pytest.fixture
def egress() -> Iterator[Egress]:
    with Egress() as made:
        yield made


def code_of(egress: Egress, url: str, **options: object) -> str:
    with pytest.raises(PortalError) as error:
        egress.request("GET", url, headers={"Authorization": SECRET}, **options)  # type: ignore[arg-type]
    for chained in (error.value, error.value.__cause__, error.value.__context__):
        assert SECRET not in repr(chained)
        assert "secret-query" not in repr(chained)
    return error.value.code


def test_it_asks_and_answers_over_one_connection() -> None:
    body = b'{"resourceType":"Patient"}'
    with raw_server(
        http_answer(body, headers="Content-Type: Application/FHIR+json; charset=UTF-8\r\n")
    ) as server:
        with Egress(allow=frozenset({server.pair})) as egress:
            for _ in range(3):
                reply = egress.request("GET", f"{server.url}/Patient?name=x", headers={"Accept": "a/b"})
        assert server.connections == 1
    assert (reply.status, reply.content) == (200, body)
    assert reply.headers["CONTENT-TYPE"] == reply.headers["content-type"]
    assert reply.content_type == "application/fhir+json"
    assert "Patient" not in repr(reply)
    assert b"GET /Patient?name=x HTTP/1.1" in server.requests[0]
    assert b"a/b" in server.requests[0]


def test_it_sends_a_form() -> None:
    with raw_server(http_answer(b"{}")) as server, Egress(allow=frozenset({server.pair})) as egress:
        egress.request("POST", f"{server.url}/token", form={"code": "a b&c", "grant_type": "x"})
    sent = server.requests[0]
    assert b"application/x-www-form-urlencoded" in sent.lower()
    assert b"code=a+b%26c&grant_type=x" in sent


def test_no_cookie_comes_back() -> None:
    with raw_server(http_answer(b"{}", headers="Set-Cookie: session=abc\r\n")) as server:
        with Egress(allow=frozenset({server.pair})) as egress:
            egress.request("GET", server.url)
            egress.request("GET", server.url)
        assert b"cookie" not in server.requests[1].lower()


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(http_answer(b"proxy")) as proxy, raw_server(http_answer(b"portal")) as portal:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with Egress(allow=frozenset({portal.pair})) as egress:
            assert egress.request("GET", portal.url).content == b"portal"
        assert proxy.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "0.0.0.0",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "①②⑦.⓪.⓪.①",
        "ⓛocalhost",
        "127。0。0。1",
        "%6c%6f%63alhost",
        "127%2e0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[fd00::1]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "10.0.0.1",
        "10.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "user@127.0.0.1",
    ],
)
def test_no_spelling_of_an_internal_address_is_connected_to(host: str) -> None:
    with raw_server(http_answer(b"canary")) as canary, Egress() as egress:
        url = f"https://{host}:{canary.port}/?secret-query"
        # What no resolver can read is unreachable; everything else is refused before a connection.
        assert code_of(egress, url, deadline=3.0) in {"address_refused", "unreachable", "timeout"}
        assert canary.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "①②⑦.⓪.⓪.①"])
def test_the_readable_spellings_are_refused_by_address(host: str, egress: Egress) -> None:
    assert code_of(egress, f"https://{host}/?secret-query") == "address_refused"


def test_a_name_with_one_internal_address_is_refused() -> None:
    with raw_server(http_answer(b"canary")) as canary:
        with Egress(resolve=lambda _host, _port: ("93.184.216.34", "127.0.0.1")) as egress:
            assert code_of(egress, f"https://portal.example:{canary.port}/") == "address_refused"
        assert canary.connections == 0


def test_a_name_that_rebinds_is_refused_when_it_turns_inward() -> None:
    answers = cycle([("127.0.0.1",), ("169.254.169.254",)])
    with raw_server(http_answer(b"ok", headers="Connection: close\r\n")) as server:
        asked: list[str] = []

        def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return next(answers)

        allow = frozenset({("portal.example", server.port)})
        with Egress(allow=allow, resolve=resolve) as egress:
            url = f"http://portal.example:{server.port}/"
            assert egress.request("GET", url).content == b"ok"
            # One look-up a connection: nobody asks again between the check and the connect.
            assert asked == ["portal.example"]
            assert code_of(egress, url) == "address_refused"
    assert f"host: portal.example:{server.port}".encode() in server.requests[0].lower()


def test_the_next_address_is_tried_when_the_first_is_dead() -> None:
    with raw_server(http_answer(b"ok")) as server:
        allow = frozenset({("portal.example", server.port)})
        with Egress(allow=allow, resolve=lambda _host, _port: ("::1", "127.0.0.1")) as egress:
            assert egress.request("GET", f"http://portal.example:{server.port}/").content == b"ok"


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_a_redirect_is_refused_unless_asked_for(status: str) -> None:
    with raw_server(http_answer(b"canary")) as canary:
        moved = http_answer(status=status, headers=f"Location: {canary.url}/\r\n")
        with raw_server(moved) as server, Egress(allow=frozenset({server.pair, canary.pair})) as egress:
            assert code_of(egress, server.url) == "redirect_refused"
        assert canary.connections == 0


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(status: str) -> None:
    with raw_server(http_answer(b"canary")) as canary:
        moved = http_answer(status=status, headers=f"Location: {canary.url}/\r\n")
        with raw_server(moved) as server, Egress(allow=frozenset({server.pair})) as egress:
            assert code_of(egress, server.url, redirects="check") == "http_refused"
        assert canary.connections == 0


def test_a_checked_redirect_drops_the_token_on_another_origin() -> None:
    with raw_server(http_answer(b"document")) as store:
        moved = http_answer(status="302 F", headers=f"Location: {store.url}/document\r\n")
        with raw_server(moved) as server, Egress(allow=frozenset({server.pair, store.pair})) as egress:
            reply = egress.request(
                "GET", server.url, headers={"Authorization": SECRET, "X-Client": "us"}, redirects="check"
            )
    assert reply.content == b"document"
    assert reply.url == f"{store.url}/document"
    assert SECRET.encode() in server.requests[0]
    assert SECRET.encode() not in store.requests[0]
    assert b"x-client" not in store.requests[0].lower()


def test_a_checked_redirect_keeps_the_token_on_its_own_origin() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        moved = http_answer(status="307 T", headers="Location: /there?x=1\r\n")
        connection.sendall(http_answer(b"ok") if b"GET /there" in request else moved)

    with raw_server(answer) as server, Egress(allow=frozenset({server.pair})) as egress:
        reply = egress.request("GET", f"{server.url}/a", headers={"Authorization": SECRET}, redirects="check")
    assert reply.url == f"{server.url}/there?x=1"
    assert SECRET.encode() in server.requests[1]


def test_a_form_is_never_redirected() -> None:
    with raw_server(http_answer(status="307 T", headers="Location: /there\r\n")) as server:
        with Egress(allow=frozenset({server.pair})) as egress, pytest.raises(EgressRefused) as refusal:
            egress.request("POST", server.url, form={"refresh_token": "x"}, redirects="check")
        assert len(server.requests) == 1
    assert refusal.value.code == "redirect_refused"


def test_a_loop_of_redirects_ends() -> None:
    with raw_server(http_answer(status="302 F", headers="Location: /again\r\n")) as server:
        with Egress(allow=frozenset({server.pair})) as egress:
            assert code_of(egress, server.url, redirects="check") == "redirect_refused"
        assert len(server.requests) == 6


def test_a_drip_meets_the_deadline() -> None:
    with raw_server(drip) as server, Egress(allow=frozenset({server.pair})) as egress:
        started = time.monotonic()
        assert code_of(egress, server.url, deadline=0.4) == "timeout"
        assert time.monotonic() - started < 2.0


def test_silence_meets_the_deadline() -> None:
    silence = raw_server(lambda _connection, _request: time.sleep(3))
    with silence as server, Egress(allow=frozenset({server.pair})) as egress:
        assert code_of(egress, server.url, deadline=0.2) == "timeout"


def test_a_name_server_that_hangs_meets_the_deadline() -> None:
    hanging = threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        hanging.wait(5)
        return ()

    with Egress(resolve=resolve) as egress:
        assert code_of(egress, "https://portal.example/", deadline=0.2) == "timeout"
    hanging.set()


def test_a_name_that_is_not_found_is_tried_again() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "secret-query")

    with Egress(resolve=resolve) as egress:
        assert code_of(egress, "https://portal.example/") == "unreachable"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b"x" * 2000),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 4
        + b"0\r\n\r\n",
        http_answer(gzip.compress(b"x" * 2000), headers="Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ],
    ids=["announced", "chunked", "gzip", "absurd"],
)
def test_a_body_above_the_cap_is_refused(answer: bytes) -> None:
    with raw_server(answer) as server, Egress(allow=frozenset({server.pair})) as egress:
        assert code_of(egress, server.url, max_bytes=1000) == "too_large"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "truncated"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", "truncated"),
        (b"", "connection_lost"),
        (b"nonsense\r\n\r\n", "connection_lost"),
    ],
)
def test_what_breaks_off_is_tried_again(answer: bytes, code: str) -> None:
    def send_and_hang_up(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    with raw_server(send_and_hang_up) as server, Egress(allow=frozenset({server.pair})) as egress:
        assert code_of(egress, server.url) == code


def test_nobody_listening_is_tried_again() -> None:
    with raw_server(b"") as server:
        pair, url = server.pair, server.url
    with Egress(allow=frozenset({pair})) as egress:
        assert code_of(egress, url) == "unreachable"


def test_a_header_cannot_be_smuggled(egress: Egress) -> None:
    with raw_server(http_answer(b"")) as server, Egress(allow=frozenset({server.pair})) as own:
        with pytest.raises(EgressRefused) as refusal:
            own.request("GET", server.url, headers={"accept": "a\r\nx-evil: 1"})
        assert server.requests == []
    assert refusal.value.code == "request_refused"


def test_threads_share_it() -> None:
    body = b"x" * 10_000
    with raw_server(http_answer(body)) as server, Egress(allow=frozenset({server.pair})) as egress:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: egress.request("GET", server.url).content, range(64)))
        assert server.connections <= 8
    assert replies == [body] * 64


def test_another_transport_can_stand_in_for_the_wire() -> None:
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, json={"path": request.url.path}, headers={"x-a": "b"})
    )
    with Egress(transport=transport) as egress:
        reply = egress.request("GET", "https://portal.example/metadata")
        assert (reply.content, reply.headers["X-A"]) == (b'{"path":"/metadata"}', "b")
        assert code_of(egress, "https://127.0.0.1/") == "address_refused"


def test_the_default_context_verifies() -> None:
    from connectors.egress.transport import tls_context  # noqa: PLC0415

    context = tls_context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
