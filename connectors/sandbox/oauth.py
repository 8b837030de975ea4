"""The authorization server: Authlib's framework-free core, bent to what a vendor's server does."""

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Request,
)
from joserfc import jwt

from connectors.profile import Server
from connectors.sandbox import capture, scopes
from connectors.sandbox.assertion import authenticate_assertion, holder
from connectors.sandbox.clients import Clients
from connectors.sandbox.flows import (
    CodeGrant,
    IdToken,
    Introspection,
    NoChallenge,
    RefreshGrant,
    Revocation,
    S256Only,
)
from connectors.sandbox.grants import Consenting, Granted, Grants, Token
from connectors.sandbox.http import Request, Response, json_response, redirect
from connectors.sandbox.machine import BackendGrant, JwtBearerGrant
from connectors.sandbox.protocol import Client, OAuthRequest
from connectors.sandbox.registration import Registration
from connectors.sandbox.signin import Launched, SignIns
from connectors.sandbox.spec import Captured

DAY: Final = 86400


class OAuth(AuthorizationServer):  # type: ignore[misc]
    """One portal's authorization server. `bind` says where it stands once the port is known."""

    def __init__(
        self,
        *,
        server: Server,
        grants: Grants,
        clients: Clients,
        sign_ins: SignIns,
        registration: Registration,
        types: Callable[[], Sequence[str]],
    ) -> None:
        """Register the grants and endpoints that `server` has. `types`: those its FHIR side knows."""
        super().__init__()
        self.server = server
        self.grants = grants
        self.clients = clients
        self.registration = registration
        self._sign_ins = sign_ins
        self._types = types
        self.key = grants.signing_key()
        self.origin = self.base_url = self.issuer = self.token_issuer = ""
        broken = server.pkce == "broken"
        extensions: list[Any] = [NoChallenge() if broken else S256Only(required=server.pkce == "required")]
        if server.id_token:
            extensions.append(IdToken(self))
        self.register_grant(CodeGrant, extensions)
        self.register_grant(RefreshGrant)
        if server.dynamic_registration == "software_id":
            self.register_grant(JwtBearerGrant)
        if "backend" in server.flows:
            self.register_grant(BackendGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_client_auth_method("private_key_jwt", self._authenticate_assertion)
        self.register_token_generator("default", self._generate)

    def bind(self, *, origin: str, base_url: str, captured: Captured) -> None:
        """Say where the portal stands, and by which names its issuer goes: in the SMART configuration, in
        tokens.
        """
        self.origin, self.base_url = origin, base_url
        own = f"{origin}/oauth2"
        self.issuer = capture.issuer(captured, own=own)
        self.token_issuer = capture.token_issuer(captured, told=self.server.token_issuer, own=own)

    # ---- what Authlib asks a framework for

    def query_client(self, client_id: str) -> Client | None:
        """Look up a client."""
        registered = self.clients.find(client_id)
        return None if registered is None else Client(registered, server=self.server, types=self._types())

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
            expires_at=self.grants.now() + token["expires_in"],
        )
        if "refresh_token" in token:
            self.grants.add_token(
                token["refresh_token"],
                kind="refresh",
                grant_id=granted.id,
                scope=granted.scope,
                expires_at=self.refresh_ends_at(granted),
            )
        elif request.refresh_token is not None and self.server.refresh_returned:
            token["refresh_token"] = request.form["refresh_token"]
        token.update(self._context(granted))
        token.update(self.server.token_members)

    def refresh_ends_at(self, grant: Granted) -> float | None:
        """Return when a refresh token of this grant ends that is given or used now; None never.

        A new token does not outlive the days after consent; each use begins the idle days anew.
        """
        ends = []
        if self.server.refresh_lifetime_days is not None:
            ends.append(grant.created_at + self.server.refresh_lifetime_days * DAY)
        if self.server.refresh_idle_days is not None:
            ends.append(self.grants.now() + self.server.refresh_idle_days * DAY)
        return min(ends, default=None)

    def introspected(self, token: Token) -> dict[str, Any]:
        """Describe a living token (RFC 7662)."""
        claims = {
            "active": True,
            "client_id": token.grant.client_id,
            "scope": token.scope,
            "sub": token.grant.patient,
            "patient": token.grant.patient,
            "iss": self.token_issuer,
        }
        return claims | ({} if token.expires_at is None else {"exp": int(token.expires_at)})

    # ---- the endpoints

    def validate_authorization(self, request: Request) -> Any:
        """Check an authorization request, return its grant. Raises `OAuth2Error`, with where to send it."""
        grant = self.get_consent_grant(request)
        try:
            self._check_aud(grant.request.payload.data.get("aud"))
            self._check_launch(grant.request)
        except OAuth2Error as error:
            error.redirect_uri, error.state = grant.redirect_uri, grant.request.payload.state
            raise
        return grant

    def launched(self, request: Request) -> Launched | None:
        """Return the launch that an authorization request belongs to, if it does."""
        asked = dict([*request.params, *request.form])
        token = asked.get("launch", "")
        return self._sign_ins.launched(token, client_id=asked.get("client_id", "")) if token else None

    def answer(self, grant: Any, who: Consenting | None) -> Response:
        """Send the browser back with a code, or with access_denied when `who` is None."""
        with self.grants.database.transaction():
            response: Response = self.create_authorization_response(
                grant.request, grant_user=who, grant=grant
            )
            launch = grant.request.payload.data.get("launch")
            if launch is not None:
                self._sign_ins.use_launch(launch)
        return self._named(response)

    def authorization_error(self, error: OAuth2Error) -> Response | None:
        """Send the browser back with an error; None where there is no redirect URI that may be trusted."""
        if not error.redirect_uri:
            return None
        return self._named(self.handle_response(*error(None)))

    def token(self, request: Request) -> Response:
        """Answer the token endpoint, one at a time: to look up a code or token and use it up is one step."""
        if self.server.form_client_id_required and not request.field("client_id"):
            answer = InvalidRequestError("Missing 'client_id' in the form")
            return self.handle_response(*answer(None))
        with self.grants.database.transaction():
            response: Response = self.create_token_response(request)
            return response

    def introspect(self, request: Request) -> Response:
        """Answer the introspection endpoint: to a client that proves itself, or to an access token."""
        response: Response
        if self.server.introspection_auth == "client":
            response = self.create_endpoint_response("introspection", request)
            return response
        scheme, _, own = request.headers.get("authorization", "").partition(" ")
        bearer = self.grants.token(own.strip(), kind="access") if scheme.lower() == "bearer" else None
        if bearer is None or not self.grants.is_alive(bearer):
            challenge = [("WWW-Authenticate", 'Bearer error="invalid_token"')]
            return json_response({"error": "invalid_token"}, status=401, headers=challenge)
        asked = self.grants.token(request.field("token"))
        if (
            asked is None
            or not self.grants.is_alive(asked)
            or asked.grant.client_id != bearer.grant.client_id
        ):
            return json_response({"active": False})
        return json_response(self.introspected(asked))

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

    def _check_aud(self, aud: str | None) -> None:
        match self.server.aud_check:
            case "exact":
                fits = aud == self.base_url
            case "bare":
                fits = aud == self.base_url.rstrip("/")
            case "lenient":
                fits = aud is None or aud.rstrip("/") == self.base_url.rstrip("/")
            case "refused":
                fits = aud is None
            case _:
                fits = True
        if not fits:
            raise InvalidRequestError("'aud' is not what this server takes")

    def _check_launch(self, request: OAuthRequest) -> None:
        launch = request.payload.data.get("launch")
        asked = (request.payload.scope or "").split()
        if launch is None:
            if "launch" in asked:
                raise InvalidScopeError("'launch' goes with a launch from the portal")
            if {"standalone", "provider"}.isdisjoint(self.server.flows):
                raise InvalidRequestError("apps are launched from the portal")
            return
        if "ehr" not in self.server.flows:
            raise InvalidRequestError("'launch' is not known here")
        if self._sign_ins.launched(launch, client_id=request.payload.client_id) is None:
            raise InvalidRequestError("'launch' is unknown, used up or too old")
        if "launch" not in asked:
            raise InvalidScopeError("a launch from the portal asks for 'launch'")

    def _context(self, grant: Granted) -> dict[str, Any]:
        """Return what a token response says of patient and surroundings.

        A patient who signs in is named where this server does so, and where they were asked for by a word
        that it knows. Whoever chose a patient, or was launched with one, is told.
        """
        context = dict(grant.context)
        if context:
            return {"patient": grant.patient, **context}
        if not grant.patient:
            return {}
        named = "launch/patient" in grant.scope.split() or "launch/patient" not in self.server.scope_words
        return {"patient": grant.patient} if self.server.patient_in_token and named else {}

    def _named(self, response: Response) -> Response:
        """Add `iss` to the way back, where the server does so (RFC 9207)."""
        location = dict(response.headers).get("Location")
        if location is None:
            return response
        if self.server.authorization_iss:
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
        seconds = expires_in or self.server.access_token_seconds
        token: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": self._access_token(user, scope, seconds),
            "expires_in": seconds,
            "scope": scope,
        }
        if include_refresh_token and scopes.refreshes(user.scope, server=self.server):
            token["refresh_token"] = secrets.token_urlsafe(32)
        return token

    def _access_token(self, grant: Granted, scope: str, seconds: int) -> str:
        if self.server.access_token == "opaque":  # noqa: S105 - a kind of token
            return secrets.token_urlsafe(32)
        now = int(self.grants.now())
        claims: dict[str, Any] = {
            "iss": self.token_issuer,
            "sub": grant.username or grant.user,
            "aud": self.base_url,
            "client_id": grant.client_id,
            "scope": scope,
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(12),
        }
        for name, value in self.server.token_claims.items():
            claims[name] = value.replace("{patient}", grant.patient)
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, self.key, ["RS256"])

    def holder(self, request: OAuthRequest, assertion: str) -> Client | None:
        """Return the client that signed an assertion for this token endpoint."""
        found = holder(
            assertion=assertion,
            clients=self.clients,
            grants=self.grants,
            audiences=self._audiences(request),
            algorithms=self.server.signing_algorithms,
        )
        return None if found is None else self.query_client(found.id)

    def _audiences(self, request: OAuthRequest) -> tuple[str, ...]:
        return (f"{self.origin}/oauth2/token", f"{self.origin}{urlsplit(request.uri).path}")

    def _authenticate_assertion(self, query_client: Any, request: OAuthRequest) -> Client | None:
        client = authenticate_assertion(
            form=request.form,
            clients=self.clients,
            grants=self.grants,
            algorithms=self.server.signing_algorithms,
            audiences=(f"{self.origin}/oauth2/token", f"{self.origin}{urlsplit(request.uri).path}"),
        )
        found: Client | None = None if client is None else query_client(client.id)
        return found
