"""What an export must not do later on: take another server's for ours, miss changes, or seem whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from phr.core.environment import DatabaseAddress
from phr.exchange.models import SystemConnection
from tests.exchange.conftest import exported, observation, patient, waiting

ELSEWHERE = "https://elsewhere.example/fhir"


def _import(path: Path, *more: str) -> None:
    call_command("import_export", path, "--name", "Files", *more, stdout=None)


@pytest.mark.parametrize(("base", "of_ana"), [((), 1), (("--base-url", f"{ELSEWHERE}/"), 2)])
def test_in_files_an_absolute_reference_is_ours_only_below_a_base_that_was_named(
    committed: DatabaseAddress, tmp_path: Path, base: tuple[str, ...], of_ana: int
) -> None:
    path = tmp_path / "all.ndjson"
    absolute = observation("ana", 2, subject={"reference": f"{ELSEWHERE}/Patient/ana"})
    path.write_text("\n".join(json.dumps(each) for each in (patient("ana"), observation("ana", 1), absolute)))
    _import(path, *base)
    connection = SystemConnection.objects.get()
    assert waiting(connection)["ana", "Observation"] == of_ana
    assert waiting(connection)["", "Observation"] == 2 - of_ana
    assert set(exported(connection)) == {"ana"}


def test_a_name_keeps_its_base(committed: DatabaseAddress, tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_text(json.dumps(patient("ana")))
    _import(path)
    with pytest.raises(CommandError, match="another name"):
        _import(path, "--base-url", ELSEWHERE)
    with pytest.raises(CommandError, match="begins with"):
        _import(path, "--base-url", "elsewhere.example")
