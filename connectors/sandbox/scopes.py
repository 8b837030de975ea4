"""The scopes of a token, as the *server* understands them.

Not `connectors.scopes`, on purpose: were both sides to share one reading, a mistake in it would never show.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from connectors.profile import Server

Interaction = Literal["r", "s"]

DATA: Final = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(\?.+)?"
)
LETTERS: Final = {"read": "rs", "write": "cud", "*": "cruds"}
# Words that get a refresh token, where the server knows them.
OFFLINE: Final = ("offline_access", "online_access")


def reach(
    scopes: str, resource_type: str, interaction: Interaction, *, user_types: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """Return the searches to which reading (r) or searching (s) the type is limited: () where it is free, None
    where it is not allowed at all.

    `user_types`: those that need a scope under `user/`.
    """
    queries = []
    for scope in scopes.split():
        match = DATA.fullmatch(scope)
        if (
            match
            and match[2] in {"*", resource_type}
            and interaction in LETTERS.get(match[3], match[3])
            and (match[1] == "user" or resource_type not in user_types)
        ):
            queries.append((match[4] or "").removeprefix("?"))
    if not queries:
        return None
    return () if "" in queries else tuple(dict.fromkeys(queries))


def types(scopes: str) -> list[str]:
    """List the types that data scopes name, in their order; "*" for all."""
    matches = (DATA.fullmatch(scope) for scope in scopes.split())
    return list(dict.fromkeys(match[2] for match in matches if match))


def words(server: Server) -> list[str]:
    """List the words that are no access to a type and that this server knows."""
    launch = ["launch"] if "ehr" in server.flows else []
    required = [word for word in server.scopes_required if not DATA.fullmatch(word)]
    return list(dict.fromkeys([*launch, *server.scope_words, *required]))


def granted(asked: str, *, server: Server, registered: str = "", system: bool = False) -> str | None:
    """Return what this server grants of what is asked, in its order; None where it refuses the request.

    With `registered`, the data scopes are those of the registration, whatever was asked. `system`: the
    request comes from a client alone, and data scopes are under `system/`; else none may be.
    """
    if not set(server.scopes_required) <= set(asked.split()) and not system:
        return None
    known = words(server)
    kept = []
    for scope in asked.split():
        match = DATA.fullmatch(scope)
        if match is None:
            if scope not in known or system:
                return None
            kept.append(scope)
            continue
        if (match[1] == "system") is not system:
            return None
        version = "v1" if match[3] in LETTERS else "v2"
        if version not in server.scope_versions:
            if server.scope_version_answer == "invalid_scope":
                return None
            continue
        if not _knows(server, context=match[1], resource_type=match[2]):
            return None
        if not registered:
            kept.append(scope)
    return " ".join(dict.fromkeys(kept + registered.split())) or None


def _knows(server: Server, *, context: str, resource_type: str) -> bool:
    if resource_type == "*":
        return server.scope_wildcards != "refused"
    if server.scope_wildcards == "only":
        return False
    own = context == "user" and resource_type in server.user_scope_types
    return own or not server.scope_types or resource_type in server.scope_types


def refreshes(scopes: str, *, server: Server) -> bool:
    """Say whether a grant with these scopes gets a refresh token."""
    if not server.refresh_given:
        return False
    if server.refresh_unasked:
        return True
    known = [word for word in OFFLINE if word in server.scope_words]
    return not known or any(word in scopes.split() for word in known)


def registration(resource_types: Iterable[str], *, server: Server) -> str:
    """Write the data scopes of a registration that lists these types."""
    return " ".join(f"patient/{name}.{_suffix(server)}" for name in resource_types)


def supported(resource_types: Iterable[str], *, server: Server) -> list[str]:
    """List what the discovery document names: words, and the scopes of types where they are listed."""
    listed = words(server)
    if not server.scopes_listed:
        return listed
    listed += [word for word in server.scopes_required if word not in listed]
    names = [*(server.scope_types or resource_types)]
    if server.scope_wildcards == "only":
        names = ["*"]
    elif server.scope_wildcards == "accepted":
        names.insert(0, "*")
    contexts = {
        "patient": [name for name in names if name not in server.user_scope_types],
        # Staff see what patients see; programs alone see it of everybody.
        "user": names if "provider" in server.flows else server.user_scope_types,
        "system": names if "backend" in server.flows else (),
    }
    for version in server.scope_versions:
        suffix = "read" if version == "v1" else "rs"
        listed += [f"{context}/{name}.{suffix}" for context, own in contexts.items() for name in own]
    return list(dict.fromkeys(listed))


def _suffix(server: Server) -> str:
    return "rs" if "v2" in server.scope_versions else "read"
