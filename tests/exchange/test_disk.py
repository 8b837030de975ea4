"""Files of an export in every wrapping, read like those of a server; and files that are something else."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.exchange import connections, disk, intake, session
from phr.exchange.models import Export, SystemConnection
from tests.exchange.conftest import (
    DESK,
    charts,
    exported,
    files,
    keys_of,
    map_to,
    observation,
    patient,
    waiting,
    work,
)

People = Callable[..., Sight]
CHART = charts("ana")


def ndjson(resources: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in resources) + b"\n"


def bundle(resources: list[dict[str, Any]], *, kind: str = "collection") -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()


def take(*paths: Path, name: str = "Files", budget: float = 30.0) -> tuple[SystemConnection, Export]:
    """Import files to their end, as the command does."""
    connection = connections.for_files(name=name, profile_id="generic")
    found = disk.find(list(paths))
    asked, _resumed = intake.begin(desk=DESK, connection=connection, found=found, now=timezone.now())
    opener = disk.Disk({each.name: each for each in found})
    with Egress() as egress:
        for _ in range(100):
            outcome = session.work(
                connection_id=connection.pk,
                egress=egress,
                clock=timezone.now,
                budget=budget,
                opener=opener,
            )
            if outcome is session.Outcome.DONE:
                break
    with DESK.open():
        return connection, Export.objects.get(pk=asked.pk)


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return path


def written(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


WRAPPINGS: dict[str, Callable[[Path], Path]] = {
    "ndjson": lambda folder: written(folder / "all.ndjson", ndjson(CHART)),
    "gz": lambda folder: written(folder / "all.ndjson.gz", gzip.compress(ndjson(CHART))),
    "bundle": lambda folder: written(folder / "all.json", bundle(CHART)),
    "packed_bundle": lambda folder: written(folder / "all.json.gz", gzip.compress(bundle(CHART))),
    "zip": lambda folder: archive(
        folder / "ehi.zip",
        {"a/Patient.ndjson": ndjson(CHART[:5]), "b.json": bundle(CHART[5:]), "readme.pdf": b"%PDF"},
    ),
    "zip_of_gz": lambda folder: archive(folder / "ehi.zip", {"x.ndjson.gz": gzip.compress(ndjson(CHART))}),
    "folder": lambda folder: (
        written(
            written(folder / "ehi" / "one" / "Patient.000.ndjson", ndjson(CHART[:5])).parents[1] / "two.json",
            bundle(CHART[5:]),
        ).parent
    ),
    "singles": lambda folder: (
        [
            written(folder / "ehi" / f"{number}.json", json.dumps(each).encode())
            for number, each in enumerate(CHART)
        ][-1].parent
    ),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_gives_the_same(
    committed: DatabaseAddress, tmp_path: Path, person: People, wrapping: str
) -> None:
    connection, done = take(WRAPPINGS[wrapping](tmp_path))
    assert (done.state, done.trigger) == (Export.State.COMPLETE, Export.Trigger.FILES)
    assert sum(row.landed + row.shared for row in files(done)) == len(CHART)
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    with Egress() as egress:
        work(connection, egress)
    assert keys_of(ana) == {
        "Patient/ana",
        *(f"Observation/ana-{number}" for number in range(3)),
        "Practitioner/doc",
        "PractitionerRole/role",
        "Organization/org",
    }


def test_references_by_urn_count_and_by_an_address_that_nobody_named_do_not(
    committed: DatabaseAddress, tmp_path: Path
) -> None:
    texts = [
        patient("ana"),
        observation("a", 1, subject={"reference": "urn:uuid:ana"}),
        observation("a", 2, subject={"reference": "https://ehr.example/fhir/Patient/ana"}),
    ]
    connection, _done = take(written(tmp_path / "x.json", bundle(texts, kind="transaction")))
    assert waiting(connection)["ana", "Observation"] == 1
    assert waiting(connection)["", "Observation"] == 1


def test_the_same_files_again_change_nothing(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = WRAPPINGS["ndjson"](tmp_path)
    connection, first = take(path)
    before = waiting(connection)
    again, second = take(path)
    assert again.pk == connection.pk
    assert second.pk != first.pk
    assert waiting(connection) == before
    assert len(exported(connection)) == 1


def test_other_files_end_what_was_begun(committed: DatabaseAddress, tmp_path: Path) -> None:
    connection = connections.for_files(name="Files", profile_id="generic")
    one, two = (written(tmp_path / f"{name}.ndjson", ndjson(CHART)) for name in ("one", "two"))
    first, resumed = intake.begin(
        desk=DESK, connection=connection, found=disk.find([one]), now=timezone.now()
    )
    assert not resumed
    same, resumed = intake.begin(desk=DESK, connection=connection, found=disk.find([one]), now=timezone.now())
    assert (same.pk, resumed) == (first.pk, True)
    other, resumed = intake.begin(
        desk=DESK, connection=connection, found=disk.find([two]), now=timezone.now()
    )
    assert not resumed
    assert other.pk != first.pk
    with DESK.open():
        first.refresh_from_db()
    assert (first.state, first.reason) == (Export.State.FAILED, "other_files")


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("cut.ndjson.gz", gzip.compress(ndjson(CHART))[:-9], "truncated"),
        ("none.ndjson.gz", b"no gzip", "bad_response"),
        ("deep.json", b'{"resourceType":"Bundle","entry":' + b"[" * 100_000, ""),
        ("large.json", b'{"resourceType":"Patient","id":"' + b"x" * 6_000_000, ""),
        ("web.json", b"<html>", ""),
    ],
)
def test_a_file_that_is_none_leaves_the_others(
    committed: DatabaseAddress, tmp_path: Path, name: str, body: bytes, reason: str
) -> None:
    good = written(tmp_path / "good.ndjson", ndjson(CHART))
    bad = written(tmp_path / name, body)
    connection, done = take(bad, good)
    assert waiting(connection)["ana", "Observation"] == 3
    (row,) = [row for row in files(done) if row.name == name]
    assert row.reason == reason
    assert done.state == (Export.State.PARTIAL if reason else Export.State.COMPLETE)
    assert row.set_aside == (0 if reason else 1)


def test_a_bomb_goes_off_within_bounds(
    committed: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_MAX_BYTES", 20_000_000)
    bomb = written(tmp_path / "bomb.ndjson.gz", gzip.compress(b"x" * 100_000_000))
    connection, done = take(bomb)
    assert (done.state, done.reason) == (Export.State.FAILED, "too_large")
    assert waiting(connection).total() == 0


def test_a_document_has_to_fit_into_memory(
    committed: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "MAX_PAGE_BYTES", 1000)
    _connection, done = take(written(tmp_path / "large.json", bundle(CHART)))
    assert (done.state, done.reason) == (Export.State.FAILED, "too_large")


def test_a_file_that_changed_meanwhile_is_not_read(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = written(tmp_path / "x.ndjson", ndjson(CHART))
    connection = connections.for_files(name="Files", profile_id="generic")
    found = disk.find([path])
    intake.begin(desk=DESK, connection=connection, found=found, now=timezone.now())
    path.unlink()
    opener = disk.Disk({each.name: each for each in found})
    with Egress() as egress:
        session.work(connection_id=connection.pk, egress=egress, clock=timezone.now, opener=opener)
    with DESK.open():
        assert Export.objects.get().state == Export.State.FAILED


def test_a_worker_leaves_files_of_the_command_alone(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = written(tmp_path / "x.ndjson", ndjson(CHART))
    connection = connections.for_files(name="Files", profile_id="generic")
    intake.begin(desk=DESK, connection=connection, found=disk.find([path]), now=timezone.now())
    with Egress() as egress:
        outcome = session.work(connection_id=connection.pk, egress=egress, clock=timezone.now)
    assert outcome is session.Outcome.DONE
    with DESK.open():
        assert Export.objects.get().state == Export.State.FETCHING
    take(path)
    assert waiting(connection)["ana", "Observation"] == 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere", "no file"),
        (lambda folder: written(folder / "a.pdf", b"%PDF"), "could hold records"),
        (lambda folder: written(folder / "sub" / "log.ndjson", b"{}").parent, "could hold records"),
        (lambda folder: written(folder / "broken.zip", b"PK no"), "no archive"),
        (lambda folder: archive(folder / "e.zip", {"a.txt": b""}), "could hold records"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_begins(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(disk.NothingToRead, match=said):
        disk.find([make(tmp_path)])


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_MAX_MEMBERS", 2)
    with pytest.raises(disk.NothingToRead, match="more files"):
        disk.find([archive(tmp_path / "e.zip", {f"{n}.ndjson": b"" for n in range(3)})])
