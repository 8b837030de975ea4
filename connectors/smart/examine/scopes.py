"""The scopes that discovery lists, held against a profile."""

from collections.abc import Iterator
from typing import Final

from connectors.profile import Profile
from connectors.scopes import Scope
from connectors.smart.examine.finding import Finding, listed, toml_array
from connectors.smart.server import Server

# What a capability promises for a word that the list leaves out.
_VOUCHED: Final = {
    "launch/patient": "context-standalone-patient",
    "offline_access": "permission-offline",
    "openid": "sso-openid-connect",
    "fhirUser": "sso-openid-connect",
}


def differences(*, server: Server, profile: Profile) -> Iterator[Finding]:
    """Yield what the list says otherwise than the profile; nothing of a kind that it does not name at all."""
    yield from _types(server, profile)
    yield from _words(server, profile)


def _types(server: Server, profile: Profile) -> Iterator[Finding]:
    wanted = profile.scopes
    scopes = [scope for word in server.scopes_supported if (scope := Scope.parse(word))]
    scopes = [scope for scope in scopes if scope.context == "patient"]
    if not scopes:
        return
    versions = {scope.version for scope in scopes}
    if wanted.version not in versions:
        yield Finding(
            field="scopes.version",
            severity="differs",
            expected=wanted.version,
            seen=listed(sorted(versions)),
            sentence="The server lists scopes in the other version alone; we ask in that one.",
            change=f'[scopes]\nversion = "{min(versions)}"',
        )
    types = {scope.resource_type for scope in scopes}
    if wanted.style == "wildcard" and "*" not in types:
        yield Finding(
            field="scopes.style",
            severity="differs",
            expected="wildcard",
            seen="types by name",
            sentence="The server lists no scope for all types at once; we ask for each by its name.",
            change='[scopes]\nstyle = "enumerated"',
        )
    if "*" in types:
        return
    absent = tuple(name for name in wanted.resources if name not in types)
    if absent:
        yield Finding(
            field="scopes.resources",
            severity="note",
            expected=listed(absent),
            seen="not listed",
            sentence="The server lists no scope for these types; we do not ask for them.",
        )
    further = tuple(sorted(types - {*wanted.resources, *wanted.when_listed}))
    if further:
        yield Finding(
            field="scopes.resources",
            severity="note",
            expected="not asked for",
            seen=listed(further),
            sentence="The server lists scopes for these types, which the profile does not ask for.",
            change=f"[scopes]\nresources = {toml_array((*wanted.resources, *further))}",
        )


def _words(server: Server, profile: Profile) -> Iterator[Finding]:
    """Judge the scopes that are words, where the list is complete enough to name any of that kind."""
    wanted = profile.scopes
    words = {word for word in server.scopes_supported if Scope.parse(word) is None}
    if not words:
        return
    asked = {
        "scopes.launch_patient": ("launch/patient",) if wanted.launch_patient else (),
        "scopes.identity": wanted.identity,
        "scopes.offline": (wanted.offline,) if wanted.offline else (),
        "scopes.extra": tuple(word for word in wanted.extra if Scope.parse(word) is None),
    }
    for key, names in asked.items():
        lacking = tuple(
            name for name in names if name not in words and _VOUCHED.get(name, "") not in server.capabilities
        )
        if lacking:
            yield Finding(
                field=key,
                severity="differs",
                expected=listed(lacking),
                seen="not listed",
                sentence="The profile asks for words that the server does not list; it may refuse the request.",
            )
    if not wanted.offline and "offline_access" in words:
        yield Finding(
            field="scopes.offline",
            severity="note",
            expected="not asked for",
            seen="offline_access",
            sentence="The server lists access that lasts, which the profile does not ask for.",
            change='[scopes]\noffline = "offline_access"',
        )
