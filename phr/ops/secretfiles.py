"""Secrets that an operator hands over in a file, so that they stand in no command line and no history."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.core.management.base import CommandError

from connectors.secret import Secret

_LONGEST: Final = 64 * 1024


def read_secret(path: Path) -> Secret:
    """Return the one secret in a file, without white space around it; raises CommandError with a sentence."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1).decode("ascii").strip()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) >= _LONGEST or not text.isprintable() or " " in text:
        raise CommandError(f"{path} does not hold one token or secret, and nothing else.")
    return Secret(text)
