"""Benchmarks of a few rows: what they print and what they leave alone, never how long they took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phr.core.environment import DatabaseAddress
from phr.ops.bench import BENCHMARKS
from phr.ops.bench.people import bundles, resource
from phr.timeline.normalize import normalize
from tests.ops.running import manage


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_each_says_its_figure_beside_a_reference(committed: DatabaseAddress, name: str) -> None:
    told: list[float] = []
    figure = BENCHMARKS[name].run(n=120, progress=lambda _what, share: told.append(share))
    said = json.loads(json.dumps(figure.as_dict()))
    assert (said["name"], said["n"]) == (name, 120)
    assert {"seconds", "rate", "reference", "ratio", "ratio_means", "peak_rss_mb"} <= said.keys()
    assert said["reference"].keys() == {"what", "seconds"}
    assert min(said["seconds"], said["rate"], said["reference"]["seconds"], said["peak_rss_mb"]) > 0
    assert told[-1] == 1.0
    assert all(0 <= share <= 1 for share in told)


def test_a_resync_finds_everything_unchanged(committed: DatabaseAddress) -> None:
    figure = BENCHMARKS["resync"].run(n=50, progress=lambda _what, _share: None)
    assert figure.more == {"unchanged": 50, "rows_touched": 0}


def test_the_command_has_a_database_of_its_own(data_dir: Path) -> None:
    done = manage(data_dir, "bench", "timeline", "--n", "50", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "timeline"
    assert done.stderr == ""
    assert not data_dir.exists()


def test_an_unknown_name_is_wrong_usage(data_dir: Path) -> None:
    done = manage(data_dir, "bench", "ingest", "nothing")
    assert done.returncode == 2
    assert done.stderr == "There is no benchmark nothing: they are ingest, resync, timeline, directory.\n"
    assert manage(data_dir, "bench", "ingest", "--n", "0").returncode == 2


def test_what_is_ingested_is_what_portals_send() -> None:
    pages = [json.loads(body) for body in bundles(n=90, page=40)]
    sent = [entry["resource"] for page in pages for entry in page["entry"]]
    assert [len(page["entry"]) for page in pages] == [40, 40, 10]
    assert len({each["id"] for each in sent}) == 90
    assert {each["resourceType"] for each in sent} == {"Encounter", "Observation"}
    assert sent[41] == json.loads(resource(41))
    assert 1000 < sum(len(resource(number)) for number in range(90)) / 90 < 1600
    assert all(
        not event.generic for each in sent for event in normalize(each, resource_type=each["resourceType"])
    )
