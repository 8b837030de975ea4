"""Client facts that no profile states today: each is tried against a server that was made for it.

So a profile that states one tomorrow finds both sides working, and the suite able to see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final, get_type_hints

import httpx2  # noqa: TID251 - asks the portal for its statement
import pytest

from connectors.profile import Profile
from connectors.sandbox.spec import Captured
from tests.conformance.bench import World, profiles
from tests.conformance.fields import PLAIN, cases, section_names
from tests.conformance.suite import CHECKS, PASSES, outcome
from tests.conformance.test_traps import known_tests

# Client facts, and the server that they are for; the check that tells them apart.
MECHANISMS: Final[Mapping[str, tuple[dict[str, dict[str, Any]], dict[str, Any], str]]] = {
    "attachments.daily_limit": (
        {"attachments": {"daily_limit": 3}},
        {"documents_per_day": 3},
        "documents_come",
    ),
    "auth.introspection": (
        {"auth": {"introspection": "bearer"}},
        {"introspection_auth": "bearer"},
        "introspects",
    ),
    "patient.claim": (
        {"patient": {"sources": ("jwt_claim",), "claim": "local_patient"}},
        {"token_claims": {"local_patient": "{patient}"}, "access_token": "jwt", "patient_in_token": False},
        "patient_is_found",
    ),
    "search.count": ({"search": {"count": 250}}, {"max_count": 250}, "no_more_pages_than_needed"),
    "search.revinclude_provenance": (
        {"search": {"revinclude_provenance": True}},
        {"provenance_by_revinclude": True},
        "full_sync_is_complete",
    ),
    "store.volatile": (
        {"store": {"volatile": ("content[].attachment.url",)}},
        {"signed_attachment_urls": True},
        "unchanged_is_unchanged",
    ),
}
# Where a bench with one app at a time and one host has nothing to tell, and what tells it.
ELSEWHERE: Final[Mapping[str, str]] = {
    "attachments.accept": "tests/connectors/fhir/test_client.py::test_a_document_in_a_binary_resource_is_unpacked",
    "attachments.hosts": "tests/connectors/fhir/test_client.py::test_documents_may_lie_on_listed_hosts_only",
    "limits.connections": "tests/conformance/test_sockets.py::test_no_more_is_asked_at_once_than_the_profile_says",
    "scopes.when_listed": (
        "tests/connectors/test_scopes_requested.py::test_it_asks_for_further_types_only_where_they_are_listed_by_name"
    ),
}
# Nothing else can be said.
ONE_VALUE: Final = frozenset({"fhir.version"})


def with_facts(profile: Profile, facts: Mapping[str, Mapping[str, Any]]) -> Profile:
    changed = {name: replace(getattr(profile, name), **values) for name, values in facts.items()}
    return replace(profile, **changed)


def world_for(name: str) -> tuple[World, Profile]:
    """Return a server that a fact is for, and the plain client that does not know it."""
    plain = profiles()[PLAIN]
    told = {"patient_in_token": True, **MECHANISMS[name][1]}
    served = replace(plain, server=replace(plain.server, **told))
    client = replace(served, patient=replace(plain.patient, sources=("token",)))
    if name != "search.revinclude_provenance":
        return World(served), client
    # Of a statement that lists what comes along, no profile has to know it.
    address = httpx2.Request("GET", f"{World(served).portal.base_url}/metadata")
    statement: dict[str, Any] = json.loads(World(served).network.ask(address, browser=True).content)
    for listed in statement["rest"][0]["resource"]:
        listed.pop("searchRevInclude", None)
    return World(served, Captured(capability=statement)), client


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_the_client_that_knows_it_copes_and_another_does_not(name: str) -> None:
    world, plain = world_for(name)
    facts, _, check = MECHANISMS[name]
    knowing = with_facts(plain, facts)
    ends = {each: outcome(CHECKS[each], world, knowing) for each in CHECKS}
    assert [f"{each} {end}" for each, end in ends.items() if end.startswith("fails")] == []
    assert ends[check] == PASSES
    assert outcome(CHECKS[check], world, plain).startswith("fails")


def test_every_client_fact_is_tried() -> None:
    hints = get_type_hints(Profile)
    there = {f"{name}.{field.name}" for name in section_names() for field in fields(hints[name])}
    stated = {".".join(case.key.split(".")[:2]) for case in cases()} & there
    assert stated | set(MECHANISMS) | set(ELSEWHERE) | ONE_VALUE == there


@pytest.mark.parametrize("test", list(ELSEWHERE.values()))
def test_what_is_tried_elsewhere_is(test: str) -> None:
    assert test in known_tests(test)
