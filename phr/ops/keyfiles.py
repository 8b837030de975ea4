"""The two keys of an embedded installation, made once and never again.

A lost keyring is lost tokens: generating a new one in its place would look like a start and be the end of
every connection, so data without its key stop the start and nothing is changed.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping

from phr.core.environment import WrongSetting
from phr.ops.embedded.processes import write_private
from phr.ops.layout import Layout


def _secret_key() -> str:
    return secrets.token_urlsafe(48)


def _keyring() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


_MAKERS: Mapping[str, Callable[[], str]] = {"PHR_SECRET_KEY": _secret_key, "PHR_KEYRING": _keyring}


def ensure(*, layout: Layout, environ: Mapping[str, str], may_make: bool) -> dict[str, str]:
    """Return NAME_FILE variables for the keys that ``environ`` does not give, making the files at the first
    start.

    Raises WrongSetting when a key is missing and data exist that need it, or when we may not make one.
    """
    found: dict[str, str] = {}
    for name, make in _MAKERS.items():
        if environ.get(name) or environ.get(f"{name}_FILE"):
            continue
        path = layout.secrets / name.removeprefix("PHR_").lower()
        if not path.exists():
            if not may_make:
                raise WrongSetting(f"{name} is not set: give it, or {name}_FILE (see .env.example).")
            if layout.has_database():
                raise WrongSetting(
                    f"The key file {path} is missing, and the data in {layout.data_dir} need it: "
                    "put it back from your backup. Nothing was changed."
                )
            write_private(path, make() + "\n", mode=0o400)
        found[f"{name}_FILE"] = str(path)
    return found


def passing(environ: Mapping[str, str]) -> dict[str, str]:
    """Return keys that live as long as this process, for commands that neither read nor write data."""
    given: dict[str, str] = {}
    for name, make in _MAKERS.items():
        if not environ.get(name) and not environ.get(f"{name}_FILE"):
            given[name] = make()
    return given
