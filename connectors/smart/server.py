"""One portal's authorization server, as discovery found it (PURE)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import msgspec


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
    capabilities: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    # Every answer at the redirect address names its issuer (RFC 9207).
    names_issuer: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-able data: what is pinned for the time of one connection."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `as_dict()`. Raises ValueError when `data` is not that."""
        if not set(data) <= {each.name for each in fields(cls)}:
            raise ValueError("not a server of ours")
        try:
            return msgspec.convert(dict(data), cls)
        except msgspec.ValidationError:
            raise ValueError("not a server of ours") from None
