from __future__ import annotations

import json

import pytest

from tests.journeys.conftest import Demo, Visit
from tests.ops.running import manage

pytestmark = pytest.mark.browser


def all_facts(stack: Demo) -> list[str]:
    said = manage(stack.data_dir, "facts", "--json")
    assert said.returncode == 0, said.stderr
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in said.stdout.splitlines())


def test_the_second_start_has_what_the_first_one_stored(visit: Visit, stack: Demo) -> None:
    visitor = visit()
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/")
    titles = page.locator("[data-line]").all_inner_texts()
    before = all_facts(stack)
    assert len(before) > 500

    # Ctrl-C leaves no process (`stop` asserts it); the browser stays open meanwhile.
    stack.stop()
    stack.start()

    assert all_facts(stack) == before
    # Even the session goes on where it was.
    page.reload()
    assert page.url == f"{root}timeline/"
    assert page.locator("[data-line]").all_inner_texts() == titles
