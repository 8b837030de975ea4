"""Portals into the directory, one at a time."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from phr.sources.models import Portal
from phr.sources.profiles import profile_of


class BadAddress(ValueError):  # noqa: N818 - what the caller meets
    """This is not the base address of a FHIR server; the message says what is wrong with it."""


def bare_url(url: str) -> str:
    """Return a FHIR base address as the directory keeps it: lower-case host, no slash at its end.

    Raises BadAddress for what is no absolute http(s) address, or carries a user, a query or a fragment.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("The address of a portal looks like https://fhir.example.org/r4.") from None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise BadAddress("The address of a portal looks like https://fhir.example.org/r4.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadAddress("The address of a portal holds no user, no question mark and no hash sign.")
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme.lower()]:
        place = f"{place}:{port}"
    return urlunsplit((parts.scheme.lower(), place, parts.path.rstrip("/"), "", ""))


def add_portal(*, profile_id: str, name: str, base_url: str, place: str = "") -> tuple[Portal, bool]:
    """Put a portal into the directory; returns it, and whether it is new.

    One that is there by its address takes the given name and vendor. Raises UnknownProfile and BadAddress.
    """
    profile_of(profile_id)
    return Portal.objects.update_or_create(
        base_url=bare_url(base_url), defaults={"profile_id": profile_id, "name": name, "place": place}
    )
