"""Every profile inherits the suite."""

from __future__ import annotations

import pytest

from tests.conformance.bench import profiles
from tests.conformance.suite import CHECKS, PASSES, told_of
from tests.conformance.table import document

WRITE = "run `python -m tests.conformance` to write docs/conformance.md anew"


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("profile", sorted(profiles()))
def test_it_conforms(profile: str, check: str) -> None:
    end = told_of(profile, check)
    assert end == PASSES or end.startswith("is skipped"), end
    absent = check in document().absent.get(profile, ())
    assert absent == end.startswith("is skipped"), WRITE
    if absent:
        pytest.skip(end.removeprefix("is skipped: "))


def test_the_document_counts_what_it_lists() -> None:
    found = document()
    assert set(found.counts) == set(profiles()), WRITE
    for profile, (passed, facts) in found.counts.items():
        assert passed == len(CHECKS) - len(found.absent[profile]), profile
        assert facts == sum(name == profile for name, _ in found.facts), profile
