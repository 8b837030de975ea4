"""Payloads as portals send them (synthetic), each beside the events that it says."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from phr.timeline.decode import decode
from phr.timeline.events import Event
from phr.timeline.normalize import normalize

FOLDER = Path(__file__).parent / "payloads"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def said(name: str) -> tuple[Event, ...]:
    resource: Any = decode((FOLDER / f"{name}.json").read_bytes())
    return normalize(resource, base_url="https://portal.example/fhir/R4")


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_says_what_stands_beside_it(name: str) -> None:
    assert said(name) == import_module(f"{__package__}.payloads.{name}").expected


def test_every_payload_has_its_expectation() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__") == NAMES


def test_blood_pressure_reads_as_one_value() -> None:
    (event,) = said("blood_pressure")
    assert (event.value_text, event.unit_text) == ("128/79", "mmHg")


def test_a_decimal_keeps_its_zeros() -> None:
    (event,) = said("observation_a1c_high")
    assert (event.value_text, event.unit_text) == ("13.20", "% of total Hgb")
