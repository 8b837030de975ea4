"""The authorization server: Authlib's framework-free core, bent to what the profile's server does."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode
from joserfc import jwt

from connectors.profile import US_CORE_RESOURCES, Profile
from connectors.sandbox import scopes
from connectors.sandbox.assertion import authenticate_assertion
from connectors.sandbox.grants import Code, Granted, Grants, Registered, Token
from connectors.sandbox.http import Request, Response, redirect
from connectors.sandbox.spec import Account

# What RFC 7591 calls the methods that a profile names.
METHODS: Final[Mapping[str, str]] = {"public": "none"}
DAY: Final = 86400


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self._lists.setdefault(name, []).append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._lists


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, request: Request, *, origin: str) -> None:
        headers = (
            {"Authorization": request.headers["authorization"]} if "authorization" in request.headers else {}
        )
        super().__init__(request.method, origin + request.path, headers=headers)
        self.payload = _Payload([*request.params, *request.form])
        self._fields = dict(request.form)

    @property
    def args(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data

    @property
    def form(self) -> dict[str, str]:
        return self._fields


class Client(ClientMixin):  # type: ignore[misc]
    """A registered app as Authlib wants to ask it."""

    def __init__(self, registered: Registered, profile: Profile) -> None:
        """`profile` decides what scope is granted."""
        self.registered = registered
        self._profile = profile

    @property
    def client_id(self) -> str:
        """The client's id."""
        return self.registered.id

    def get_client_id(self) -> str:
        """Return the client's id."""
        return self.registered.id

    def get_default_redirect_uri(self) -> str | None:
        """Have none: the request must name its redirect URI."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return what the server grants of what is asked; None where it refuses the request as a whole."""
        server = self._profile.server
        if not server.scope_wildcards and scopes.has_wildcard(scope or ""):
            return None
        registered = ""
        if server.scopes_granted == "registration":
            version = self._profile.scopes.version
            registered = self.registered.scope or scopes.registration(US_CORE_RESOURCES, version=version)
        return (
            scopes.granted(scope or "", registered=registered, vendor_words=self._profile.scopes.extra)
            or None
        )

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare exactly."""
        return redirect_uri in self.registered.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time."""
        return secrets.compare_digest(self.registered.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Hold the client to the method of its registration."""
        return METHODS.get(self.registered.method, self.registered.method) == method

    def check_response_type(self, response_type: str) -> bool:
        """Know the code flow only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Refresh where the profile's server issues refresh tokens."""
        if grant_type == "refresh_token":
            return self._profile.refresh.style != "none"
        return grant_type == "authorization_code"


class _Code:
    """A code as Authlib wants to ask it."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.challenge
        self.code_challenge_method = code.challenge_method

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.grant.scope

    def get_nonce(self) -> str:
        return self.code.nonce

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class _Token:
    """A token as Authlib wants to ask it."""

    def __init__(self, token: Token, *, alive: bool) -> None:
        self.token = token
        self.alive = alive

    def check_client(self, client: Client) -> bool:
        return self.token.grant.client_id == client.registered.id

    def get_scope(self) -> str:
        return self.token.scope

    def is_expired(self) -> bool:
        return not self.alive

    def is_revoked(self) -> bool:
        return not self.alive


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
    server: "OAuth"

    def save_authorization_code(self, code: str, request: _Request) -> None:
        asked = request.payload.data
        account: Account = request.user
        grant = self.server.grants.grant(
            client_id=request.client.client_id,
            username=account.username,
            patient=account.patient_id,
            scope=request.scope,
        )
        self.server.grants.add_code(
            code,
            grant=grant,
            redirect_uri=asked["redirect_uri"],
            challenge=asked.get("code_challenge", ""),
            challenge_method=asked.get("code_challenge_method", ""),
            nonce=asked.get("nonce", ""),
        )

    def query_authorization_code(self, code: str, client: Client) -> _Code | None:
        held = self.server.grants.code(code)
        if held is None or held.grant.client_id != client.client_id:
            return None
        if held.used:
            # Somebody else has the code too: what it gave is taken back (RFC 6749, section 4.1.2).
            self.server.grants.revoke_grant(held.grant.id)
            return None
        return _Code(held) if held.expires_at > self.server.grants.now() else None

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        self.server.grants.use_code(authorization_code.code)

    def authenticate_user(self, authorization_code: _Code) -> Granted:
        return authorization_code.code.grant


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = _CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
    server: "OAuth"

    def __init__(self, request: _Request, server: "OAuth") -> None:
        super().__init__(request, server)
        self.INCLUDE_NEW_REFRESH_TOKEN = server.profile.server.refresh_rotates

    def authenticate_refresh_token(self, refresh_token: str) -> _Token | None:
        held = self.server.grants.token(refresh_token, kind="refresh")
        if held is None:
            return None
        if held.used:
            # One of two holders is a thief, and nobody knows which: the whole family ends (RFC 9700, section 4.14.2).
            self.server.grants.revoke_grant(held.grant.id)
        alive = self.server.grants.is_alive(held)
        if alive and self.server.profile.server.refresh_needs_scope and not self.request.payload.scope:
            raise InvalidScopeError("the refresh request must name its scope")
        return _Token(held, alive=True) if alive and not held.used else None

    def authenticate_user(self, refresh_token: _Token) -> Granted:
        return refresh_token.token.grant

    def revoke_old_credential(self, refresh_token: _Token) -> None:
        if self.INCLUDE_NEW_REFRESH_TOKEN:
            self.server.grants.use_token(refresh_token.token)


class _S256Only(CodeChallenge):  # type: ignore[misc]
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


class _IdToken(OpenIDCode):  # type: ignore[misc]
    def __init__(self, oauth: "OAuth") -> None:
        super().__init__(require_nonce=oauth.profile.server.nonce_required)
        self._oauth = oauth

    def exists_nonce(self, nonce: str, _request: _Request) -> bool:
        return self._oauth.grants.nonce_seen(nonce)

    def resolve_client_private_key(self, _client: Client) -> Any:
        return self._oauth.key

    def get_encode_header(self, _client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self._oauth.key.kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._oauth.grants.now())
        return {
            "iss": self._oauth.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + 3600,
            "auth_time": now,
        }

    def generate_user_info(self, user: Granted, scope: str) -> dict[str, str]:
        info = {"sub": f"{user.patient}@{urlsplit(self._oauth.issuer).netloc}"}
        if "fhirUser" in scope.split():
            info["fhirUser"] = f"{self._oauth.base_url}/Patient/{user.patient}"
        return info


class _Lookup:
    CLIENT_AUTH_METHODS = _CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
    server: "OAuth"

    def query_token(self, token_string: str, _hint: str | None) -> _Token | None:
        held = self.server.grants.token(token_string)
        return None if held is None else _Token(held, alive=self.server.grants.is_alive(held))


class _Revocation(_Lookup, RevocationEndpoint):  # type: ignore[misc]
    def revoke_token(self, token: _Token, _request: _Request) -> None:
        self.server.grants.revoke_token(token.token)


class _Introspection(_Lookup, IntrospectionEndpoint):  # type: ignore[misc]
    def check_permission(self, token: _Token, client: Client, _request: _Request) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: _Token) -> dict[str, Any]:
        held = token.token
        claims = {
            "active": True,
            "client_id": held.grant.client_id,
            "scope": held.scope,
            "sub": held.grant.patient,
        }
        claims |= {"patient": held.grant.patient, "iss": self.server.issuer}
        return claims | ({} if held.expires_at is None else {"exp": int(held.expires_at)})


class OAuth(AuthorizationServer):  # type: ignore[misc]
    """One portal's authorization server. `issuer` and `base_url` are set once the port is known."""

    def __init__(self, *, profile: Profile, grants: Grants) -> None:
        """Register the grants and endpoints that the profile's server has."""
        super().__init__()
        self.profile = profile
        self.grants = grants
        self.key = grants.signing_key()
        self.origin = ""
        self.base_url = ""
        extensions: list[Any] = [_S256Only(required=profile.server.pkce_required)]
        if profile.server.id_token:
            extensions.append(_IdToken(self))
        self.register_grant(_CodeGrant, extensions)
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)
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
        return None if registered is None else Client(registered, self.profile)

    def create_oauth2_request(self, request: Request) -> OAuth2Request:
        """Dress up a request; one that Authlib holds already stays."""
        return request if isinstance(request, OAuth2Request) else _Request(request, origin=self.origin)

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

    def save_token(self, token: dict[str, Any], request: _Request) -> None:
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
        lifetime = self.profile.refresh.lifetime_days or self.profile.refresh.idle_days
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
        """Check an authorization request and return its grant. Raises `OAuth2Error`, with where to send it."""
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
        """Answer the token endpoint. One at a time: looking up a code or token and using it up is one step."""
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
        request = _Request(
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
        if self.profile.refresh.style == "none":
            return False
        word = self.profile.scopes.offline
        return not word or word in scope.split()

    def _access_token(self, grant: Granted, scope: str, seconds: int) -> str:
        if self.profile.server.access_token == "opaque":  # noqa: S105 - the kind of token
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

    def _authenticate_assertion(self, query_client: Any, request: _Request) -> Client | None:
        client = authenticate_assertion(
            form=request.form,
            clients=self.grants,
            audiences=(f"{self.origin}/oauth2/token", f"{self.origin}{urlsplit(request.uri).path}"),
        )
        found: Client | None = None if client is None else query_client(client.id)
        return found


__all__ = ["Client", "InvalidGrantError", "OAuth", "OAuth2Error"]
