"""All checks by name, and what each comes to for one client at one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from connectors.errors import PortalError
from connectors.profile import Profile
from tests.conformance import checks, checks_sync
from tests.conformance.bench import NotHere, World, world_of
from tests.conformance.fields import Case

Check = Callable[[World, Profile], None]

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            checks.connects,
            checks.discovery_agrees,
            checks.scopes_are_least,
            checks.patient_is_found,
            checks.id_token_is_verified,
            checks_sync.full_sync_is_complete,
            checks_sync.ledger_is_honest,
            checks_sync.clean_sync_draws_no_refusal,
            checks_sync.no_more_pages_than_needed,
            checks_sync.documents_come,
            checks.refreshes_as_said,
            checks.ends_as_said,
            checks.revocation_ends_it,
            checks.launches,
            checks.introspects,
            checks.registers_itself,
            checks.exports,
            checks_sync.incremental_sync_asks_only_for_changes,
            checks_sync.unchanged_is_unchanged,
            checks_sync.one_type_refused_the_others_come,
            checks_sync.unsupported_is_told,
            checks_sync.what_is_gone_is_not_asked_again,
            checks_sync.paging_session_expires_midway,
            checks_sync.access_token_ends_midway,
            checks_sync.busy_portal_is_waited_for,
            checks_sync.rate_limit_is_kept,
        )
    }
)

PASSES: Final = "passes"
AT_LOAD: Final = "fails at load"
NOTHING: Final = "nothing"
# Where to look first for what a section changes; the other checks follow.
_LIKELY: Final[Mapping[str, tuple[str, ...]]] = {
    "fhir": ("connects", "full_sync_is_complete"),
    "auth": ("connects", "refreshes_as_said"),
    "auth.flows": ("launches", "exports"),
    "bulk": ("exports",),
    "auth.introspection": ("introspects",),
    "auth.dynamic_registration": ("registers_itself",),
    "fhir.headers": ("registers_itself",),
    "scopes": ("connects", "scopes_are_least", "full_sync_is_complete"),
    "patient": ("patient_is_found",),
    "refresh": ("refreshes_as_said", "ends_as_said"),
    "search": ("clean_sync_draws_no_refusal", "full_sync_is_complete", "no_more_pages_than_needed"),
    "search.last_updated": ("incremental_sync_asks_only_for_changes",),
    "search.created": ("incremental_sync_asks_only_for_changes",),
    "search.total": ("ledger_is_honest",),
    "paging": ("full_sync_is_complete", "paging_session_expires_midway"),
    "errors": ("ledger_is_honest", "one_type_refused_the_others_come", "unsupported_is_told"),
    "limits": ("rate_limit_is_kept",),
    "store": ("unchanged_is_unchanged",),
    "attachments": ("documents_come",),
}


def outcome(check: Check, world: World, profile: Profile) -> str:
    """Say how a check ends: "passes", "is skipped" with the reason, or "fails" with it."""
    try:
        check(world, profile)
    except NotHere as reason:
        return f"is skipped: {reason}"
    except (AssertionError, PortalError) as reason:
        return f"fails: {reason}"
    return PASSES


def first_failure(case: Case, world: World) -> str:
    """Return the name of the first check that fails without the fact, "fails at load", or "nothing"."""
    if case.impossible:
        return AT_LOAD
    section, _, field = case.key.partition(".")
    keys = (f"{section}.{field.partition('.')[0]}", section.partition("[")[0])
    likely = [name for key in keys for name in _LIKELY.get(key, ())]
    for name in dict.fromkeys([*likely, *CHECKS]):
        if outcome(CHECKS[name], world, case.client).startswith("fails") and _told_by(name, case.profile):
            return name
    return NOTHING


@cache
def told_of(profile_id: str, name: str) -> str:
    """Say how a check ends for a profile as it is, at the server of the same file."""
    world = world_of(profile_id)
    return outcome(CHECKS[name], world, world.profile)


def _told_by(name: str, profile_id: str) -> bool:
    """Say whether a check tells anything: one that fails with the fact as well does not."""
    return told_of(profile_id, name) == PASSES
