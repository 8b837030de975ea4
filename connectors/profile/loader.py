"""From a TOML file to a `Profile`, strictly: what is unknown, missing or impossible is an error."""

import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from connectors.errors import ProfileError
from connectors.profile.model import Profile
from connectors.profile.rules import impossibilities

# A profile is some hundred lines; a file a hundred times that size is a mistake.
MAX_BYTES: Final = 256 * 1024


def load_profile(path: Path) -> Profile:
    """Read one vendor profile.

    Raises `ProfileError` with file, key and reason when the file cannot be read, is not TOML, has a key that
    we do not know, lacks a required one, holds a value of the wrong kind, or combines values that cannot be
    true together.
    """
    table = _read(path)
    fault = _unknown_key(table, Profile, "") or _missing_key(table, Profile, "")
    if fault:
        key, reason = fault
        raise ProfileError(file=path, key=key, reason=reason)
    try:
        profile = msgspec.convert(table, Profile)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        raise ProfileError(file=path, key=where.strip("`."), reason=reason.replace("`", "")) from None
    _freeze(profile)
    for key, reason in impossibilities(profile):
        raise ProfileError(file=path, key=key, reason=reason)
    if profile.id != path.stem:
        raise ProfileError(
            file=path, key="id", reason=f"is {profile.id!r}, but the file is named {path.stem!r}"
        )
    return profile


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProfileError(file=path, key="", reason=f"is larger than {MAX_BYTES} bytes")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(file=path, key="", reason=f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ProfileError(file=path, key="", reason="is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(file=path, key="", reason=f"is not TOML: {error}") from None
    except RecursionError:
        raise ProfileError(file=path, key="", reason="is nested too deeply") from None


def _unknown_key(value: object, kind: Any, where: str) -> tuple[str, str] | None:
    """Return the first key of `value` that the dataclass `kind` has no field for, and the reason."""
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        for key, inner in value.items():
            if key not in hints:
                return f"{where}{key}", f"is not a key of a profile; known here: {', '.join(sorted(hints))}"
            if fault := _unknown_key(inner, hints[key], f"{where}{key}."):
                return fault
    elif get_origin(kind) is tuple and isinstance(value, list):
        for number, inner in enumerate(value):
            if fault := _unknown_key(inner, get_args(kind)[0], f"{where.rstrip('.')}[{number}]."):
                return fault
    return None


def _missing_key(value: object, kind: Any, where: str) -> tuple[str, str] | None:
    """Return the first field without a default of the dataclass `kind` that `value` does not give."""
    if not is_dataclass(kind) or not isinstance(value, dict):
        return None
    hints = get_type_hints(kind)
    for each in fields(kind):
        required = each.default is MISSING and each.default_factory is MISSING
        if each.name in value:
            if fault := _missing_key(value[each.name], hints[each.name], f"{where}{each.name}."):
                return fault
        elif required:
            return f"{where}{each.name}", "is missing"
    return None


def _freeze(section: object) -> None:
    """Put read-only views in place of the dicts that msgspec made, all the way down."""
    for each in fields(section):  # type: ignore[arg-type]
        value = getattr(section, each.name)
        if isinstance(value, dict):
            object.__setattr__(section, each.name, MappingProxyType(value))
        elif is_dataclass(value):
            _freeze(value)
