"""A vendor's captured documents, served as this portal's own: addresses rewritten, everything else verbatim.

What a profile has misread cannot pass on both sides then: the client reads what the vendor's server said.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.sandbox.spec import Captured

# Members of the configurations that are addresses of endpoints, and what ours is called.
PATHS: Final[Mapping[str, str]] = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "revocation_endpoint": "revoke",
    "introspection_endpoint": "introspect",
    "registration_endpoint": "register",
    "jwks_uri": "jwks",
}
OAUTH_URIS: Final = "/StructureDefinition/oauth-uris"
PERSONAS: Final = ("patient", "provider")


def configuration(document: Mapping[str, Any], *, oauth_url: str) -> dict[str, Any]:
    """Rewrite a SMART or OpenID configuration for the authorization server at `oauth_url`.

    The issuer stays: it is a name, and that of the tokens may be another one.
    """
    return {
        name: _address(name, value, oauth_url)
        if isinstance(value, str) and name.endswith(("_endpoint", "_uri"))
        else value
        for name, value in document.items()
    }


def capability_statement(
    document: Mapping[str, Any], *, base_url: str, oauth_url: str, registers: bool
) -> dict[str, Any]:
    """Rewrite a CapabilityStatement. `registers`: name the endpoint for new clients though it does not."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    if isinstance(found.get("implementation"), dict) and "url" in found["implementation"]:
        found["implementation"]["url"] = base_url
    for rest in found.get("rest", []):
        for extension in rest.get("security", {}).get("extension", []):
            if not str(extension.get("url", "")).endswith(OAUTH_URIS):
                continue
            for part in extension.get("extension", []):
                part["valueUri"] = _address(
                    f"{part.get('url')}_endpoint", str(part.get("valueUri", "")), oauth_url
                )
            if registers and "register" not in {part.get("url") for part in extension["extension"]}:
                extension["extension"].append({"url": "register", "valueUri": f"{oauth_url}/register"})
    return found


def types(captured: Captured) -> tuple[str, ...]:
    """List the types that the captured CapabilityStatement names; () where there is none."""
    if captured.capability is None:
        return ()
    rest = captured.capability.get("rest", [])
    return tuple(str(each["type"]) for part in rest for each in part.get("resource", []))


def token_issuer(captured: Captured, *, told: str, own: str) -> str:
    """Return the issuer of tokens: the captured one, else what the server's block tells, else the SMART one."""
    if captured.openid_configuration is not None and captured.openid_configuration.get("issuer"):
        return str(captured.openid_configuration["issuer"])
    return told or issuer(captured, own=own)


def issuer(captured: Captured, *, own: str) -> str:
    """Return the issuer that the SMART configuration names."""
    return str((captured.smart_configuration or {}).get("issuer") or own)


def _address(name: str, value: str, oauth_url: str) -> str:
    known = {**PATHS, **{f"{each}_endpoint": each for each in PATHS.values()}}
    path = known.get(name, name.removesuffix("_endpoint"))
    if path == "authorize":
        # Which kind of user an authorization endpoint is for is a fact, and stays.
        parts = urlsplit(value).path.split("/")
        for persona in PERSONAS:
            if "personas" in parts and persona in parts:
                return f"{oauth_url}/personas/{persona}/authorize"
    return f"{oauth_url}/{path}"
