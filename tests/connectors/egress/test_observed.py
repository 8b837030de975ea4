from __future__ import annotations

import httpx2  # noqa: TID251  # its mock transport stands in for the wire
import pytest

from connectors.egress import Call, Egress, Observed
from connectors.errors import PortalError
from tests.connectors.egress.server import http_answer, raw_server


def test_it_tells_of_a_question_without_the_values_of_its_query() -> None:
    told: list[Call] = []
    with raw_server(http_answer(b"{}")) as server, Egress(allow=frozenset({server.pair})) as egress:
        reply = Observed(egress, observe=told.append).request(
            "get",
            f"{server.url}/Patient?name=Renee&name=Ash&_count=5",
            headers={"authorization": "Bearer abc"},
        )
    (call,) = told
    assert reply.content == b"{}"
    assert (call.method, call.origin, call.path, call.status, call.size) == (
        "GET",
        server.url,
        "/Patient",
        200,
        2,
    )
    assert call.parameters == ("name", "_count")
    assert call.seconds >= 0
    for secret in ("Renee", "Ash", "abc"):
        assert secret not in repr(call)


def test_it_tells_why_no_answer_came_and_lets_the_error_through() -> None:
    told: list[Call] = []
    egress = Observed(Egress(), observe=told.append)

    with pytest.raises(PortalError):
        egress.request("POST", "http://portal.example.org/token?code=abc", form={"code": "abc"})

    assert [(call.status, call.code, call.path) for call in told] == [(None, "http_refused", "/token")]
    assert "abc" not in repr(told)


def test_it_tells_of_a_stream_too() -> None:
    told: list[Call] = []
    with raw_server(http_answer(b"a\nb\n")) as server, Egress(allow=frozenset({server.pair})) as egress:
        with Observed(egress, observe=told.append).stream(f"{server.url}/file.ndjson") as answer:
            assert b"".join(answer) == b"a\nb\n"
        assert egress.request("GET", server.url).status == 200  # the other egress is still open
    assert [(call.status, call.path) for call in told] == [(200, "/file.ndjson")]


def test_an_address_that_cannot_be_taken_apart_is_told_as_nothing() -> None:
    told: list[Call] = []
    wire = httpx2.MockTransport(lambda _: httpx2.Response(200))

    Observed(Egress(transport=wire), observe=told.append).request("GET", "https://[bad/?x=1")

    assert [(call.origin, call.path, call.status) for call in told] == [("", "", 200)]
