"""Every profile inherits the suite."""

from __future__ import annotations

import pytest

from tests.conformance.bench import NotHere, profiles, world_of
from tests.conformance.suite import CHECKS


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("profile", sorted(profiles()))
def test_it_conforms(profile: str, check: str) -> None:
    try:
        CHECKS[check](world_of(profile), profiles()[profile])
    except NotHere as reason:
        pytest.skip(str(reason))
