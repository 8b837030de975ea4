"""Our client of exports against the sandbox's server of them, over real sockets."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import EgressRefused, RetryLater, SkipResource
from connectors.fhir.bulk_client import BulkClient, Gone, Working
from connectors.fhir.bulk_lines import Line
from connectors.fhir.bulk_manifest import File, Manifest
from connectors.fhir.bulk_request import NDJSON, kick_off_url
from connectors.profile import Profile, load_profile
from connectors.sandbox import Fault, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.bulk import FILE, STATUS, BulkRules
from connectors.sandbox.records import dump
from connectors.secret import Secret
from connectors.smart.backend import access_token, find
from connectors.smart.keys import generate_key_pair, jwks
from connectors.smart.tokens import Client
from tests.connectors.egress.server import http_answer, raw_server

PAIR = generate_key_pair(algorithm="ES384")
CLIENT = Client(
    id="our-program", method="private_key_jwt", secret=PAIR.private_key, key_id=PAIR.key_id, algorithm="ES384"
)
GENERIC = Path(__file__).parents[3] / "connectors" / "profiles" / "generic.toml"


def resources() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": name, "name": [{"family": name}]} for name in ("ana", "ben", "cleo")
    ]
    for name in ("ana", "ben", "cleo"):
        found += [
            {
                "resourceType": "Observation",
                "id": f"{name}-{number}",
                "status": "final",
                "category": [{"coding": [{"code": "laboratory" if number % 2 else "vital-signs"}]}],
                "subject": {"reference": f"Patient/{name}"},
                "valueQuantity": {"value": 1.50},
            }
            for number in range(10)
        ]
    found.append({"resourceType": "Practitioner", "id": "doc"})
    found.append(
        {
            "resourceType": "Group",
            "id": "two",
            "member": [{"entity": {"reference": f"Patient/{name}"}} for name in ("ana", "ben")],
        }
    )
    return found


@pytest.fixture
def profile() -> Profile:
    generic = load_profile(GENERIC)
    server = replace(
        generic.server,
        flows=("standalone", "backend"),
        client_auth=("private_key_jwt",),
        bulk_levels=("system", "patient", "group"),
        scope_versions=("v1", "v2"),
        scope_wildcards="accepted",
        scope_types=(),
    )
    return replace(generic, server=server)


@pytest.fixture
def portal(tmp_path: Path, profile: Profile) -> Iterator[RunningPortal]:
    spec = PortalSpec(
        slug="bulk",
        name="A hospital",
        profile=profile,
        resources=[dump(each) for each in resources()],
        clients=[SandboxClient(id=CLIENT.id, method="private_key_jwt", jwks=jwks(pairs=[PAIR]))],
    )
    with serve([spec], state_dir=tmp_path) as running:
        yield running.portals[0]


@pytest.fixture
def egress(portal: RunningPortal) -> Iterator[Egress]:
    with Egress(allow=frozenset({("127.0.0.1", portal.port)})) as made:
        yield made


def token(egress: Egress, portal: RunningPortal, *, scope: str = "system/*.rs") -> Secret:
    endpoint = find(egress=egress, base_url=portal.base_url).token_endpoint
    now = datetime.now(UTC)
    return access_token(egress=egress, token_endpoint=endpoint, client=CLIENT, scope=scope, now=now).token


@pytest.fixture
def client(portal: RunningPortal, egress: Egress, profile: Profile) -> BulkClient:
    bearer = token(egress, portal)
    return BulkClient(egress=egress, base_url=portal.base_url, profile=profile, bearer=lambda: bearer)


def url(portal: RunningPortal, level: Any = "patient", **more: Any) -> str:
    return kick_off_url(base_url=portal.base_url, level=level, **more)


def wait(client: BulkClient, status_url: str) -> Manifest:
    for _ in range(20):
        said = client.poll(status_url)
        if isinstance(said, Manifest):
            return said
        assert isinstance(said, Working)
    raise AssertionError("the export is never ready")


def lines(client: BulkClient, file: File, manifest: Manifest) -> list[bytes]:
    with client.file(file.url, requires_token=manifest.requires_token) as found:
        return [line.raw for line in found.cut()]


def fetched(client: BulkClient, manifest: Manifest) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in manifest.files
        if file.kind == "output"
        for line in lines(client, file, manifest)
    ]


def count(found: list[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(each["resourceType"] for each in found))


@pytest.mark.parametrize(
    ("level", "group", "expected"),
    [
        ("system", "", {"Patient": 3, "Observation": 30, "Practitioner": 1, "Group": 1}),
        ("patient", "", {"Patient": 3, "Observation": 30, "Practitioner": 1}),
        ("group", "two", {"Patient": 2, "Observation": 20, "Practitioner": 1}),
    ],
)
def test_an_export_of_each_level(
    portal: RunningPortal, client: BulkClient, level: str, group: str, expected: dict[str, int]
) -> None:
    portal.bulk.rules.piece = 7
    before = datetime.now(UTC) - timedelta(seconds=1)
    status = client.kick_off(url(portal, level, group_id=group))
    assert isinstance(client.poll(status), Working)
    manifest = wait(client, status)
    assert before < manifest.transaction_time < datetime.now(UTC)
    assert {file.count for file in manifest.files} <= set(range(1, 8))
    found = fetched(client, manifest)
    assert count(found) == expected
    assert client.cancel(status) is True
    assert client.poll(status) == Gone()
    assert client.cancel(status) is True, "forgotten already is as good"


def test_numbers_come_as_they_were_written(portal: RunningPortal, client: BulkClient) -> None:
    manifest = wait(client, client.kick_off(url(portal, types=["Observation"])))
    (file,) = manifest.files
    assert all(b'"value":1.5' in line for line in lines(client, file, manifest))


def test_only_what_changed_and_what_was_deleted(portal: RunningPortal, client: BulkClient) -> None:
    first = client.kick_off(url(portal))
    manifest = wait(client, first)
    client.cancel(first)
    portal.put(
        {
            "resourceType": "Observation",
            "id": "ana-1",
            "status": "amended",
            "subject": {"reference": "Patient/ana"},
        }
    )
    portal.delete("Observation", "ben-1")
    status = client.kick_off(url(portal, since=manifest.transaction_time))
    later = wait(client, status)
    assert [each["id"] for each in fetched(client, later)] == ["ana-1"]
    (deleted,) = [file for file in later.files if file.kind == "deleted"]
    (bundle,) = lines(client, deleted, later)
    assert [entry["request"] for entry in json.loads(bundle)["entry"]] == [
        {"method": "DELETE", "url": "Observation/ben-1"}
    ]


def test_types_and_filters_arrive_as_they_were_meant(portal: RunningPortal, client: BulkClient) -> None:
    asked = url(
        portal,
        types=["Observation", "Patient"],
        type_filters=["Observation?category=laboratory,imaging", "Observation?category=made-up"],
        output_format=NDJSON,
    )
    assert count(fetched(client, wait(client, client.kick_off(asked)))) == {"Patient": 3, "Observation": 15}


def test_what_the_token_does_not_reach_is_not_in_it(
    portal: RunningPortal, egress: Egress, profile: Profile
) -> None:
    bearer = token(egress, portal, scope="system/Patient.rs")
    client = BulkClient(egress=egress, base_url=portal.base_url, profile=profile, bearer=lambda: bearer)
    assert count(fetched(client, wait(client, client.kick_off(url(portal))))) == {"Patient": 3}


@pytest.mark.parametrize(("form", "after"), [("seconds", 90.0), ("date", 90.0), ("none", None)])
def test_the_wait_is_read_in_both_forms(
    portal: RunningPortal, client: BulkClient, form: Any, after: float | None
) -> None:
    portal.bulk.rules = BulkRules(waits=3, retry_after=form, seconds=90)
    status = client.kick_off(url(portal))
    said = client.poll(status)
    assert said == Working(progress="0% of 34 resources", after=after)
    assert client.poll(status) == Working(progress="33% of 34 resources", after=after)


def test_a_second_export_of_one_client_waits_its_turn(portal: RunningPortal, client: BulkClient) -> None:
    portal.bulk.rules.seconds = 40
    status = client.kick_off(url(portal))
    with pytest.raises(RetryLater) as later:
        client.kick_off(url(portal, "system"))
    assert (later.value.code, later.value.after) == ("rate_limited", 40.0)
    client.cancel(status)
    client.kick_off(url(portal, "system"))


def test_a_level_or_a_group_that_there_is_not_is_said_so(portal: RunningPortal, client: BulkClient) -> None:
    with pytest.raises(SkipResource) as refusal:
        client.kick_off(url(portal, "group", group_id="nobody"))
    assert refusal.value.code == "not_found"


def test_an_export_that_failed_is_no_wait(portal: RunningPortal, client: BulkClient) -> None:
    status = client.kick_off(url(portal))
    portal.set_faults(Fault(kind="status", status=503, where=STATUS))
    with pytest.raises(RetryLater):
        client.poll(status)
    assert isinstance(client.poll(status), Working)


@pytest.mark.parametrize("packs", [True, False])
def test_a_file_goes_on_in_its_middle(portal: RunningPortal, client: BulkClient, *, packs: bool) -> None:
    portal.bulk.rules.packs = packs
    manifest = wait(client, client.kick_off(url(portal, types=["Observation"])))
    (file,) = manifest.files
    with client.file(file.url, requires_token=True) as found:
        whole = list(found.cut())
        etag = found.etag
    stop = whole[11]
    with client.file(file.url, requires_token=True, start=stop.end, etag=etag) as found:
        assert found.start == stop.end
        assert list(found.cut(number=stop.number)) == whole[12:]
    # Of another file under the same address the middle is worth nothing: it comes from its beginning.
    with client.file(file.url, requires_token=True, start=stop.end, etag='"other"') as found:
        assert found.start == 0
        assert list(found.cut()) == whole
    # Stopped at its very end, it has nothing more to give; and further on than that it was another file.
    for begin, lines_left in ((whole[-1].end, []), (whole[-1].end + 7, whole)):
        with client.file(file.url, requires_token=True, start=begin, etag=etag) as found:
            assert list(found.cut()) == lines_left
    portal.bulk.rules.ranges = False
    with client.file(file.url, requires_token=True, start=stop.end, etag=etag) as found:
        assert found.start == 0


def test_a_file_that_breaks_off_says_so_after_what_came(portal: RunningPortal, client: BulkClient) -> None:
    portal.bulk.rules.packs = False
    manifest = wait(client, client.kick_off(url(portal, types=["Observation"])))
    portal.set_faults(Fault(kind="truncate", where=FILE))
    got: list[Line] = []
    with (
        pytest.raises(RetryLater) as later,
        client.file(manifest.files[0].url, requires_token=True) as found,
    ):
        got.extend(found.cut())
    assert later.value.code == "truncated"
    assert 0 < len(got) < 30


def test_a_broken_line_stands_alone(portal: RunningPortal, client: BulkClient) -> None:
    manifest = wait(client, client.kick_off(url(portal, types=["Observation"])))
    portal.set_faults(Fault(kind="bad_resource", where=FILE, body=b'{"resourceType":"Observation","id":'))
    found = lines(client, manifest.files[0], manifest)
    assert len(found) == 31
    assert found[1] == b'{"resourceType":"Observation","id":'


def test_errors_stand_in_a_file_of_their_own(portal: RunningPortal, client: BulkClient) -> None:
    problem = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'
    for name in ("error", "outcome"):
        portal.bulk.rules = BulkRules(problems=[problem], problems_named=name, counts=False)
        status = client.kick_off(url(portal, types=["Patient"]))
        manifest = wait(client, status)
        assert [(file.kind, file.count) for file in manifest.files] == [("output", None), ("error", None)]
        assert lines(client, manifest.files[1], manifest) == [problem]
        client.cancel(status)


def test_a_file_without_token_gets_none(portal: RunningPortal, client: BulkClient) -> None:
    portal.bulk.rules.requires_token = False
    manifest = wait(client, client.kick_off(url(portal)))
    assert manifest.requires_token is False
    assert len(fetched(client, manifest)) == 34
    asked = [each for each in portal.requests() if f"/{FILE}/" in each.path]
    assert asked
    assert not any(each.bearer for each in asked)


@pytest.mark.parametrize("wanted", [True, False])
def test_no_token_goes_to_another_host(
    portal: RunningPortal, client: BulkClient, profile: Profile, *, wanted: bool
) -> None:
    with raw_server(http_answer(b'{"resourceType":"Patient","id":"x"}\n')) as store:
        portal.bulk.rules = BulkRules(requires_token=wanted, files_origin=store.url)
        manifest = wait(client, client.kick_off(url(portal, types=["Patient"])))
        (file,) = manifest.files
        allowed = frozenset({("127.0.0.1", portal.port), store.pair})
        with Egress(allow=allowed) as egress:
            other = BulkClient(
                egress=egress, base_url=portal.base_url, profile=profile, bearer=lambda: Secret("the-token")
            )
            if wanted:
                with pytest.raises(EgressRefused) as refusal:
                    lines(other, file, manifest)
                assert refusal.value.code == "foreign_host"
                assert store.connections == 0
            else:
                assert len(lines(other, file, manifest)) == 1
                assert b"the-token" not in store.requests[0]
