"""The scopes of a token, as the *server* understands them.

Not `connectors.scopes`, on purpose: were both sides to share one reading, a mistake in it would never show.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

Interaction = Literal["r", "s"]

DATA: Final = re.compile(r"(patient|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.+)?")
LAUNCH: Final = frozenset(
    {"openid", "profile", "fhirUser", "launch", "launch/patient", "offline_access", "online_access"}
)
LETTERS: Final = {"read": "rs", "write": "cud", "*": "cruds"}


def allows(scopes: str, resource_type: str, interaction: Interaction) -> bool:
    """Say whether one of the scopes covers reading (r) or searching (s) the type."""
    for scope in scopes.split():
        match = DATA.fullmatch(scope)
        if match and match[2] in {"*", resource_type} and interaction in LETTERS.get(match[3], match[3]):
            return True
    return False


def types(scopes: str) -> list[str]:
    """List the types that data scopes name, in their order; "*" for all."""
    matches = (DATA.fullmatch(scope) for scope in scopes.split())
    return list(dict.fromkeys(match[2] for match in matches if match))


def has_wildcard(scopes: str) -> bool:
    """Say whether a scope asks for all types."""
    return "*" in types(scopes)


def granted(asked: str, *, registered: str = "", vendor_words: Sequence[str] = ()) -> str:
    """Return what is granted of what was asked: every scope that is understood, in its order.

    With `registered`, the data scopes are those of the registration, whatever was asked.
    """
    understood = [
        s for s in asked.split() if s in LAUNCH or s in vendor_words or (not registered and DATA.fullmatch(s))
    ]
    return " ".join(dict.fromkeys(understood + registered.split()))


def registration(resource_types: Iterable[str], *, version: str) -> str:
    """Write the data scopes of a registration that lists these types."""
    suffix = "read" if version == "v1" else "rs"
    return " ".join(f"patient/{name}.{suffix}" for name in resource_types)
