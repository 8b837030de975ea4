"""The commands of the directory: what they print, and what is there afterwards."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from phr.ops.shipped import directory_is_there
from phr.sources.models import Brand, BrandWord, EndpointList, Portal
from phr.sources.search import find
from tests.connectors.directory.lists import lantern

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def listed(tmp_path: Path) -> str:
    path = tmp_path / "list.json"
    path.write_text(
        json.dumps(
            lantern(
                ("https://fhir.acme.org:443/r4/", "Elm Clinic", "02139"),
                ("https://ehr.local/fhir", "Inside"),
                ("https://fhir.acme.org/dstu2", "Old"),
                ("https://fhir.acme.org/r4/", ""),
            )
        )
    )
    return str(path)


def test_a_list_is_loaded_and_explained(listed: str) -> None:
    said = run("load_directory", listed)
    assert f"{listed}: 4 rows in " in said
    assert "portals: 1 made, 0 updated, 0 as they were" in said
    assert "skipped 1: a host that only its own network knows (https://ehr.local/fhir)" in said
    assert "put right 1: an address that named the port that goes without saying" in said
    assert [line.answer.brand.name for line in find(text="elm clinik", most=5).lines] == ["Elm Clinic"]
    assert f"{listed}: as it was the last time" in run("load_directory", listed)


def test_a_program_reads_the_same_as_json(listed: str) -> None:
    said = json.loads(run("load_directory", listed, "--json", "--vendor", "generic"))
    assert said["rows"] == 4
    assert said["portals"] == {"made": 1, "updated": 0, "unchanged": 0}
    assert said["skipped"] == {"internal_host": 1, "wrong_version": 1, "blank_name": 1}
    assert said["seconds"] >= 0
    assert json.loads(run("load_directory", listed, "--json", "--vendor", "generic"))["unchanged"] is True


def test_a_list_that_cannot_be_read_does_not_keep_the_others_out(listed: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.touch()
    with pytest.raises(CommandError, match="1 of 2 lists could not be read"):
        run("load_directory", str(empty), listed)
    assert Brand.objects.count() == 1
    with pytest.raises(CommandError, match="no vendor profile nobody"):
        run("load_directory", listed, "--vendor", "nobody")


def test_a_broken_packed_list_does_not_keep_the_others_out(listed: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"url,name\n" + b"a" * 5000)[:10] + b"\xff" * 300)
    with pytest.raises(CommandError, match="1 of 2 lists could not be read") as failed:
        run("load_directory", str(broken), listed)
    assert failed.value.returncode == 1
    assert Brand.objects.count() == 1
    assert EndpointList.objects.count() == 1


def test_what_ships_is_loaded_once_and_stays_beside_other_lists(listed: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run("load_directory", listed)
    assert not directory_is_there(mark)
    assert "shipped with phr: 3" in run("refresh_directory", "--shipped", "--mark", str(mark))
    assert directory_is_there(mark)
    assert Portal.objects.count() > 10_000
    assert BrandWord.objects.filter(word="stanford").exists()
    assert run("refresh_directory") == ""
    assert EndpointList.objects.count() == 2
    assert not Brand.objects.exclude(unlisted_at=None).exists()


def test_facts_are_built_from_lists(listed: str, tmp_path: Path) -> None:
    out = tmp_path / "facts.gz"
    assert run("build_snapshot", listed, "--out", str(out)).startswith("1 names at 1 addresses in ")
    assert out.stat().st_size < 200
