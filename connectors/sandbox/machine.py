"""The grants without a person: a client of one consent, and a client that stands for an installation."""

from typing import TYPE_CHECKING, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant, ClientCredentialsGrant, TokenEndpointMixin

from connectors.sandbox import scopes
from connectors.sandbox.protocol import OAuthRequest

if TYPE_CHECKING:
    from connectors.sandbox.oauth import OAuth

# SMART App Launch 2.2, "Backend Services": five minutes at most are recommended.
BACKEND_SECONDS: Final = 300


class JwtBearerGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """A client that was made for one consent gets a further access token of it (RFC 7523, section 2.1)."""

    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    request: OAuthRequest
    server: "OAuth"

    def validate_token_request(self) -> None:
        client = self.server.holder(self.request, self.request.form.get("assertion", ""))
        consent = None if client is None else self.server.registration.grant_of(client.client_id)
        grant = None if consent is None else self.server.grants.granted(consent)
        if client is None or grant is None or grant.revoked:
            raise InvalidGrantError
        self.request.client, self.request.user = client, grant

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        token = self.generate_token(
            user=self.request.user, scope=self.request.user.scope, include_refresh_token=False
        )
        self.save_token(token)
        return 200, token, self.TOKEN_RESPONSE_HEADER


class BackendGrant(ClientCredentialsGrant):  # type: ignore[misc]
    """An installation by itself (SMART App Launch 2.2, "Backend Services"): a key proves it."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
    request: OAuthRequest
    server: "OAuth"

    def validate_token_request(self) -> None:
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError
        scope = scopes.granted(self.request.payload.scope or "", server=self.server.server, system=True)
        if scope is None:
            raise InvalidScopeError
        self.request.client = client
        self.request.user = self.server.grants.grant(
            client_id=client.client_id,
            username="",
            patient="",
            scope=scope,
            user=f"Device/{client.client_id}",
        )

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        token = self.generate_token(
            user=self.request.user,
            scope=self.request.user.scope,
            expires_in=BACKEND_SECONDS,
            include_refresh_token=False,
        )
        self.save_token(token)
        return 200, token, self.TOKEN_RESPONSE_HEADER
