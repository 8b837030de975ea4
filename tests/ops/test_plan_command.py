"""`manage.py plan`: what a portal would be asked, in words and as data."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "software": {"name": "A server"},
    "rest": [
        {
            "mode": "server",
            "resource": [
                {"type": name, "interaction": [{"code": "search-type"}], "searchParam": parameters}
                for name, parameters in {
                    "Condition": [{"name": "patient"}],
                    "Observation": [{"name": "patient"}, {"name": "category"}],
                    "Goal": [{"name": "identifier"}],
                    "ValueSet": [{"name": "url"}],
                }.items()
            ],
        }
    ],
}


@pytest.fixture
def statement(tmp_path: Path) -> Path:
    path = tmp_path / "capability.json"
    path.write_text(json.dumps(STATEMENT))
    return path


def run(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command("plan", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_says_what_is_asked_and_what_is_left_out_and_why(statement: Path) -> None:
    lines = run(statement).splitlines()
    assert lines[0] == "Another SMART on FHIR portal (generic): A server, FHIR 4.0.1, 4 types listed"
    assert lines[1] == "asked, in 19 requests and their pages"
    assert lines[2] == "  Patient/{id}"
    assert "  Condition?patient={id}&_count=100" in lines
    assert "  Observation?patient={id}&category=laboratory&_count=100" in lines
    assert "fetched where documents point at it: Binary" in lines
    assert lines[lines.index("left out: Goal") + 1] == "      listed, but not for a search by patient"
    assert lines[-1] == "listed, but neither granted nor a patient's: ValueSet"


def test_it_says_so_as_data(statement: Path) -> None:
    found = json.loads(run(statement, json=True, vendor="generic", scope="patient/Condition.rs"))
    told = {line["type"]: line for line in found["types"]}
    assert told["Condition"]["queries"] == ["Condition?patient={id}&_count=100"]
    assert told["Observation"]["state"] == "refused"
    assert found["requests"] == 1
    assert "PATIENT" not in json.dumps(found)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<html>", "no CapabilityStatement"), (b'{"resourceType":"Patient"}', "no CapabilityStatement")],
)
def test_it_refuses_what_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        run(path)


def test_it_refuses_a_file_and_a_vendor_that_are_not_there(statement: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(statement.with_name("none.json"))
    with pytest.raises(CommandError, match="no vendor profile"):
        run(statement, vendor="nobody")
