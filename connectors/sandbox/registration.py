"""Apps that register themselves: RFC 7591, and the kind that makes one client for each consent."""

import ipaddress
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from connectors.profile import ClientMethod, Server
from connectors.sandbox.clients import Clients, Registered, has_secret
from connectors.sandbox.discovery import METHODS
from connectors.sandbox.grants import Grants, digest
from connectors.sandbox.http import Request, Response, json_response

GRANT_TYPES: Final = frozenset({"authorization_code", "refresh_token"})
NO_STORE: Final = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
# Members of a request that come back as they were understood.
ECHOED: Final = ("client_name", "client_uri", "logo_uri", "contacts", "tos_uri", "policy_uri", "software_id")


class RefusedError(Exception):
    """A registration that is declined: the error of RFC 7591, section 3.2.2, and the status."""

    def __init__(self, error: str, text: str, *, status: int = 400) -> None:
        """`text`: `error_description`."""
        super().__init__(text)
        self.error = error
        self.status = status


class Registration:
    """The registration endpoint of one portal."""

    def __init__(
        self,
        *,
        server: Server,
        clients: Clients,
        grants: Grants,
        initial_access_token: str,
        fetch_keys: Callable[[str], Mapping[str, Any]] | None,
    ) -> None:
        """Register as `server` does. `fetch_keys`: reads a `jwks_uri`; without it those are declined."""
        self._server = server
        self._clients = clients
        self._grants = grants
        self._initial_access_token = initial_access_token
        self._fetch_keys = fetch_keys

    def answer(self, request: Request, *, url: str) -> Response | None:
        """Answer a POST to the endpoint at `url`; None where there is none."""
        kind = self._server.dynamic_registration
        if kind == "none":
            return None
        try:
            asked = _object(request.body)
            made = self._own(request, asked) if kind == "rfc7591" else self._device(request, asked)
        except RefusedError as error:
            answer = {"error": error.error, "error_description": str(error)}
            challenge = [("WWW-Authenticate", "Bearer")] if error.status == 401 else []
            return json_response(answer, status=error.status, headers=[*NO_STORE, *challenge])
        token = secrets.token_urlsafe(24)
        self._grants.database.set_setting(f"registration:{made['client_id']}", digest(token))
        made |= {
            "client_id_issued_at": int(self._grants.now()),
            "registration_access_token": token,
            "registration_client_uri": f"{url}/{made['client_id']}",
        }
        return json_response(made, status=201, headers=NO_STORE)

    def manage(self, request: Request, identifier: str) -> Response | None:
        """Answer the client's own address (RFC 7592): GET shows what is registered, DELETE ends it."""
        held = self._clients.find(identifier)
        known = self._grants.database.setting(f"registration:{identifier}")
        if held is None or not known or digest(_bearer(request)) != known:
            return json_response({"error": "invalid_token"}, status=401)
        if request.method == "DELETE":
            self._clients.remove(identifier)
            return Response(status=204)
        return json_response(self._described(held), headers=NO_STORE)

    def grant_of(self, client_id: str) -> int | None:
        """Return the consent that a client was made for."""
        held = self._grants.database.setting(f"consent:{client_id}")
        return None if held is None else int(held)

    # ---- RFC 7591

    def _own(self, request: Request, asked: Mapping[str, Any]) -> dict[str, Any]:
        token = self._initial_access_token
        if token and not secrets.compare_digest(_bearer(request), token):
            raise RefusedError("invalid_token", "an initial access token is due", status=401)
        redirect_uris = asked.get("redirect_uris")
        if (
            not isinstance(redirect_uris, list)
            or not redirect_uris
            or not all(map(_redirects, redirect_uris))
        ):
            raise RefusedError(
                "invalid_redirect_uri", "redirect URIs are absolute, and https off this machine"
            )
        if set(asked.get("response_types", ["code"])) != {"code"}:
            raise RefusedError("invalid_client_metadata", "the response type is code")
        grant_types = list(asked.get("grant_types", ["authorization_code"]))
        if not set(grant_types) <= GRANT_TYPES:
            raise RefusedError("invalid_client_metadata", "a grant type is not known")
        if not self._server.refresh_given:
            grant_types = [each for each in grant_types if each != "refresh_token"]
        method = self._method(asked.get("token_endpoint_auth_method", "client_secret_basic"))
        made = self._clients.add(
            method=method,
            redirect_uris=redirect_uris,
            scope=str(asked.get("scope", "")),
            jwks=self._keys(asked) if method == "private_key_jwt" else None,
            name=str(asked.get("client_name", "")),
            launch_url=str(asked.get("initiate_login_uri", "")),
        )
        return self._described(made) | {
            "grant_types": grant_types,
            "response_types": ["code"],
            **{name: asked[name] for name in ECHOED if name in asked},
        }

    def _method(self, asked: object) -> ClientMethod:
        for method in self._server.client_auth:
            if METHODS[method][1] == asked:
                return method
        raise RefusedError("invalid_client_metadata", "this client authentication is not offered")

    def _keys(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if "jwks_uri" in asked and "jwks" in asked:
            raise RefusedError("invalid_client_metadata", "keys come by value or by address")
        keys = asked.get("jwks")
        if "jwks_uri" in asked and self._fetch_keys is not None:
            keys = self._fetch_keys(str(asked["jwks_uri"]))
        return _public(keys)

    def _described(self, client: Registered) -> dict[str, Any]:
        found: dict[str, Any] = {
            "client_id": client.id,
            "token_endpoint_auth_method": METHODS[client.method][1],
            "redirect_uris": list(client.redirect_uris),
        }
        if has_secret(client.method):
            found |= {"client_secret": client.secret, "client_secret_expires_at": 0}
        if client.jwks is not None:
            found["jwks"] = client.jwks
        if client.scope:
            found["scope"] = client.scope
        return found

    # ---- one client for each consent

    def _device(self, request: Request, asked: Mapping[str, Any]) -> dict[str, Any]:
        held = self._grants.token(_bearer(request), kind="access")
        if held is None or not self._grants.is_alive(held):
            raise RefusedError("invalid_token", "the access token of a consent is due", status=401)
        if asked.get("software_id") != held.grant.client_id:
            raise RefusedError("invalid_client_metadata", "software_id is not the app of the access token")
        made = self._clients.add(method="private_key_jwt", jwks=_public(asked.get("jwks")))
        self._grants.database.set_setting(f"consent:{made.id}", str(held.grant.id))
        return {
            "client_id": made.id,
            "software_id": held.grant.client_id,
            "token_endpoint_auth_method": "none",
            "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "jwks": made.jwks,
        }


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError("invalid_client_metadata", "the request is no JSON object")
    return found


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _redirects(uri: object) -> bool:
    if not isinstance(uri, str):
        return False
    parts = urlsplit(uri)
    if not parts.hostname or parts.fragment:
        return False
    if parts.scheme == "https" or parts.hostname == "localhost":
        return parts.scheme in {"https", "http"}
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def _public(keys: object) -> Mapping[str, Any]:
    """Return a set of public keys. Raises `RefusedError` for anything else, a private key above all."""
    refused = RefusedError("invalid_client_metadata", "jwks is no set of public keys")
    if not isinstance(keys, Mapping) or not keys.get("keys"):
        raise refused
    try:
        found = KeySet.import_key_set(keys)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError):
        raise refused from None
    if any(key.is_private for key in found.keys):
        raise refused
    serialized: KeySetSerialization = found.as_dict(private=False)
    return dict(serialized)
