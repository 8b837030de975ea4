"""The authorization server: Authlib's framework-free core, bent to what the profile's server does."""

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidRequestError, OAuth2Error, OAuth2Request
from joserfc import jwt

from connectors.profile import Profile
from connectors.sandbox.assertion import authenticate_assertion
from connectors.sandbox.flows import CodeGrant, IdToken, Introspection, RefreshGrant, Revocation, S256Only
from connectors.sandbox.grants import Granted, Grants
from connectors.sandbox.http import Request, Response, redirect
from connectors.sandbox.protocol import Client, OAuthRequest
from connectors.sandbox.spec import Account

DAY: Final = 86400


class OAuth(AuthorizationServer):  # type: ignore[misc]
    """One portal's authorization server. `issuer` and `base_url` are set once the port is known."""

    def __init__(self, *, profile: Profile, grants: Grants, types: Callable[[], Sequence[str]]) -> None:
        """Register the grants and endpoints that the profile's server has. `types`: those it serves."""
        super().__init__()
        self.profile = profile
        self.grants = grants
        self._types = types
        self.key = grants.signing_key()
        self.origin = ""
        self.base_url = ""
        extensions: list[Any] = [S256Only(required=profile.server.pkce == "required")]
        if profile.server.id_token:
            extensions.append(IdToken(self))
        self.register_grant(CodeGrant, extensions)
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_client_auth_method("private_key_jwt", self._authenticate_assertion)
        self.register_token_generator("default", self._generate)

    @property
    def issuer(self) -> str:
        """The issuer of id_tokens."""
        return f"{self.origin}/oauth2"

    # ---- what Authlib asks a framework for

    def query_client(self, client_id: str) -> Client | None:
        """Look up a client."""
        registered = self.grants.client(client_id)
        return None if registered is None else Client(registered, profile=self.profile, types=self._types())

    def create_oauth2_request(self, request: Request) -> OAuth2Request:
        """Dress up a request; one that Authlib holds already stays."""
        return request if isinstance(request, OAuth2Request) else OAuthRequest(request, origin=self.origin)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        """Make Authlib's answer ours."""
        kept = [(name, value) for name, value in headers if name.lower() != "content-type"]
        if isinstance(body, dict):
            return Response(
                status=status, body=json.dumps(body).encode(), content_type="application/json", headers=kept
            )
        return Response(status=status, headers=kept)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Signals have no listener here."""

    def save_token(self, token: dict[str, Any], request: OAuthRequest) -> None:
        """Keep what was issued, and add what SMART puts beside it."""
        granted: Granted = request.user
        scope = str(token.get("scope") or granted.scope)
        self.grants.add_token(
            token["access_token"],
            kind="access",
            grant_id=granted.id,
            scope=scope,
            seconds=token["expires_in"],
        )
        lifetime = self.profile.server.refresh_lifetime_days or self.profile.server.refresh_idle_days
        if "refresh_token" in token:
            self.grants.add_token(
                token["refresh_token"],
                kind="refresh",
                grant_id=granted.id,
                scope=granted.scope,
                seconds=None if lifetime is None else lifetime * DAY,
            )
        elif request.refresh_token is not None and self.profile.server.refresh_returned:
            token["refresh_token"] = request.form["refresh_token"]
        if self.profile.server.patient_in_token:
            token["patient"] = granted.patient
        token.update(self.profile.server.token_members)

    # ---- the endpoints

    def validate_authorization(self, request: Request) -> Any:
        """Check an authorization request, return its grant. Raises `OAuth2Error`, with where to send it."""
        grant = self.get_consent_grant(request)
        aud = grant.request.payload.data.get("aud")
        if not self._accepts(aud):
            raise InvalidRequestError(
                "'aud' is not this server", redirect_uri=grant.redirect_uri, state=grant.request.payload.state
            )
        return grant

    def answer(self, grant: Any, account: Account | None) -> Response:
        """Send the browser back with a code, or with access_denied when `account` is None."""
        with self.grants.database.transaction():
            response: Response = self.create_authorization_response(
                grant.request, grant_user=account, grant=grant
            )
        return self._named(response)

    def authorization_error(self, error: OAuth2Error) -> Response | None:
        """Send the browser back with an error; None where there is no redirect URI that may be trusted."""
        if not error.redirect_uri:
            return None
        return self._named(self.handle_response(*error(None)))

    def token(self, request: Request) -> Response:
        """Answer the token endpoint, one at a time: to look up a code or token and use it up is one step."""
        with self.grants.database.transaction():
            response: Response = self.create_token_response(request)
            return response

    def issue(self, grant: Granted) -> dict[str, Any]:
        """Issue tokens without a browser, as the token endpoint would answer."""
        token = self._generate(
            grant_type="authorization_code",
            client=None,
            user=grant,
            scope=grant.scope,
            include_refresh_token=True,
        )
        request = OAuthRequest(
            Request(method="POST", path="/oauth2/token", query="", headers={}), origin=self.origin
        )
        request.user = grant
        self.save_token(token, request)
        return token

    # ---- parts

    def _accepts(self, aud: str | None) -> bool:
        match self.profile.server.aud_check:
            case "exact":
                return aud == self.base_url
            case "lenient":
                return aud is None or aud.rstrip("/") == self.base_url
            case _:
                return True

    def _named(self, response: Response) -> Response:
        """Add `iss` to the way back, where the server does so (RFC 9207)."""
        location = dict(response.headers).get("Location")
        if location is None:
            return response
        if self.profile.server.authorization_iss:
            location += f"&iss={quote(self.issuer, safe='')}"
        return redirect(location)

    def _generate(
        self,
        *,
        grant_type: str,  # noqa: ARG002 - Authlib names what it hands over
        client: Client | None,  # noqa: ARG002
        user: Granted,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        scope = scope or user.scope
        seconds = expires_in or self.profile.server.access_token_seconds
        token: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": self._access_token(user, scope, seconds),
            "expires_in": seconds,
            "scope": scope,
        }
        if include_refresh_token and self._may_refresh(user.scope):
            token["refresh_token"] = secrets.token_urlsafe(32)
        return token

    def _may_refresh(self, scope: str) -> bool:
        if not self.profile.server.refresh_given:
            return False
        word = self.profile.scopes.offline
        return not word or word in scope.split()

    def _access_token(self, grant: Granted, scope: str, seconds: int) -> str:
        if self.profile.server.access_token == "opaque":  # noqa: S105 - a kind of token
            return secrets.token_urlsafe(32)
        now = int(self.grants.now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.patient,
            "aud": self.base_url,
            "client_id": grant.client_id,
            "scope": scope,
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(12),
            **self.profile.server.token_members,
        }
        if self.profile.patient.claim:
            claims[self.profile.patient.claim] = grant.patient
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, self.key, ["RS256"])

    def _authenticate_assertion(self, query_client: Any, request: OAuthRequest) -> Client | None:
        client = authenticate_assertion(
            form=request.form,
            clients=self.grants,
            audiences=(f"{self.origin}/oauth2/token", f"{self.origin}{urlsplit(request.uri).path}"),
        )
        found: Client | None = None if client is None else query_client(client.id)
        return found
