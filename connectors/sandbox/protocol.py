"""Requests, clients, codes and tokens of ours, dressed as Authlib asks for them."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Payload, OAuth2Request

from connectors.profile import Server
from connectors.sandbox import scopes
from connectors.sandbox.clients import Registered
from connectors.sandbox.grants import Code, Token
from connectors.sandbox.http import Request

# What RFC 7591 calls the methods that a server names.
METHODS: Final[Mapping[str, str]] = {"public": "none"}


class Payload(OAuth2Payload):  # type: ignore[misc]
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


class OAuthRequest(OAuth2Request):  # type: ignore[misc]
    def __init__(self, request: Request, *, origin: str) -> None:
        headers = (
            {"Authorization": request.headers["authorization"]} if "authorization" in request.headers else {}
        )
        super().__init__(request.method, origin + request.path, headers=headers)
        self.payload = Payload([*request.params, *request.form])
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

    def __init__(self, registered: Registered, *, server: Server, types: Sequence[str]) -> None:
        """`server` decides what scope is granted; `types`: what a registration for everything lists."""
        self.registered = registered
        self._server = server
        self._types = types

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
        registered = ""
        if self._server.scopes_granted == "registration":
            registered = self.registered.scope or scopes.registration(self._types, server=self._server)
        return scopes.granted(scope or "", server=self._server, registered=registered)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare exactly."""
        return redirect_uri in self.registered.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time."""
        return secrets.compare_digest(self.registered.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Hold the client to the method of its registration, which must be one that the server has."""
        own = self.registered.method
        return own in self._server.client_auth and METHODS.get(own, own) == method

    def check_response_type(self, response_type: str) -> bool:
        """Know the code flow only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Refresh where the server gives refresh tokens; be a client alone where there is that flow."""
        match grant_type:
            case "authorization_code":
                return True
            case "refresh_token":
                return self._server.refresh_given
            case "client_credentials":
                return "backend" in self._server.flows and self.registered.method != "public"
        return False


class IssuedCode:
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


class IssuedToken:
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
