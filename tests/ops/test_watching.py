"""What becomes of a part that ends: pauses that grow, and an end of all where there is no going on."""

from __future__ import annotations

from pathlib import Path

import pytest

from phr.ops.embedded.errors import EmbeddedError
from phr.ops.watching import Watched


class Ended:
    """A part that has ended whenever one looks."""

    def poll(self) -> int | None:
        return 1


class Lives:
    def poll(self) -> int | None:
        return None


def test_one_that_lives_is_left_alone(tmp_path: Path) -> None:
    watched = Watched("Worker", Lives(), tmp_path / "log", None, started_at=0.0)
    assert watched.look(now=1.0) == ""


def test_one_that_lives_and_does_nothing_is_started_again(tmp_path: Path) -> None:
    starts: list[float] = []
    watched = Watched("Beat", Lives(), tmp_path / "log", lambda: starts.append(1.0), started_at=0.0)
    doing = True
    watched.well = lambda: doing
    assert watched.look(now=100.0) == ""
    doing = False
    assert watched.look(now=101.0) == "Beat does nothing; starting it again in 1 s."
    doing = True
    watched.look(now=102.0)
    assert starts == [1.0]
    assert watched.look(now=103.0) == ""


def test_each_failure_in_a_row_waits_longer_up_to_a_minute(tmp_path: Path) -> None:
    starts: list[float] = []
    now = 0.0
    watched = Watched("Worker", Ended(), tmp_path / "log", lambda: starts.append(now), started_at=0.0)
    pauses = []
    for _ in range(9):
        assert "starting it again" in watched.look(now=now)
        assert watched.due_at is not None
        pauses.append(watched.due_at - now)
        assert watched.look(now=watched.due_at - 0.01) == ""
        now = watched.due_at
        watched.look(now=now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(starts) == 9


def test_after_a_steady_minute_it_starts_from_a_short_pause(tmp_path: Path) -> None:
    watched = Watched("Worker", Ended(), tmp_path / "log", lambda: None, started_at=0.0)
    watched.pause = 32.0
    watched.look(now=100.0)
    assert watched.pause == 1.0


def test_a_start_that_fails_is_tried_again(tmp_path: Path) -> None:
    def fails() -> None:
        raise EmbeddedError("the port is taken")

    watched = Watched("Valkey", Ended(), tmp_path / "log", fails, started_at=0.0)
    watched.look(now=0.0)
    watched.look(now=5.0)
    assert "starting it again" in watched.look(now=5.1)


def test_what_cannot_be_missed_ends_everything_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("FATAL:  no space left on device\n\n")
    watched = Watched("Postgres", Ended(), log, None, started_at=0.0)
    with pytest.raises(EmbeddedError, match="no space left on device"):
        watched.look(now=1.0)
