"""Values that must not be seen, addresses without what must not be seen in them, and where a bearer may go (PURE)."""

import re
from typing import Final, Never
from urllib.parse import unquote, urlsplit, urlunsplit

# Parsers disagree about these; a real portal has none of them in an address.
SUSPICIOUS: Final = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS: Final = {"https": 443, "http": 80}


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


def same_target(base_url: str, url: str, *, ignore_case: bool = False) -> bool:
    """Say whether a bearer token for `base_url` may be sent to `url`: same scheme, host, port, and below
    its path.

    SMART App Launch 2.2 forbids sending it anywhere else. `ignore_case`: of the path alone, for servers that
    spell their own base differently in links (`Paging.ignore_case`); scheme, host and port stay the same, so
    that whoever answers does. An address with a user name, a backslash, white space or a dot segment, plain
    or encoded, is never the same target.
    """
    base, other = _parts(base_url), _parts(url)
    if base is None or other is None or base[:3] != other[:3]:
        return False
    prefix, path = base[3].rstrip("/"), other[3]
    if ignore_case:
        prefix, path = prefix.casefold(), path.casefold()
    return path == prefix or path.startswith(f"{prefix}/")


def _parts(url: str) -> tuple[str, str, int, str] | None:
    """Scheme, host, port and path of an absolute http(s) URL, or None where it is unfit for a credential."""
    if SUSPICIOUS.search(url):
        return None
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    scheme = split.scheme.lower()
    host = (split.hostname or "").lower()
    if scheme not in _PORTS or not host or split.username is not None or split.password is not None:
        return None
    path = unquote(split.path)
    if "\\" in path or any(segment in {".", ".."} for segment in unquote(path).split("/")):
        return None
    return scheme, host, port or _PORTS[scheme], path
