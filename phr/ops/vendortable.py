"""The profiles as a table (PURE): what is known of each vendor, in the words of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Final

from connectors.profile import Profile

# What the other columns say already; `server` describes the vendor's side to the sandbox.
_TOLD: Final = frozenset(
    {"auth.clients", "scopes.version", "scopes.style", "scopes.resources", "refresh.style"}
)
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
)
_COLUMNS: Final = ("vendor", "status", "checked", "flows", "clients", "scopes", "refresh", "quirks")


def vendors(profiles: Iterable[Profile]) -> list[dict[str, Any]]:
    """Return one JSON-able object a profile. `quirks`: each key whose value is not the usual one, and its
    value.
    """
    return [
        {
            "id": profile.id,
            "name": profile.name,
            "status": profile.status,
            "checked_on": profile.checked_on.isoformat(),
            "documentation": list(profile.documentation),
            "fhir": profile.fhir.version,
            "flows": _flows(profile),
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
            "quirks": dict(_quirks(profile)),
        }
        for profile in profiles
    ]


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
            f"{each['id']} ({each['name']})",
            each["status"],
            each["checked_on"],
            ", ".join(each["flows"]),
            ", ".join(each["clients"]),
            f"{each['scopes']['version']} {each['scopes']['style']}",
            each["refresh"]["style"],
            ", ".join(each["quirks"]) or "none",
        )


def _flows(profile: Profile) -> list[str]:
    flows = ["standalone launch"]
    if profile.refresh.style != "none":
        flows.append("refresh")
    return flows


def _quirks(profile: Profile) -> Iterator[tuple[str, Any]]:
    for section in _SECTIONS:
        held = getattr(profile, section)
        for field in fields(held):
            key, value = f"{section}.{field.name}", getattr(held, field.name)
            if key not in _TOLD and value != _usual(field):
                yield key, _plain(value)
    if profile.errors:
        yield "errors", len(profile.errors)


def _usual(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
