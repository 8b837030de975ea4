"""What a portal says of itself: the one place where a vendor's captured document would be served from."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.profile import Profile

SEARCH_PARAMS: Final[Mapping[str, str]] = {
    "_id": "token",
    "patient": "reference",
    "category": "token",
    "code": "token",
    "date": "date",
    "intent": "token",
    "status": "token",
}
METHODS: Final = {
    "public": ("client-public", "none"),
    "client_secret_basic": ("client-confidential-symmetric", "client_secret_basic"),
    "client_secret_post": ("client-confidential-symmetric", "client_secret_post"),
    "private_key_jwt": ("client-confidential-asymmetric", "private_key_jwt"),
}


class Discovery:
    """The documents of one portal at one address."""

    def __init__(self, *, profile: Profile, origin: str, base_url: str) -> None:
        """Describe the portal at `base_url`, its authorization server at `origin`."""
        self._profile = profile
        self._issuer = f"{origin}/oauth2"
        self._base_url = base_url

    def smart_configuration(self) -> dict[str, Any]:
        """Write `.well-known/smart-configuration`."""
        server = self._profile.server
        capabilities = ["launch-standalone", "authorize-post", "permission-patient", "permission-user"]
        capabilities += [f"permission-{self._profile.scopes.version}"]
        capabilities += [METHODS[method][0] for method in server.client_auth]
        if server.patient_in_token:
            capabilities.append("context-standalone-patient")
        if server.id_token:
            capabilities.append("sso-openid-connect")
        if self._profile.server.refresh_given:
            capabilities.append("permission-offline")
        return {**self._oauth(), "capabilities": list(dict.fromkeys(capabilities))}

    def openid_configuration(self) -> dict[str, Any]:
        """Write the issuer's `.well-known/openid-configuration`."""
        return {
            **self._oauth(),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["aud", "exp", "fhirUser", "iat", "iss", "nonce", "sub"],
        }

    def capability_statement(self, types: Sequence[str]) -> dict[str, Any]:
        """Write `metadata` for a server that knows these types, with where to authorize."""
        names = ("authorize", "token", "revoke", "introspect")
        oauth = {
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [{"url": name, "valueUri": f"{self._issuer}/{name}"} for name in names],
        }
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-01-01",
            "kind": "instance",
            "software": {"name": "sandbox portal"},
            "implementation": {
                "description": "a sandbox portal, nobody's real record",
                "url": self._base_url,
            },
            "fhirVersion": "4.0.1",
            "format": ["json", "application/fhir+json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"extension": [oauth]},
                    "resource": [self._capability(name) for name in types],
                }
            ],
        }

    def _capability(self, resource_type: str) -> dict[str, Any]:
        server = self._profile.server
        params = {"_id": "token"} if resource_type == "Patient" else dict(SEARCH_PARAMS)
        if server.last_updated:
            params["_lastUpdated"] = "date"
        described: dict[str, Any] = {
            "type": resource_type,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": name, "type": kind} for name, kind in params.items()],
            "searchRevInclude": ["Provenance:target"],
        }
        if resource_type == "Patient" and server.everything:
            described["operation"] = [{"name": "everything"}]
        return described

    def _oauth(self) -> dict[str, Any]:
        refreshes = ["refresh_token"] if self._profile.server.refresh_given else []
        methods = [METHODS[method][1] for method in self._profile.server.client_auth]
        return {
            "issuer": self._issuer,
            "jwks_uri": f"{self._issuer}/jwks",
            "authorization_endpoint": f"{self._issuer}/authorize",
            "token_endpoint": f"{self._issuer}/token",
            "revocation_endpoint": f"{self._issuer}/revoke",
            "introspection_endpoint": f"{self._issuer}/introspect",
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "grant_types_supported": ["authorization_code", *refreshes],
            "response_types_supported": ["code"],
            "scopes_supported": self._scopes(),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self._profile.server.authorization_iss,
        }

    def _scopes(self) -> list[str]:
        scopes = self._profile.scopes
        suffix = "read" if scopes.version == "v1" else "rs"
        types = [*scopes.resources]
        if self._profile.server.scope_wildcards != "refused":
            types.insert(0, "*")
        words = [*scopes.identity, "launch/patient", scopes.offline, *scopes.extra]
        return [*(word for word in words if word), *(f"patient/{name}.{suffix}" for name in types)]
