"""What a server says of itself: its SMART configuration, with the CapabilityStatement as the older way.

SMART App Launch 2.2, "Conformance": `{base}/.well-known/smart-configuration`; before that the extension
`oauth-uris` of the CapabilityStatement.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, PortalError, RetryLater
from connectors.profile import Profile
from connectors.smart.replies import failure_of, read_object
from connectors.smart.server import Server

__all__ = ["Server", "discover"]

MAX_CONFIGURATION_BYTES: Final = 1024 * 1024  # the longest we know lists 600 scopes in 40 kB
MAX_CAPABILITY_BYTES: Final = 20 * 1024 * 1024  # some servers describe every search parameter at length
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_FROM_OAUTH_URIS: Final = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "introspect": "introspection_endpoint",
    "revoke": "revocation_endpoint",
    "register": "registration_endpoint",
}
_URLS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    "registration_endpoint",
)


def discover(*, egress: Egress, base_url: str, profile: Profile) -> Server:
    """Ask the FHIR server at `base_url` where people sign in and tokens are issued.

    Makes one request, and a second one where the first is not answered. Raises `RetryLater` when the server
    is busy or away, `EgressRefused` for an address that we do not contact, `BadReply` when it describes no
    usable configuration, or one whose addresses are not https.
    """
    base = base_url.rstrip("/") + "/"
    first: PortalError | None = None
    try:
        found = _from_well_known(egress, base)
    except (BadReply, RetryLater) as error:
        if isinstance(error, RetryLater) and error.status is None:
            raise  # nobody answered: a second question to the same host tells no more
        if error.status in {429, 503}:
            raise
        first, found = error, {}
    if not _usable(found):
        try:
            found = _from_capability(egress, base, profile)
        except BadReply as error:
            raise (first if isinstance(first, RetryLater) else error) from None
    if not _usable(found):
        raise first if isinstance(first, RetryLater) else BadReply("bad_discovery")
    return _server(found, base)


def _usable(found: Mapping[str, Any]) -> bool:
    return all(found.get(name) for name in ("authorization_endpoint", "token_endpoint"))


def _from_well_known(egress: Egress, base: str) -> dict[str, Any]:
    reply = egress.request(
        "GET",
        f"{base}.well-known/smart-configuration",
        headers={"Accept": "application/json"},
        max_bytes=MAX_CONFIGURATION_BYTES,
        redirects="check",
    )
    return _answered(reply)


def _from_capability(egress: Egress, base: str, profile: Profile) -> dict[str, Any]:
    reply = egress.request(
        "GET",
        f"{base}metadata",
        headers={**profile.fhir.headers, "Accept": profile.fhir.accept},
        max_bytes=MAX_CAPABILITY_BYTES,
        redirects="check",
    )
    found = {}
    for extension in _extensions(_answered(reply)):
        name = _FROM_OAUTH_URIS.get(str(extension.get("url")))
        value = extension.get("valueUri")
        if name and isinstance(value, str):
            found[name] = value
    return found


def _extensions(capability: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of every `oauth-uris` extension, of whatever else the document may be made."""
    for rest in _objects(capability.get("rest")):
        security = rest.get("security")
        for extension in _objects(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") == _OAUTH_URIS:
                yield from _objects(extension.get("extension"))


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _answered(reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        raise failure_of(reply) or BadReply("bad_discovery", status=reply.status)
    return read_object(reply)


def _server(found: Mapping[str, Any], base: str) -> Server:
    urls = {name: _checked(found[name], base) for name in _URLS if _text(found.get(name))}
    if not _usable(urls):
        raise BadReply("bad_discovery")
    return Server(
        authorization_endpoint=urls["authorization_endpoint"],
        token_endpoint=urls["token_endpoint"],
        issuer=_text(found.get("issuer")),
        revocation_endpoint=urls.get("revocation_endpoint", ""),
        introspection_endpoint=urls.get("introspection_endpoint", ""),
        jwks_uri=urls.get("jwks_uri", ""),
        registration_endpoint=urls.get("registration_endpoint", ""),
        capabilities=_texts(found.get("capabilities")),
        scopes_supported=_texts(found.get("scopes_supported")),
        code_challenge_methods=_texts(found.get("code_challenge_methods_supported")),
        auth_methods=_texts(found.get("token_endpoint_auth_methods_supported")),
        names_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _checked(address: str, base: str) -> str:
    """Return the absolute form of `address`, which must be https, or like the base in scheme, host and port.

    The egress judges where *we* go; nothing but this judges where the person's browser is sent.
    """
    try:
        url = urljoin(base, address)
        parts, own = urlsplit(url), urlsplit(base)
        fit = bool(parts.hostname) and not parts.fragment and parts.username is None
        same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        raise BadReply("bad_discovery") from None
    if not fit or any(letter.isspace() for letter in address) or (parts.scheme != "https" and not same):
        raise BadReply("bad_discovery")
    return url


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
