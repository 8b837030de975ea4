"""Every client fact of a profile that is not the usual one, and the profile without it.

Walked over the dataclasses of `connectors/profile/sections.py`: a field that is added there is covered here
without a word. Tables and lists are taken apart: each entry alone is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final, get_type_hints

from connectors.profile import Profile, sections
from connectors.profile.rules import impossibilities
from tests.conformance.bench import profiles

# What is written for people, or names the profile: nothing is done differently because of it.
FOR_PEOPLE: Final = frozenset({"id", "name", "status", "checked_on", "documentation", "addresses", "guide"})
# The other side.
SERVER: Final = "server"
# Fields without a default take the value that a portal of an unknown vendor has.
PLAIN: Final = "generic"
# Lists that are one fact as a whole: what a default in their place means is the question, not each word.
WHOLE: Final = frozenset({"auth.clients", "auth.flows", "patient.sources", "scopes.identity", "bulk.levels"})


@dataclass(frozen=True, slots=True)
class Case:
    """One client fact. `key`: where it stands; `value`: what it says; `client`: the profile without it."""

    profile: str
    key: str
    value: str
    client: Profile

    @property
    def impossible(self) -> str:
        """Why the profile without it is none, in the words of the rules; "" where it is one."""
        return next((f"{key} {reason}" for key, reason in impossibilities(self.client)), "")


def section_names() -> tuple[str, ...]:
    """The client's sections of a profile, told from where their classes are defined."""
    hints = get_type_hints(Profile)
    return tuple(name for name, kind in hints.items() if getattr(kind, "__module__", "") == sections.__name__)


def cases() -> Iterator[Case]:
    """Yield every client fact of every profile, in the order of the files."""
    for profile in profiles().values():
        yield from cases_of(profile)


def cases_of(profile: Profile) -> Iterator[Case]:
    plain = profiles()[PLAIN]
    for name in section_names():
        section = getattr(profile, name)
        for field in fields(section):
            key, value = f"{name}.{field.name}", getattr(section, field.name)
            usual = _usual(field, getattr(getattr(plain, name), field.name))
            for suffix, shown, put_back in _parts(key, value, usual):
                changed = replace(section, **{field.name: put_back})
                yield Case(profile.id, key + suffix, shown, replace(profile, **{name: changed}))
    for position, rule in enumerate(profile.errors):
        rest = (*profile.errors[:position], *profile.errors[position + 1 :])
        said = ", ".join(
            f"{each.name} {getattr(rule, each.name)}" for each in fields(rule) if _is_said(rule, each)
        )
        yield Case(profile.id, f"errors[{position}]", said, replace(profile, errors=rest))


def _is_said(section: object, field: Field[Any]) -> bool:
    return bool(getattr(section, field.name) != _usual(field, MISSING))


def _usual(field: Field[Any], plain: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return plain if field.default is MISSING else field.default


def _parts(key: str, value: Any, usual: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (what follows the key, what is said, the value without it) for each part of a fact."""
    if isinstance(value, Mapping):
        for name, said in value.items():
            if usual.get(name) != said:
                rest = {other: kept for other, kept in value.items() if other != name}
                yield (
                    f".{name}",
                    _shown(said),
                    MappingProxyType({**rest, name: usual[name]} if name in usual else rest),
                )
    elif isinstance(value, tuple) and key not in WHOLE:
        for item in value:
            if item not in usual:
                yield f".{item}", "named", tuple(other for other in value if other != item)
        for item in usual:
            if item not in value:
                yield f".{item}", "left out", (*value, item)
    elif set(value) != set(usual) if key == "auth.clients" else value != usual:
        yield "", _shown(value), usual


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f'"{item}"' if item == "" else str(item) for item in value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def walked() -> set[str]:
    """The keys of a profile that the walk looks at."""
    return {*section_names(), "errors"}


def told() -> set[str]:
    """All keys of a profile."""
    return {field.name for field in fields(Profile)}
