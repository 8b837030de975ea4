"""Values that must not be seen, and addresses without what must not be seen in them."""

from typing import Never
from urllib.parse import urlsplit, urlunsplit


class Secret:
    """A token, client secret or key that shows itself only to who calls `reveal()`.

    It prints as `***`, and it can be neither pickled nor turned into JSON, so that none reaches a log, a task
    argument or a cache by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`, which must not be empty."""
        if not value:
            msg = "a secret is not empty"
            raise ValueError(msg)
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        """Show nothing."""
        return "***"

    def __str__(self) -> str:
        """Show nothing."""
        return "***"

    def __format__(self, format_spec: str) -> str:
        """Show nothing, whatever the format."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare two secrets by value."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash by value, as equality does."""
        return hash((Secret, self._value))

    def __reduce__(self) -> Never:
        """Refuse to be pickled."""
        msg = "a secret cannot be pickled"
        raise TypeError(msg)


def redact_url(url: str) -> str:
    """Return `url` without user, password, query and fragment: what may stand in a log.

    Text that is no URL at all comes back as "(no url)", for we cannot tell what is in it.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "(no url)"
    if not parts.scheme or not host:
        return parts.path if url.startswith("/") else "(no url)"
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc = f"{netloc}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
