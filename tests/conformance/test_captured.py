"""The same suite where the portal serves what a server of the vendor was seen to say of itself.

A fact that was misread into both sides of a profile would pass between the two; it does not pass here.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from connectors.sandbox.spec import Captured
from tests.conformance.bench import World, profiles
from tests.conformance.suite import CHECKS, PASSES, outcome
from tests.conftest import corpus_folder

pytestmark = pytest.mark.corpus
# Files of the corpus by profile and kind of document; a word in brackets tells two of one vendor apart.
FILES: Final[dict[str, dict[str, str]]] = json.loads(
    (Path(__file__).parent / "captured.json").read_text(encoding="utf-8")
)


@cache
def world_of(name: str) -> World:
    folder = corpus_folder()
    assert folder is not None

    def read(kind: str) -> dict[str, Any] | None:
        file = FILES[name].get(kind)
        return None if file is None else json.loads((folder / file).read_text(encoding="utf-8"))

    documents = Captured(
        smart_configuration=read("smart_configuration"),
        openid_configuration=read("openid_configuration"),
        capability=read("capability"),
    )
    return World(profiles()[name.partition(" ")[0]], documents)


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("name", list(FILES))
def test_it_conforms_to_what_was_recorded(name: str, check: str) -> None:
    world = world_of(name)
    end = outcome(CHECKS[check], world, world.profile)
    if end.startswith("is skipped"):
        pytest.skip(end.removeprefix("is skipped: "))
    assert end == PASSES
