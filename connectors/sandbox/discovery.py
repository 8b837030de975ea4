"""What a portal says of itself, made from its server's block (captured documents stand in `capture.py`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.profile import Server
from connectors.sandbox import scopes
from connectors.sandbox.index import DATE_PARAMETERS

SEARCH_PARAMS: Final[Mapping[str, str]] = {
    "_id": "token",
    "patient": "reference",
    "category": "token",
    "code": "token",
    "intent": "token",
    "status": "token",
}
METHODS: Final = {
    "public": ("client-public", "none"),
    "client_secret_basic": ("client-confidential-symmetric", "client_secret_basic"),
    "client_secret_post": ("client-confidential-symmetric", "client_secret_post"),
    "private_key_jwt": ("client-confidential-asymmetric", "private_key_jwt"),
}
OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
# The names of the endpoints in the CapabilityStatement, and in the SMART configuration.
ENDPOINTS: Final[Mapping[str, str]] = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "revoke": "revocation_endpoint",
    "introspect": "introspection_endpoint",
    "register": "registration_endpoint",
}


class Discovery:
    """The documents of one portal at one address."""

    def __init__(self, *, server: Server, origin: str, base_url: str, token_issuer: str) -> None:
        """Describe the portal at `base_url`, its authorization server at `origin`."""
        self._server = server
        self._issuer = f"{origin}/oauth2"
        self._base_url = base_url
        self._token_issuer = token_issuer

    def endpoints(self) -> dict[str, str]:
        """Return every endpoint that there is, by its name in the SMART configuration."""
        persona = "/personas/provider" if self._server.provider_persona else ""
        found = {
            "authorization_endpoint": f"{self._issuer}{persona}/authorize",
            "token_endpoint": f"{self._issuer}/token",
            "revocation_endpoint": f"{self._issuer}/revoke",
            "introspection_endpoint": f"{self._issuer}/introspect",
            "jwks_uri": f"{self._issuer}/jwks",
        }
        if self._server.dynamic_registration != "none":
            found["registration_endpoint"] = f"{self._issuer}/register"
        return found

    def smart_configuration(self, types: Sequence[str]) -> dict[str, Any]:
        """Write `.well-known/smart-configuration` for a server that knows these types."""
        return {**self._oauth(types), "issuer": self._issuer, "capabilities": self._capabilities()}

    def openid_configuration(self, types: Sequence[str]) -> dict[str, Any]:
        """Write the issuer's `.well-known/openid-configuration`."""
        return {
            **self._oauth(types),
            "issuer": self._token_issuer,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["aud", "exp", "fhirUser", "iat", "iss", "nonce", "sub"],
        }

    def oauth_uris(self, *, registers: bool) -> dict[str, str]:
        """Return the endpoints as a CapabilityStatement names them; `registers`: that for clients too."""
        found = self.endpoints()
        return {
            name: found[key]
            for name, key in ENDPOINTS.items()
            if key in found and (registers or name != "register")
        }

    def capability_statement(self, types: Sequence[str], *, registers: bool) -> dict[str, Any]:
        """Write `metadata` for a server that knows these types, with where to authorize."""
        oauth = {
            "url": OAUTH_URIS,
            "extension": [
                {"url": name, "valueUri": url} for name, url in self.oauth_uris(registers=registers).items()
            ],
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
        server = self._server
        described: dict[str, Any] = {"type": resource_type, "interaction": [{"code": "read"}]}
        by_revinclude = resource_type == "Provenance" and server.provenance_by_revinclude
        hidden = resource_type in server.not_searched and resource_type not in server.listed_anyway
        if server.search and not hidden and not by_revinclude:
            params = {"_id": "token"} if resource_type == "Patient" else dict(SEARCH_PARAMS)
            params |= dict.fromkeys(DATE_PARAMETERS.get(resource_type, ()), "date")
            answered = server.last_updated
            if answered is True or (answered is not False and resource_type in answered):
                params["_lastUpdated"] = "date"
            if resource_type in server.created:
                params[server.created[resource_type]] = "date"
            described["interaction"].append({"code": "search-type"})
            described["searchParam"] = [{"name": name, "type": kind} for name, kind in params.items()]
            described["searchRevInclude"] = ["Provenance:target"]
            if resource_type == "MedicationRequest":
                described["searchInclude"] = ["MedicationRequest:medication"]
        if resource_type == "Patient" and server.everything:
            described["operation"] = [
                {
                    "name": "everything",
                    "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
                }
            ]
        return described

    def _capabilities(self) -> list[str]:
        server = self._server
        named = ["authorize-post", "permission-patient", "permission-user"]
        named += ["launch-standalone"] if {"standalone", "provider"} & set(server.flows) else []
        named += ["launch-ehr", "context-ehr-patient", "context-banner"] if "ehr" in server.flows else []
        named += [f"permission-{version}" for version in server.scope_versions]
        named += [METHODS[method][0] for method in server.client_auth]
        named += ["context-standalone-patient"] if server.patient_in_token else []
        named += ["sso-openid-connect"] if server.id_token else []
        named += ["permission-offline"] if server.refresh_given else []
        return list(dict.fromkeys(named))

    def _oauth(self, types: Sequence[str]) -> dict[str, Any]:
        server = self._server
        endpoints = self.endpoints()
        grants = ["authorization_code"]
        grants += ["refresh_token"] if server.refresh_given else []
        bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        grants += [bearer] if server.dynamic_registration == "software_id" else []
        grants += ["client_credentials"] if "backend" in server.flows else []
        # Named in the CapabilityStatement, and there only to who says which app it is.
        if server.register_needs_header:
            endpoints.pop("registration_endpoint", None)
        return {
            **endpoints,
            "token_endpoint_auth_methods_supported": [METHODS[method][1] for method in server.client_auth],
            "token_endpoint_auth_signing_alg_values_supported": list(server.signing_algorithms),
            "grant_types_supported": grants,
            "response_types_supported": ["code"],
            "scopes_supported": scopes.supported(types, server=server),
            "code_challenge_methods_supported": [] if server.pkce == "broken" else ["S256"],
            "authorization_response_iss_parameter_supported": server.authorization_iss,
        }
