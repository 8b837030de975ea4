"""Redirect URIs as an operator registers them, and how that goes wrong (PURE).

A portal compares the address to the letter, and shows a person who comes with another one an error page from
which they never return to us: so what can go wrong is said beforehand.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from connectors.profile import Profile

_PORTS: Final = {"https": 443, "http": 80}


def problems(*, redirect_uri: str, profile: Profile) -> tuple[str, ...]:
    """Return, in sentences, why this vendor would not take the address at all; () when nothing is known."""
    parts = urlsplit(redirect_uri)
    found = []
    if parts.scheme != "https" and profile.guide.redirect_needs_https:
        found.append(f"{profile.name} takes https addresses alone, and this one begins with {parts.scheme}.")
    if _is_local(parts.hostname or "") and profile.guide.redirect_refuses_localhost:
        found.append(f"{profile.name} takes no address on this machine ({parts.hostname}).")
    if parts.fragment or "#" in redirect_uri:
        found.append("A redirect URI has no part after a #.")
    return tuple(found)


def slips(*, redirect_uri: str) -> tuple[tuple[str, str], ...]:
    """Return the addresses that are registered by mistake in place of this one, each with the slip in words."""
    parts = urlsplit(redirect_uri)
    other = "http" if parts.scheme == "https" else "https"
    bare = parts.path.rstrip("/")
    path = bare if parts.path.endswith("/") else f"{bare}/"
    host = parts.hostname or ""
    found = [
        (
            urlunsplit(parts._replace(path=path)),
            "without the slash at the end" if path == bare else "with a slash at the end",
        ),
        (urlunsplit(parts._replace(scheme=other)), f"with {other} in place of {parts.scheme}"),
    ]
    if parts.port is None and parts.scheme in _PORTS:
        port = _PORTS[parts.scheme]
        found.append(
            (urlunsplit(parts._replace(netloc=f"{parts.netloc}:{port}")), "with its port written out")
        )
    elif parts.port is not None:
        found.append((urlunsplit(parts._replace(netloc=_bracketed(host))), "without its port"))
    if host in {"localhost", "127.0.0.1"}:
        twin = "127.0.0.1" if host == "localhost" else "localhost"
        found.append((urlunsplit(parts._replace(netloc=parts.netloc.replace(host, twin, 1))), f"with {twin}"))
    found.append((urlunsplit(parts._replace(path="/")), "the address of the site alone"))
    return tuple(found)


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
