"""The grants and endpoints of the authorization server, each strict where the specifications are."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode

from connectors.sandbox.grants import Consenting, Granted
from connectors.sandbox.protocol import Client, IssuedCode, IssuedToken, OAuthRequest

if TYPE_CHECKING:
    from connectors.sandbox.oauth import OAuth


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
    server: "OAuth"

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        asked = request.payload.data
        who: Consenting = request.user
        grant = self.server.grants.grant(
            client_id=request.client.client_id,
            username=who.username,
            patient=who.patient,
            scope=request.scope,
            user=who.user,
            context=who.context,
        )
        self.server.grants.add_code(
            code,
            grant=grant,
            redirect_uri=asked["redirect_uri"],
            challenge=asked.get("code_challenge", ""),
            challenge_method=asked.get("code_challenge_method", ""),
            nonce=asked.get("nonce", ""),
        )

    def query_authorization_code(self, code: str, client: Client) -> IssuedCode | None:
        held = self.server.grants.code(code)
        if held is None or held.grant.client_id != client.client_id:
            return None
        if held.used:
            # Somebody else has the code too: what it gave is taken back (RFC 6749, section 4.1.2).
            self.server.grants.revoke_grant(held.grant.id)
            return None
        return IssuedCode(held) if held.expires_at > self.server.grants.now() else None

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        self.server.grants.use_code(authorization_code.code)

    def authenticate_user(self, authorization_code: IssuedCode) -> Granted:
        return authorization_code.code.grant


class TooSoonError(OAuth2Error):  # type: ignore[misc]
    """A refresh that came before the server takes another one."""

    error = "slow_down"
    description = "the last refresh was a moment ago"
    status_code = 429


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
    server: "OAuth"

    def __init__(self, request: OAuthRequest, server: "OAuth") -> None:
        super().__init__(request, server)
        self.INCLUDE_NEW_REFRESH_TOKEN = server.server.refresh_rotates

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        held = self.server.grants.token(refresh_token, kind="refresh")
        if held is None:
            return None
        if held.used:
            # One of two holders is a thief, and nobody knows which: the whole family ends
            # (RFC 9700, section 4.14.2).
            self.server.grants.revoke_grant(held.grant.id)
        if held.used or not self.server.grants.is_alive(held):
            return None
        self._check_scope()
        self._check_pace(held.grant)
        return IssuedToken(held, alive=True)

    def _check_scope(self) -> None:
        rule, named = self.server.server.refresh_scope, bool(self.request.payload.scope)
        if rule == "required" and not named:
            raise InvalidScopeError("the refresh request must name its scope")
        if rule == "forbidden" and named:
            raise InvalidScopeError("the refresh request may not name a scope")

    def _check_pace(self, grant: Granted) -> None:
        least, last = self.server.server.refresh_min_seconds, grant.refreshed_at
        if least is not None and last is not None and self.server.grants.now() - last < least:
            raise TooSoonError

    def authenticate_user(self, refresh_token: IssuedToken) -> Granted:
        return refresh_token.token.grant

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        grants, held = self.server.grants, refresh_token.token
        grants.note_refresh(held.grant)
        if self.INCLUDE_NEW_REFRESH_TOKEN:
            grants.use_token(held)
        else:
            grants.prolong(held, expires_at=self.server.refresh_ends_at(held.grant))


class S256Only(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    CODE_CHALLENGE_METHODS: Final = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if self.required and not asked.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Unsupported 'code_challenge_method'")
        super().validate_code_challenge(grant, redirect_uri)


class NoChallenge:
    """A server that stumbles over PKCE."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.refuse_challenge)
        grant.register_hook("after_validate_token_request", self.refuse_verifier)

    def refuse_challenge(self, grant: Any, _redirect_uri: str) -> None:
        if "code_challenge" in grant.request.payload.data:
            raise InvalidRequestError("'code_challenge' is not known here")

    def refuse_verifier(self, grant: Any, _result: Any) -> None:
        if "code_verifier" in grant.request.form:
            raise InvalidRequestError("'code_verifier' is not known here")


class IdToken(OpenIDCode):  # type: ignore[misc]
    def __init__(self, oauth: "OAuth") -> None:
        super().__init__(require_nonce=oauth.server.nonce_required)
        self._oauth = oauth

    def exists_nonce(self, nonce: str, _request: OAuthRequest) -> bool:
        return self._oauth.grants.nonce_seen(nonce)

    def resolve_client_private_key(self, _client: Client) -> Any:
        return self._oauth.key

    def get_encode_header(self, _client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self._oauth.key.kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._oauth.grants.now())
        return {
            "iss": self._oauth.token_issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + 3600,
            "auth_time": now,
        }

    def generate_user_info(self, user: Granted, scope: str) -> dict[str, str]:
        info = {"sub": f"{user.user}@{urlsplit(self._oauth.issuer).netloc}"}
        if "fhirUser" in scope.split():
            absolute = self._oauth.server.fhir_user == "absolute"
            info["fhirUser"] = f"{self._oauth.base_url}/{user.user}" if absolute else user.user
        return info


class Lookup:
    CLIENT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
    server: "OAuth"

    def query_token(self, token_string: str, _hint: str | None) -> IssuedToken | None:
        held = self.server.grants.token(token_string)
        return None if held is None else IssuedToken(held, alive=self.server.grants.is_alive(held))


class Revocation(Lookup, RevocationEndpoint):  # type: ignore[misc]
    def revoke_token(self, token: IssuedToken, _request: OAuthRequest) -> None:
        self.server.grants.revoke_token(token.token)


class Introspection(Lookup, IntrospectionEndpoint):  # type: ignore[misc]
    def check_permission(self, token: IssuedToken, client: Client, _request: OAuthRequest) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return self.server.introspected(token.token)
