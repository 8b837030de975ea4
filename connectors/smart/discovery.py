"""What a server says of itself: its SMART configuration, with the CapabilityStatement as the older way.

SMART App Launch 2.2, "Conformance": `{base}/.well-known/smart-configuration`; before that the extension
`oauth-uris` of the CapabilityStatement.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from connectors.egress import Egress, Reply
from connectors.errors import BadReply, Code, PortalError, RetryLater
from connectors.profile import Profile
from connectors.smart.documents import Document, DocumentCache, fetch_document
from connectors.smart.replies import read_object
from connectors.smart.server import OpenId, Server, origin

__all__ = ["OpenId", "Server", "discover", "fetch_openid", "headers_for"]

MAX_CONFIGURATION_BYTES: Final = 1024 * 1024  # the longest we know lists 600 scopes in 40 kB
MAX_CAPABILITY_BYTES: Final = 20 * 1024 * 1024  # some servers describe every search parameter at length
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_FROM_OAUTH_URIS: Final = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "introspect": "introspection_endpoint",
    "revoke": "revocation_endpoint",
    "register": "registration_endpoint",
    "manage": "management_endpoint",
}
_URLS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "management_endpoint",
    "user_access_brand_bundle",
)
# Addresses that a connection can do without: one that is unfit is passed over, and the rest stays usable.
_OPTIONAL: Final = frozenset({"management_endpoint", "user_access_brand_bundle"})
# What a token or a proof of ours is sent to stands where the token endpoint stands.
_WITH_TOKENS: Final = ("revocation_endpoint", "introspection_endpoint", "registration_endpoint")
_LISTS: Final = (
    "capabilities",
    "grant_types_supported",
    "scopes_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_methods",
    "token_endpoint_auth_signing_alg_values_supported",
)
_WORDS: Final = ("issuer", "user_access_brand_identifier")
_FLAG: Final = "authorization_response_iss_parameter_supported"
# Of two documents that both fail, the first has the better reason where it is one of these.
_TELLING: Final[frozenset[Code]] = frozenset(
    {"html", "not_json", "too_large", "too_deep", "discovery_elsewhere"}
)
_MOST_WORDS: Final = 4000  # six times the longest list that we know


def headers_for(*, profile: Profile, client_id: str) -> dict[str, str]:
    """Return the profile's headers with our client id in its place; without one, those that need none."""
    return {
        name: value.replace("{client_id}", client_id)
        for name, value in profile.fhir.headers.items()
        if client_id or "{client_id}" not in value
    }


def discover(
    *,
    egress: Egress,
    base_url: str,
    profile: Profile,
    client_id: str = "",
    cache: DocumentCache | None = None,
) -> Server:
    """Ask the FHIR server at `base_url` where people sign in and tokens are issued.

    Makes one request, and a second one where the first is not answered, or where the profile's dynamic
    registration needs an address that the first does not name; none where `cache` still has the answer.
    `client_id`: ours, for a profile whose headers name it.

    Raises `RetryLater` when the server is busy or away, `EgressRefused` for an address that we do not
    contact, and `BadReply`: `bad_discovery` when it describes no usable configuration or one whose addresses
    are not https, `discovery_elsewhere` when another server answers for it, or when its code and its token
    endpoint stand on two servers (then a code would be given away), `html`, `not_json`, `too_large`,
    `too_deep` for a document that is none.
    """
    base = base_url.rstrip("/") + "/"
    headers = headers_for(profile=profile, client_id=client_id)
    first: PortalError | None = None
    found: Mapping[str, Any] = {}
    try:
        found = _from_well_known(egress, base, headers, cache)
    except (BadReply, RetryLater) as error:
        if isinstance(error, RetryLater) and error.status is None:
            raise  # nobody answered: a second question to the same host tells no more
        if error.status in {429, 503}:
            raise
        first = error
    if not _usable(found):
        try:
            found = _from_capability(egress, base, profile, headers, cache)
        except BadReply as error:
            telling = isinstance(first, RetryLater) or (first is not None and first.code in _TELLING)
            raise (first if first is not None and telling else error) from None
    elif profile.auth.dynamic_registration != "none" and not found.get("registration_endpoint"):
        found = {**_registration(egress, base, profile, headers, cache), **found}
    if not _usable(found):
        telling = isinstance(first, RetryLater) or (first is not None and first.code in _TELLING)
        raise first if first is not None and telling else BadReply("bad_discovery")
    return _server(found, base)


def fetch_openid(
    *, egress: Egress, issuer: str, cache: DocumentCache | None = None, anew: bool = False
) -> OpenId:
    """Ask an issuer for its openid-configuration (OpenID Connect Discovery 1.0, section 4).

    Raises RetryLater, EgressRefused, and BadReply for a document that is none, or that is another issuer's.
    """
    found = fetch_document(
        egress=egress,
        url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        read=read_object,
        max_bytes=MAX_CONFIGURATION_BYTES,
        cache=cache,
        anew=anew,
    )
    if found.get("issuer") != issuer:
        raise BadReply("bad_discovery")
    return OpenId(
        issuer=issuer,
        jwks_uri=_text(found.get("jwks_uri")),
        authorization_endpoint=_text(found.get("authorization_endpoint")),
        token_endpoint=_text(found.get("token_endpoint")),
        signing_algorithms=_texts(found.get("id_token_signing_alg_values_supported")),
    )


def _usable(found: Mapping[str, Any]) -> bool:
    return all(found.get(name) for name in ("authorization_endpoint", "token_endpoint"))


def _from_well_known(
    egress: Egress, base: str, headers: Mapping[str, str], cache: DocumentCache | None
) -> Document:
    return fetch_document(
        egress=egress,
        url=f"{base}.well-known/smart-configuration",
        headers={**headers, "Accept": "application/json"},
        read=_read_configuration,
        max_bytes=MAX_CONFIGURATION_BYTES,
        cache=cache,
    )


def _from_capability(
    egress: Egress, base: str, profile: Profile, headers: Mapping[str, str], cache: DocumentCache | None
) -> Document:
    return fetch_document(
        egress=egress,
        url=f"{base}metadata",
        headers={**headers, "Accept": profile.fhir.accept},
        read=_read_oauth_uris,
        max_bytes=MAX_CAPABILITY_BYTES,
        cache=cache,
    )


def _registration(
    egress: Egress, base: str, profile: Profile, headers: Mapping[str, str], cache: DocumentCache | None
) -> Document:
    """Return the registration endpoint where the CapabilityStatement alone names it, or nothing."""
    try:
        found = _from_capability(egress, base, profile, headers, cache)
    except (BadReply, RetryLater):
        return {}  # everybody but who registers can do without
    return {name: value for name, value in found.items() if name == "registration_endpoint"}


def _read_configuration(reply: Reply) -> Document:
    """Keep what we know of a document: it stays in memory for a while, and may hold anything."""
    found = read_object(reply)
    return {name: found[name] for name in (*_URLS, *_LISTS, *_WORDS, _FLAG) if name in found}


def _read_oauth_uris(reply: Reply) -> Document:
    found = {}
    for extension in _extensions(read_object(reply)):
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


def _server(found: Mapping[str, Any], base: str) -> Server:
    urls: dict[str, str] = {}
    for name in _URLS:
        if address := _text(found.get(name)):
            try:
                urls[name] = _checked(address, base)
            except BadReply:
                if name not in _OPTIONAL:
                    raise
    if not _usable(urls):
        raise BadReply("bad_discovery")
    tokens = origin(urls["token_endpoint"])
    # Of 12,000 portals whose two endpoints are published, none has them on two servers (docs/design-notes.md).
    if origin(urls["authorization_endpoint"]) != tokens:
        raise BadReply("discovery_elsewhere")
    left_out = tuple(
        name for name in _WITH_TOKENS if name in urls and origin(urls[name]) not in {tokens, origin(base)}
    )
    for name in left_out:
        del urls[name]
    return Server(
        **{name: urls.get(name, "") for name in _URLS},
        issuer=_text(found.get("issuer")),
        user_access_brand_identifier=_text(found.get("user_access_brand_identifier")),
        capabilities=_texts(found.get("capabilities")),
        grant_types=_texts(found.get("grant_types_supported")),
        scopes_supported=_texts(found.get("scopes_supported")),
        code_challenge_methods=_texts(found.get("code_challenge_methods_supported")),
        # Without "_supported" in some documents, which means the same.
        auth_methods=_texts(found.get("token_endpoint_auth_methods_supported"))
        or _texts(found.get("token_endpoint_auth_methods")),
        signing_algorithms=_texts(found.get("token_endpoint_auth_signing_alg_values_supported")),
        names_issuer=found.get(_FLAG) is True,
        left_out=left_out,
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
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(item for item in value[:_MOST_WORDS] if isinstance(item, str)))
