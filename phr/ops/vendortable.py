"""The profiles as a table (PURE): what is known of each vendor, in the words of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from connectors.fhir.plan import plan
from connectors.profile import Profile
from connectors.scopes import ScopeSet, requested

_SECTIONS: Final = (
    "fhir",
    "auth",
    "scopes",
    "patient",
    "refresh",
    "search",
    "paging",
    "limits",
    "store",
    "attachments",
    "bulk",
)
_COLUMNS: Final = (
    "vendor",
    "status",
    "checked",
    "flows",
    "client kinds",
    "scopes",
    "refresh",
    "plan",
    "quirks",
    "tests",
)
# What a portal is taken for of whose vendor nothing is known: a key without a default is a quirk where it differs.
_PLAIN: Final = "generic"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "private_key_jwt": "key",
        "client_secret_basic": "secret",
        "client_secret_post": "secret in form",
        "public": "public",
    }
)
# A row of docs/conformance.md: a profile, the checks that it passes, those with nothing to look at, and its facts,
# without each of which one fails.
_TESTED: Final = re.compile(
    r"^\| (?P<id>[a-z][a-z0-9_]*) \| (?P<checks>\d+) \| [^|]* \| (?P<facts>\d+) \|$", re.MULTILINE
)


def vendors(profiles: Iterable[Profile], *, tests: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """Return one JSON-able object a profile.

    `plan`: how many requests a first sync begins with, for the scopes that the profile asks for and a server
    that says nothing of itself. `quirks`: each key of the client's half whose value is not the usual one, and
    its value. `tests`: by profile, how many conformance tests it has (`conformance_tests`); None for one that
    is not named there.
    """
    known = list(profiles)
    plain = next((profile for profile in known if profile.id == _PLAIN), None)
    return [
        {
            "id": profile.id,
            "name": profile.name,
            "status": profile.status,
            "checked_on": profile.checked_on.isoformat(),
            "documentation": list(profile.documentation),
            "fhir": profile.fhir.version,
            "flows": list(profile.auth.flows),
            "clients": list(profile.auth.clients),
            "scopes": {
                "version": profile.scopes.version,
                "style": profile.scopes.style,
                "resources": list(profile.scopes.resources),
                "extra": list(profile.scopes.extra),
            },
            "refresh": {
                "style": profile.refresh.style,
                "lifetime_days": profile.refresh.lifetime_days,
                "idle_days": profile.refresh.idle_days,
            },
            "plan": _plan_size(profile),
            "quirks": dict(_quirks(profile, plain)),
            "tests": (tests or {}).get(profile.id),
        }
        for profile in known
    ]


def conformance_tests(text: str) -> dict[str, int]:
    """Count by profile what docs/conformance.md lists: checks that pass, and facts without which one fails."""
    return {row["id"]: int(row["checks"]) + int(row["facts"]) for row in _TESTED.finditer(text)}


def table(found: Iterable[Mapping[str, Any]]) -> str:
    """Lay the objects of `vendors` out for a terminal, one line a vendor."""
    rows = [tuple(name.upper() for name in _COLUMNS), *_rows(found)]
    # The last column is as long as it is.
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )


def markdown(found: Iterable[Mapping[str, Any]]) -> str:
    """Lay the same rows out for the README."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *_rows(found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rows(found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for each in found:
        yield (
            f"{each['name']} ({each['id']})",
            each["status"],
            each["checked_on"],
            ", ".join(each["flows"]),
            ", ".join(_KINDS[client] for client in each["clients"]),
            f"{each['scopes']['version']} {each['scopes']['style']}",
            each["refresh"]["style"],
            str(each["plan"]),
            str(len(each["quirks"])),
            "-" if each["tests"] is None else str(each["tests"]),
        )


def _plan_size(profile: Profile) -> int:
    steps = plan(
        profile=profile,
        granted=ScopeSet.parse(requested(profile=profile)),
        capability=None,
        patient_id="patient",
        # Only the day of a query such as "the last ten years" depends on it, not how many there are.
        now=datetime.combine(profile.checked_on, datetime.min.time(), tzinfo=UTC),
    )
    return sum(step.state == "run" for step in steps)


def _quirks(profile: Profile, plain: Profile | None) -> Iterator[tuple[str, Any]]:
    for section in _SECTIONS:
        held = getattr(profile, section)
        for field in fields(held):
            value = getattr(held, field.name)
            if value != _usual(field, getattr(getattr(plain, section, None), field.name, value)):
                yield f"{section}.{field.name}", _plain(value)
    for number, rule in enumerate(profile.errors):
        yield f"errors[{number}]", {field.name: getattr(rule, field.name) for field in fields(rule)}


def _usual(field: Field[Any], of_plain: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return of_plain if field.default is MISSING else field.default


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
