"""The ten Synthea patients, each at three portals of three vendors: stored as served, and one timeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.core.environment import DatabaseAddress
from phr.sync.models import Run, Step
from tests.conftest import corpus_folder
from tests.corpus.counts import TWINS, compare, missing, summary, table
from tests.corpus.hospitals import held, literal, living, served

pytestmark = pytest.mark.corpus

_FOLDER = corpus_folder()
PATIENTS = sorted((_FOLDER / "synthea").glob("*.json")) if _FOLDER is not None else []
WRITTEN = ("records_resource", "records_version")


def test_the_corpus_holds_ten_patients(corpus: Path) -> None:
    assert len(PATIENTS) == 10


@pytest.mark.parametrize("path", PATIENTS, ids=lambda path: path.stem.partition("_")[0])
def test_a_life_at_three_portals_is_stored_as_served_and_merged(
    path: Path,
    person: Sight,
    network: Callable[..., Egress],
    tmp_path: Path,
    committed: DatabaseAddress,
) -> None:
    with living(path, person=person, network=network, folder=tmp_path) as life:
        runs = life.sync(person)
        assert {vendor: run.state for vendor, run in runs.items()} == dict.fromkeys(
            life.hospitals, Run.State.COMPLETE
        )

        for hospital in life.hospitals.values():
            sent, stored = served(hospital.portal), held(person, hospital.source_id)
            assert stored.keys() <= sent.keys(), "nothing that the portal does not serve"
            for reference, text in stored.items():
                assert literal(text) == literal(sent[reference]), reference

        absent = missing(person, life, runs)
        # Synthea's care plans carry none of the categories that US Core and the vendors let us ask for, and one vendor
        # refuses most categories of results to an app that is registered as usual.
        assert {kind for _vendor, kind, _said in absent} <= {"CarePlan", "Observation"}, absent
        assert all(said.startswith("held under ") for _vendor, _kind, said in absent), absent

        joined = compare(person, life)
        print(f"\n{life.name}\n{table(person, life)}\n{summary(joined, absent)}")  # noqa: T201 - the figures
        assert joined.wrong == []
        assert {reason for _kind, reason in joined.apart} <= {TWINS}, joined.apart
        assert {name for _kind, name in joined.excluded} <= {"supporting"}, joined.excluded

        before, marks = _written(committed), _marks(person)
        again = life.sync(person)
        assert {run.state for run in again.values()} == {Run.State.COMPLETE}
        assert _written(committed) == before, "a second sync writes no row of a resource or version"
        assert _marks(person) == marks, "every row is the one that the first sync wrote"
        with person.open():
            steps = Step.objects.filter(run__in=again.values())
            assert sum(step.unchanged for step in steps) > 0
            assert sum(step.created + step.updated for step in steps) == 0


def _written(address: DatabaseAddress) -> dict[str, tuple[Any, ...]]:
    """Return the server's own count of rows inserted, updated and deleted, of the tables that hold resources."""
    # A backend keeps its counts for a second, and until it is idle.
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with psycopg.connect(address.url, autocommit=True) as reader:
        rows = reader.execute(
            "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = ANY(%s)",
            [list(WRITTEN)],
        ).fetchall()
    counts = {name: tuple(counted) for name, *counted in rows}
    assert counts["records_resource"][0] > 0, "the count is alive"
    return counts


def _marks(person: Sight) -> dict[int, str]:
    """Return the transaction that wrote each row of a resource."""
    with person.open(), connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM records_resource WHERE person_id = %s", [person.person_id])
        return dict(cursor.fetchall())
