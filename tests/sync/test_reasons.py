"""Every reason has a sentence of its own: what happened, and what to do or expect."""

from __future__ import annotations

from typing import get_args

import pytest

from connectors.errors import CODES
from connectors.fhir.caps import Fault
from connectors.fhir.plan.step import Note
from connectors.fhir.plan.step import Reason as PlanReason
from phr.sources.flows.outcomes import REASONS
from phr.sync.queries import quarantine_sentence
from phr.sync.reasons import sentence

OURS = {
    "fewer_than_claimed",
    "paging_loop",
    "too_many_pages",
    "internal_error",
    "disconnected",
    "reconnect_needed",
    "daily_limit:80",
}
# Of connecting; no step, run or source carries them.
_CONNECTING = {
    "access_denied",
    "bad_discovery",
    "bad_id_token",
    "bad_scope",
    "code_refused",
    "discovery_changed",
    "discovery_elsewhere",
    "metadata_refused",
    "no_patient",
    "redirect_uri_refused",
    "statement_refused",
    "wrong_token_type",
}


@pytest.mark.parametrize(
    "code", sorted(({*CODES} - _CONNECTING) | {*REASONS} | {*get_args(PlanReason)} | {*get_args(Note)} | OURS)
)
def test_a_reason_has_a_sentence(code: str) -> None:
    if not code:
        assert sentence(code) == ""
        return
    words = sentence(code)
    assert words != sentence("a code that nobody knows"), "it is not the general one"
    assert words.endswith(".")
    assert "%" not in words
    assert code not in words or "_" not in code


@pytest.mark.parametrize("fault", sorted(get_args(Fault)))
def test_what_is_set_aside_has_a_sentence(fault: str) -> None:
    assert quarantine_sentence(fault) != quarantine_sentence("a fault that nobody knows")
