"""A portal that answers otherwise than it should: no half-made source, and nothing sent to another host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2  # noqa: TID251 - what a portal says is changed on its way to our own client
import pytest
from django.core import signing

from connectors.sandbox import SandboxClient
from phr.sources.flows.moves import Moved
from phr.sources.flows.outcomes import ConnectRefused
from phr.sources.models import Grant, Source
from tests.sources.conftest import House, OpenHouse

Change = Callable[[dict[str, Any]], Any]


class Between(httpx2.BaseTransport):
    """Hands on every request to the portal, and changes what it answers at one address."""

    def __init__(self, wire: httpx2.BaseTransport) -> None:
        self.wire, self.end = wire, ""
        self.change: Change = lambda answer: answer
        self.hosts: set[str] = set()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.hosts.add(request.url.host)
        answer = self.wire.handle_request(request)
        if not self.end or not request.url.path.endswith(self.end):
            return answer
        changed = self.change(json.loads(answer.read()))
        body = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return httpx2.Response(200, headers={"Content-Type": "application/json"}, content=body)

    def close(self) -> None:
        self.wire.close()


class Liar:
    """A house whose portal can be made to say something else."""

    def __init__(self, there: House) -> None:
        self.there = there
        wire = there.egress._transport  # the real one, with its checks
        self.between = there.egress._transport = Between(wire)

    def says(self, end: str, change: Change) -> None:
        self.between.end, self.between.change = end, change

    def rows(self) -> tuple[int, int]:
        with self.there.sight.open():
            return Source.objects.count(), Grant.objects.count()


@pytest.fixture
def liar(house: OpenHouse) -> Liar:
    return Liar(house())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ({"error": "invalid_grant", "error_description": "Anna Berg"}, "code_refused"),
        ({"error": "invalid_client"}, "client_refused"),
        ({"error": "server_error"}, "server_error"),
        ({}, "bad_response"),
        ({"access_token": ""}, "bad_response"),
        ({"access_token": "x", "token_type": "mac"}, "wrong_token_type"),
        (b"<!doctype html><title>Sign in</title>", "html"),
        (b'{"access_token": "x', "not_json"),
        (b'{"access_token": "' + b"x" * 11_000_000 + b'"}', "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_token_endpoint_that_answers_200_with_something_else(
    liar: Liar, answer: object, detail: str
) -> None:
    params = liar.there.consent(liar.there.begin())
    liar.says("/token", lambda _good: answer)
    with pytest.raises(ConnectRefused) as caught:
        liar.there.finish(params)
    assert (caught.value.code, caught.value.detail) == ("portal_error", detail)
    assert "Anna" not in str(caught.value)
    assert liar.rows() == (0, 0)


def test_an_error_beside_a_good_token_is_an_error(liar: Liar) -> None:
    params = liar.there.consent(liar.there.begin())
    liar.says("/token", lambda good: good | {"error": "invalid_scope"})
    with pytest.raises(ConnectRefused) as caught:
        liar.there.finish(params)
    assert caught.value.detail == "bad_scope"
    assert liar.rows() == (0, 0)


@pytest.mark.parametrize("patient", ["", None, "../1", "a b", {"reference": "Patient/1"}, [], True])
def test_a_patient_that_cannot_be_one_is_nobody(liar: Liar, patient: object) -> None:
    params = liar.there.consent(liar.there.begin())

    def change(good: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in good.items() if name != "id_token"} | {"patient": patient}

    liar.says("/token", change)
    with pytest.raises(ConnectRefused) as caught:
        liar.there.finish(params)
    assert caught.value.code == "no_patient"
    assert liar.rows() == (0, 0)
    assert liar.there.asked("/revoke") > 0


def test_what_was_not_granted_is_kept_with_the_grant(house: OpenHouse) -> None:
    there = house(
        client=SandboxClient(
            scope="launch/patient openid fhirUser offline_access patient/Patient.rs patient/Condition.rs"
        ),
        scopes_granted="registration",
    )
    finished = there.connect()
    withheld = there.grant(finished.source_id).withheld
    assert set(withheld) == {*finished.difference.missing, *finished.difference.reduced}
    assert "Observation" in withheld
    assert "Condition" not in withheld


MOVED = {
    "issuer": "https://elsewhere.example",
    "authorization_endpoint": "https://elsewhere.example/authorize",
    "token_endpoint": "https://elsewhere.example/token",
    "jwks_uri": "https://elsewhere.example/jwks",
}


def with_(other: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda good: good | other


def test_a_portal_that_moved_its_sign_in_is_followed_by_nobody_who_does_not_know(liar: Liar) -> None:
    first = liar.there.connect()
    liar.says("/smart-configuration", lambda good: good | MOVED)
    for reconnects in (first.source_id, None):
        with pytest.raises(Moved) as caught:
            liar.there.begin(reconnects=reconnects)
        assert {each.field for each in caught.value.changes} >= {"authorization_endpoint", "token_endpoint"}
    assert liar.between.hosts == {"127.0.0.1"}
    # The connection that there is goes on as it was agreed on.
    token = liar.there.token(first.source_id)
    assert liar.there.token(first.source_id, rejected=token) != token
    assert liar.between.hosts == {"127.0.0.1"}
    shown = caught.value.accepts
    # What was agreed to is what was shown, and nothing that the portal says since.
    for field in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        since = {**MOVED, field: "https://elsewhere.example/since"}
        liar.says("/smart-configuration", with_(since))
        with pytest.raises(Moved):
            liar.there.begin(reconnects=first.source_id, accepts=shown)
    liar.says("/smart-configuration", lambda good: good | MOVED)
    for accepts in ("1", shown[:-1], signing.dumps("x", salt="another")):
        with pytest.raises(Moved):
            liar.there.begin(reconnects=first.source_id, accepts=accepts)
    assert liar.there.begin(reconnects=first.source_id, accepts=shown).startswith(
        "https://elsewhere.example/authorize?"
    )


def test_a_document_that_changes_during_a_journey_changes_nothing_of_it(liar: Liar) -> None:
    params = liar.there.consent(liar.there.begin())
    liar.says("/smart-configuration", lambda good: good | MOVED)
    assert liar.there.finish(params).created
    assert liar.between.hosts == {"127.0.0.1"}
