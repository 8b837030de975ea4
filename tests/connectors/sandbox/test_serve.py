import gc
import io
import json
import socket
import sqlite3
from pathlib import Path

import pytest

from connectors.sandbox import NotLoopbackError, Portal, PortalSpec, SandboxClient, json_line, serve
from connectors.sandbox.database import ADDED
from tests.connectors.sandbox.browser import CALLBACK, App, send
from tests.connectors.sandbox.conftest import ANNA, PATIENT, Clock, standard
from tests.connectors.sandbox.test_paging import EVERY, QUERY, matches, next_of


def spec(slug: str = "mercy", resources: list[bytes] | None = None) -> PortalSpec:
    return PortalSpec(
        slug=slug,
        name=slug.title(),
        profile=standard(),
        resources=EVERY if resources is None else resources,
        accounts=[ANNA],
        clients=[SandboxClient(redirect_uris=(CALLBACK,))],
    )


def test_a_restart_keeps_clients_grants_keys_and_port(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        before = running.portals[0]
        app = App(before)
        tokens = app.connect()
        keys = send(app.configuration["jwks_uri"]).json
    with serve([spec()], state_dir=tmp_path) as running:
        after = running.portals[0]
        assert after.as_dict() == before.as_dict()
        assert send(App(after).configuration["jwks_uri"]).json == keys
        assert send(f"{after.base_url}/Patient/anna", bearer=tokens["access_token"]).status == 200
        assert App(after).refresh(tokens).status == 200


def test_a_state_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        before = running.portals[0]
        tokens = App(before).connect()
    with sqlite3.connect(tmp_path / "mercy.sqlite3") as held:
        for table, columns in ADDED.items():
            for column in columns:
                held.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    held.close()
    with serve([spec()], state_dir=tmp_path) as running:
        after = running.portals[0]
        assert after.as_dict() == before.as_dict()
        assert send(f"{after.base_url}/Patient/anna", bearer=tokens["access_token"]).status == 200
        assert App(after).refresh(tokens).status == 200


def test_a_portal_without_a_file_answers_without_a_socket(clock: Clock) -> None:
    portal = Portal(spec(), state=None, clock=clock)
    portal.bind("https://portal.example")
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/fhir/metadata",
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(),
    }
    body = b"".join(portal(environ, lambda line, _headers: status.append(line)))
    assert status == ["200 OK"]
    assert json.loads(body)["implementation"]["url"] == "https://portal.example/fhir"
    assert portal.database.path is None
    assert portal.oauth.key is Portal(spec(), state=Path(":memory:"), clock=clock).oauth.key


def test_a_crawl_goes_on_after_a_restart(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        token = running.portals[0].issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
        url = next_of(send(f"{running.portals[0].base_url}/{QUERY}", bearer=token)) or ""
    with serve([spec()], state_dir=tmp_path):
        assert matches(send(url, bearer=token))[0] == "o5"


def test_what_changed_stays_changed_and_loading_again_changes_nothing(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        portal = running.portals[0]
        portal.put(EVERY[1].replace(b"0.10", b"0.90"))
        portal.delete("Observation", "o1")
        before = portal.served("Observation")
    with serve([spec()], state_dir=tmp_path) as running:
        assert running.portals[0].served("Observation") == before
    changed = [PATIENT.replace(b"Berg", b"Berger"), *EVERY[1:]]
    with serve([spec(resources=changed)], state_dir=tmp_path) as running:
        assert running.portals[0].served("Observation") == before
        [patient] = [json.loads(body) for body in running.portals[0].served("Patient")]
        assert patient["name"] == [{"family": "Berger"}]
        assert patient["meta"]["versionId"] == "2"


def test_portals_stand_apart(tmp_path: Path) -> None:
    with serve([spec("mercy"), spec("lakeside")], state_dir=tmp_path) as running:
        mercy, lakeside = running.portal("mercy"), running.portal("lakeside")
        token = mercy.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
        assert send(f"{mercy.base_url}/Patient/anna", bearer=token).status == 200
        assert send(f"{lakeside.base_url}/Patient/anna", bearer=token).status == 401
        assert mercy.client_id != lakeside.client_id
        with pytest.raises(KeyError):
            running.portal("nowhere")


def test_the_json_line_says_what_is_needed_to_connect(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        [found] = json.loads(json_line(running))["portals"]
        assert found["base_url"] == running.portals[0].base_url
        assert found["client_id"]
        assert found["accounts"] == [
            {"username": "anna", "password": "a word", "patient": "anna", "name": "Anna Berg"}
        ]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::"])
def test_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(NotLoopbackError), serve([spec()], state_dir=tmp_path, host=host):
        pass


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1]]
        with pytest.raises(OSError, match="in use"), serve([spec()], state_dir=tmp_path, ports=ports):
            pass


def test_a_port_remembered_but_taken_is_left(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        port = running.portals[0].port
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with serve([spec()], state_dir=tmp_path) as running:
            assert running.portals[0].port != port
            assert send(f"{running.portals[0].base_url}/metadata").status == 200


def test_it_leaves_no_socket_open(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        url = f"{running.portals[0].base_url}/metadata"
        assert send(url).status == 200
    gc.collect()  # a socket left open would be a ResourceWarning, and a warning is an error
    with pytest.raises(ConnectionRefusedError):
        send(url)


def test_every_request_is_logged(tmp_path: Path) -> None:
    with serve([spec()], state_dir=tmp_path) as running:
        portal = running.portals[0]
        token = portal.issue_grant(patient_id="anna", scope="patient/*.read")["access_token"]
        send(f"{portal.base_url}/Patient/anna?_format=json", bearer=token)
        send(f"{portal.base_url}/Patient/anna")
        first, second = portal.requests()
        assert (first.method, first.path.endswith("/Patient/anna"), first.query) == (
            "GET",
            True,
            "_format=json",
        )
        assert [(each.status, each.bearer) for each in (first, second)] == [(200, True), (401, False)]
