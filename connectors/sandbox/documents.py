"""What a portal serves of itself: the vendor's captured documents, or those written from its server's block."""

from collections.abc import Callable, Sequence
from typing import Any

from connectors.sandbox import capture
from connectors.sandbox.discovery import Discovery
from connectors.sandbox.http import Request
from connectors.sandbox.spec import PortalSpec


class Documents:
    """The documents of one portal at one address."""

    def __init__(
        self,
        *,
        spec: PortalSpec,
        base_url: str,
        origin: str,
        types: Callable[[], Sequence[str]],
        token_issuer: str,
    ) -> None:
        """Describe the portal at `base_url`. `types`: those its FHIR side knows."""
        self._captured = spec.captured
        self._needed = spec.profile.server.register_needs_header.lower()
        self._registers = spec.profile.server.dynamic_registration != "none"
        self._base_url = base_url
        self._oauth_url = f"{origin}/oauth2"
        self._types = types
        self._own = Discovery(
            server=spec.profile.server, origin=origin, base_url=base_url, token_issuer=token_issuer
        )

    def smart_configuration(self) -> dict[str, Any]:
        """Answer `.well-known/smart-configuration`."""
        if self._captured.smart_configuration is None:
            return self._own.smart_configuration(self._types())
        return capture.configuration(self._captured.smart_configuration, oauth_url=self._oauth_url)

    def openid_configuration(self) -> dict[str, Any]:
        """Answer the issuer's `.well-known/openid-configuration`."""
        if self._captured.openid_configuration is None:
            return self._own.openid_configuration(self._types())
        return capture.configuration(self._captured.openid_configuration, oauth_url=self._oauth_url)

    def capability_statement(self, request: Request) -> dict[str, Any]:
        """Answer `metadata`; where apps register may be told to those alone that say which app they are."""
        told = not self._needed or bool(request.headers.get(self._needed))
        registers = self._registers and told
        if self._captured.capability is None:
            return self._own.capability_statement(self._types(), registers=registers)
        return capture.capability_statement(
            self._captured.capability,
            base_url=self._base_url,
            oauth_url=self._oauth_url,
            # Where it is no secret, the captured statement says so itself.
            registers=registers and bool(self._needed),
        )
