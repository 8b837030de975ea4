"""Answers of an export server that are not what was asked for: each is one of our errors, and leads nowhere else."""

import json
from pathlib import Path

import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, EgressRefused, PortalError, RetryLater, SkipResource
from connectors.fhir.bulk_client import BulkClient, Working
from connectors.profile import Profile, load_profile
from connectors.secret import Secret
from tests.connectors.egress.server import http_answer, raw_server

GENERIC = Path(__file__).parents[3] / "connectors" / "profiles" / "generic.toml"


@pytest.fixture
def profile() -> Profile:
    return load_profile(GENERIC)


def test_a_status_elsewhere_is_not_asked(profile: Profile) -> None:
    with raw_server(http_answer(b"canary")) as canary:
        where = f"Content-Location: {canary.url}/status\r\n"
        with (
            raw_server(http_answer(b"", status="202 A", headers=where)) as server,
            Egress(allow=frozenset({server.pair, canary.pair})) as egress,
        ):
            client = BulkClient(
                egress=egress, base_url=f"{server.url}/fhir", profile=profile, bearer=lambda: Secret("t")
            )
            with pytest.raises(EgressRefused):
                client.kick_off(f"{server.url}/fhir/$export")
        assert canary.connections == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http_answer(b"", status="202 A"), "bad_response"),
        (http_answer(b"{}", status="200 OK"), "bad_response"),
        (http_answer(b"", status="401 U"), "unauthorized"),
        (http_answer(b"", status="403 F"), "refused"),
        (http_answer(b"", status="500 E"), "server_error"),
        (http_answer(b"", status="302 F", headers="Location: /x\r\n"), "redirect_refused"),
    ],
)
def test_what_does_not_begin_an_export(profile: Profile, answer: bytes, code: str) -> None:
    with raw_server(answer) as server, Egress(allow=frozenset({server.pair})) as egress:
        client = BulkClient(egress=egress, base_url=server.url, profile=profile, bearer=lambda: Secret("t"))
        with pytest.raises(PortalError) as refusal:
            client.kick_off(f"{server.url}/$export")
    assert refusal.value.code == code


FAILED = json.dumps(
    {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "processing"}]}
).encode()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (http_answer(FAILED, status="500 E"), SkipResource, "server_error"),
        (http_answer(b"down", status="500 E"), RetryLater, "server_error"),
        (http_answer(b"<html>", headers="Content-Type: text/html\r\n"), BadReply, "html"),
        (http_answer(b"{}"), BadReply, "bad_response"),
        (http_answer(b"", status="429 T", headers="Retry-After: 7\r\n"), RetryLater, "rate_limited"),
    ],
)
def test_what_a_status_may_answer_instead(
    profile: Profile, answer: bytes, kind: type[PortalError], code: str
) -> None:
    with raw_server(answer) as server, Egress(allow=frozenset({server.pair})) as egress:
        client = BulkClient(egress=egress, base_url=server.url, profile=profile, bearer=lambda: Secret("t"))
        with pytest.raises(PortalError) as refusal:
            client.poll(f"{server.url}/status/1")
    assert type(refusal.value) is kind
    assert refusal.value.code == code


def test_progress_is_one_short_line(profile: Profile) -> None:
    headers = f"X-Progress: {'half  way' + chr(9) + 'x' * 300}\r\n"
    with (
        raw_server(http_answer(b"", status="202 A", headers=headers)) as server,
        Egress(allow=frozenset({server.pair})) as egress,
    ):
        client = BulkClient(egress=egress, base_url=server.url, profile=profile, bearer=lambda: Secret("t"))
        said = client.poll(f"{server.url}/status/1")
    assert isinstance(said, Working)
    assert len(said.progress) == 100
    assert said.progress.isprintable()


@pytest.mark.parametrize("span", ["bytes 0-9/10", "bytes 6-9/10", "items 5-9/10", "", "bytes */10"])
def test_another_range_than_was_asked_for_is_refused(profile: Profile, span: str) -> None:
    answer = http_answer(b"12345", status="206 P", headers=f"Content-Range: {span}\r\n")
    with raw_server(answer) as server, Egress(allow=frozenset({server.pair})) as egress:
        client = BulkClient(egress=egress, base_url=server.url, profile=profile, bearer=lambda: Secret("t"))
        with pytest.raises(BadReply), client.file(f"{server.url}/1", requires_token=True, start=5):
            pass
