"""One portal's authorization server, as discovery found it (PURE)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from connectors.errors import BadReply
from connectors.secret import redact_url

_PORTS: Final = {"https": 443, "http": 80}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The addresses and abilities of one portal's authorization server; "" or () where it names none."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str = ""
    revocation_endpoint: str = ""
    introspection_endpoint: str = ""
    jwks_uri: str = ""
    registration_endpoint: str = ""
    # Where a person sees at the portal which apps may read, and takes that back.
    management_endpoint: str = ""
    # Where the server says which organisations it serves, and which entry there is its own.
    user_access_brand_bundle: str = ""
    user_access_brand_identifier: str = ""
    capabilities: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    # What a client's assertion may be signed with.
    signing_algorithms: tuple[str, ...] = ()
    # Every answer at the redirect address names its issuer (RFC 9207).
    names_issuer: bool = False
    # Addresses that the document names at a third server, where we send no token.
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-able data: what is pinned for the time of one connection."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `as_dict()`, also from that of an older version. Raises ValueError for other data."""
        if not set(data) <= {each.name for each in fields(cls)}:
            raise ValueError("not a server of ours")
        try:
            return msgspec.convert(dict(data), cls)
        except msgspec.ValidationError:
            raise ValueError("not a server of ours") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """What an issuer says of itself in its openid-configuration; "" or () where it says nothing."""

    issuer: str
    jwks_uri: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    signing_algorithms: tuple[str, ...] = ()


# What decides who is asked for consent, who gets a code or a token, and who vouches for an identity.
PINNED: Final = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One pinned address that a later discovery document names otherwise; without queries."""

    field: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """What changed, for an operator."""
        return f"{self.field} was {self.before or 'not named'} and is now {self.after or 'not named'}"


class DiscoveryChanged(BadReply):
    """The portal names other addresses than those that were pinned; `changes` says which. Nobody was asked."""

    def __init__(self, changes: tuple[Change, ...]) -> None:
        """`changes`: at least one."""
        super().__init__("discovery_changed")
        self.changes = changes


def changes(*, pinned: Server, found: Server) -> tuple[Change, ...]:
    """Return what of the pinned addresses `found` names otherwise.

    Abilities (scopes, algorithms ...) come and go with the portal's releases and are no change; and an
    address that was not named before is none either, for nobody relied on it.
    """
    return tuple(
        Change(field=name, before=redact_url(before), after=redact_url(after) if after else "")
        for name in PINNED
        if (before := getattr(pinned, name)) and before != (after := getattr(found, name))
    )


def require_unchanged(*, pinned: Server, found: Server) -> None:
    """Raise DiscoveryChanged where a reconnect would follow the portal to other addresses."""
    if found_changes := changes(pinned=pinned, found=found):
        raise DiscoveryChanged(found_changes)


def origin(url: str) -> Origin:
    """Return scheme, host and port of an absolute http(s) address. Raises ValueError for any other text."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _PORTS or not host:
        raise ValueError("no address of a server")
    return scheme, host, parts.port or _PORTS[scheme]
