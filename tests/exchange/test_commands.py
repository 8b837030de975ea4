"""The operator's commands: connect, export, take files, say whose record it is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.exchange import connections
from phr.exchange.models import ExportedPatient, SystemConnection
from phr.ops import exporting
from phr.sources import portals, registrations
from phr.sources.models import Portal
from tests.exchange.conftest import CLIENT_ID, DESK, charts, connect, exported, record, waiting

Hospital = Callable[..., RunningPortal]
People = Callable[..., Sight]


def run(name: str, *args: object, **options: Any) -> str:
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *map(str, args), stdout=out, stderr=err, **options)
    return out.getvalue().strip()


def failing(name: str, *args: object) -> str:
    with pytest.raises(CommandError) as refusal:
        run(name, *args)
    return str(refusal.value)


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[RunningPortal], None]]:
    """Let the commands of this process reach a portal."""
    opened = []

    def allow(portal: RunningPortal) -> None:
        egress = Egress(allow=frozenset({("127.0.0.1", portal.port)}))
        opened.append(egress)
        monkeypatch.setattr(exporting, "egress", lambda: egress)

    yield allow
    for egress in opened:
        egress.close()


def test_from_a_portal_to_a_record(
    hospital: Hospital, person: People, reachable: Callable[[RunningPortal], None]
) -> None:
    portal = hospital(charts("ana", "ben"))
    reachable(portal)
    portals.add_portal(profile_id="generic", name=portal.name, base_url=portal.base_url)
    made = run(
        "system_connect", "--portal-url", portal.base_url, "--level", "patient", "--client-id", CLIENT_ID
    )
    connection = SystemConnection.objects.get(pk=made)
    said = json.loads(run("export", "--connection", made, "--json"))
    assert (said["state"], said["connection"]) == ("complete", made)
    assert said["types"]["Observation"]["landed"] == 6
    listed = [json.loads(line) for line in run("map_patient", "--list", "--json").splitlines()]
    (row,) = [each for each in listed if each["name"] == "Ana Marin"]
    assert row == {
        "patient": row["patient"],
        "connection": portal.name,
        "state": "waiting",
        "name": "Ana Marin",
        "birth_date": "1980-02-29",
        "number": "mrn-ana",
        "person": None,
    }
    ana, other = person("Ana Marin"), person("Zoe Other")
    doubt = failing("map_patient", "--patient", row["patient"], "--person", other.person_id)
    assert "share no name" in doubt
    assert "--sure" in doubt
    run("map_patient", "--patient", row["patient"], "--person", ana.person_id)
    assert record(ana)["Observation"] == 3, "moved here and now"
    assert "mapped already" in failing("map_patient", "--patient", row["patient"], "--person", ana.person_id)
    words = run("export")
    assert "1 mapped, 1 waiting" in words
    run("map_patient", "--patient", row["patient"], "--undo")
    assert record(ana).total() == 0
    run("map_patient", "--patient", row["patient"], "--ignore")
    assert not any(name == "ana" for name, _kind in waiting(connection))
    run("system_connect", "--forget", made)
    assert not SystemConnection.objects.exists()


def test_an_export_that_fails_ends_with_a_sentence(
    hospital: Hospital, reachable: Callable[[RunningPortal], None]
) -> None:
    portal = hospital(charts("ana"))
    reachable(portal)
    connect(portal, level="group", group_id="nobody")
    assert failing("export") == "1 of 1 exports failed."


def test_an_export_of_changes_and_of_everything(
    hospital: Hospital, reachable: Callable[[RunningPortal], None]
) -> None:
    portal = hospital(charts("ana"))
    reachable(portal)
    connection = connect(portal)
    run("export")
    kick_offs = [each.query for each in portal.requests() if each.path.endswith("$export")]
    run("export")
    run("export", "--full")
    run("export", "--since", "2020-01-01T00:00:00+01:00", "--connection", connection.pk)
    asked = [each.query for each in portal.requests() if each.path.endswith("$export")][len(kick_offs) :]
    assert kick_offs == [""]
    assert [text.partition("=")[0] for text in asked] == ["_since", "", "_since"]
    assert asked[2].endswith("2019-12-31T23:00:00Z")


def test_files_come_in_by_the_same_door(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = tmp_path / "ehi" / "Observation.ndjson"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps(each) for each in charts("ana")))
    said = json.loads(run("import_export", path.parent, "--name", "Lakeside", "--json"))
    assert said["state"] == "complete"
    connection = SystemConnection.objects.get()
    assert (connection.name, connection.kind) == ("Lakeside", "files")
    assert set(exported(connection)) == {"ana"}
    run("import_export", path, "--connection", connection.pk)
    assert SystemConnection.objects.count() == 1
    assert "no file" in failing("import_export", tmp_path / "nowhere")
    assert "vendor profile" in failing("import_export", path, "--name", "x", "--vendor", "made_up")
    assert "1 to 300" in failing("import_export", path, "--name", " ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Which portal"),
        (("--portal-url", "https://nowhere.example/fhir"), "no portal with this address"),
        (("--portal-url", "nonsense"), "looks like https"),
        (("--portal-url", "https://mercy.example/fhir"), "no client id"),
        (("--portal-url", "https://mercy.example/fhir", "--registration", "x"), "no registration"),
        (("--portal-url", "https://mercy.example/fhir", "--client-id", "x", "--level", "group"), "group"),
        (
            (
                "--portal-url",
                "https://mercy.example/fhir",
                "--client-id",
                "x",
                "--level",
                "patient",
                "--group",
                "g",
            ),
            "group",
        ),
        (
            ("--portal-url", "https://mercy.example/fhir", "--client-id", "x", "--every", "0"),
            "from 1 to 8784",
        ),
        (("--forget", "01a206ce-9769-71cd-aa62-650e35ef0a60"), "no such connection"),
    ],
)
def test_what_cannot_be_a_connection_is_said(db: None, args: tuple[str, ...], said: str) -> None:
    portals.add_portal(profile_id="generic", name="Mercy", base_url="https://mercy.example/fhir")
    assert said in failing("system_connect", *args)
    assert not SystemConnection.objects.exists()


def test_a_public_client_and_a_level_that_the_vendor_lacks_are_refused(db: None) -> None:
    portal, _new = portals.add_portal(
        profile_id="generic", name="Mercy", base_url="https://mercy.example/fhir"
    )
    registrations.register(profile_id="generic", client_id="public", portal=portal, method="public")
    with pytest.raises(connections.BadConnection, match="public client"):
        connections.connect(portal=portal, level="patient", now=timezone.now())
    one, _new = portals.add_portal(profile_id="oracle_health", name="One", base_url="https://one.example/r4")
    with pytest.raises(connections.BadConnection, match="patient, group"):
        connections.connect(portal=one, level="system", client_id="x", now=timezone.now())


def test_a_second_call_takes_the_new_settings(db: None) -> None:
    portals.add_portal(profile_id="generic", name="Mercy", base_url="https://mercy.example/fhir")
    first = run("system_connect", "--portal-url", "https://mercy.example/fhir", "--client-id", "a")
    again = run(
        "system_connect", "--portal-url", "https://mercy.example/fhir", "--client-id", "b", "--every", "24",
        "--type", "Patient", "--type", "Observation", "--filter", "Observation?category=laboratory",
    )  # fmt: skip
    assert again == first
    row = SystemConnection.objects.get()
    assert (row.client_id, row.every_hours, row.types) == ("b", 24, ["Patient", "Observation"])
    assert row.next_export_at is not None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--connection", "01a206ce-9769-71cd-aa62-650e35ef0a60"), "no such connection"),
        ((), "no such connection"),
        (("--since", "yesterday"), "a moment with its zone"),
        (("--since", "2026-01-01T00:00:00"), "a moment with its zone"),
    ],
)
def test_an_export_of_nothing_is_said(db: None, args: tuple[str, ...], said: str) -> None:
    assert said in failing("export", *args)


def test_a_mapping_says_one_thing(db: None) -> None:
    connection = connections.for_files(name="x", profile_id="generic")
    with DESK.open():
        row = ExportedPatient.objects.create(connection=connection, fhir_id="ana")
    assert "Give one of" in failing("map_patient", "--patient", row.pk)
    assert "Give one of" in failing("map_patient", "--patient", row.pk, "--undo", "--ignore")
    nobody = "01a206ce-9769-71cd-aa62-650e35ef0a60"
    assert "no such person" in failing("map_patient", "--patient", row.pk, "--person", nobody)
    assert "no such patient" in failing("map_patient", "--patient", nobody, "--ignore")
    assert Portal.objects.count() == 0


class Terminal(io.StringIO):
    """A terminal that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_for_who_watches(
    hospital: Hospital, reachable: Callable[[RunningPortal], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = hospital(charts("ana", results=1200), piece=300)
    reachable(portal)
    connect(portal)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(exporting, "_WATCHED_SECONDS", 0.0)
    run("export")
    drawn = terminal.getvalue()
    assert "1,208 of 1,208" in drawn or "of 1,2" in drawn
    assert "Ana" not in drawn
    assert "Marin" not in drawn
