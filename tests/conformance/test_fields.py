"""Every client fact of every profile makes a difference: without it, the suite fails."""

from __future__ import annotations

import pytest

from tests.conformance.bench import world_of
from tests.conformance.fields import FOR_PEOPLE, SERVER, Case, cases, told, walked
from tests.conformance.suite import NOTHING, first_failure
from tests.conformance.table import document, shown
from tests.conformance.test_profiles import WRITE


def test_every_key_of_a_profile_is_walked_or_for_people() -> None:
    assert walked() | FOR_PEOPLE | {SERVER} == told()
    assert not walked() & FOR_PEOPLE


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.profile}-{case.key}") for case in cases()])
def test_it_fails_without(case: Case) -> None:
    check = first_failure(case, world_of(case.profile))
    assert check != NOTHING, (
        f"{case.key} ({case.value}) makes no difference: the default copes with this server as well"
    )
    assert document().facts.get((case.profile, case.key)) == (shown(case.value), check), WRITE


def test_the_document_has_no_fact_too_many() -> None:
    assert set(document().facts) == {(case.profile, case.key) for case in cases()}, WRITE
