"""The authorization request and its answer (PURE).

SMART App Launch 2.2 "Obtain authorization code"; RFC 7636 (PKCE); RFC 9207 (`iss` in the answer). Never the
implicit flow, and no secret in an address: a browser's history keeps it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from connectors.errors import BadReply, Code, Denied, RetryLater
from connectors.profile import Profile
from connectors.smart.server import Server, origin

_STATE_BYTES: Final = 32  # 256 bits; the specification asks for 122
_VERIFIER_BYTES: Final = 64  # 86 characters; RFC 7636 allows 43 to 128
# What browsers, proxies and gateways carry in an address without fail.
LONGEST_ADDRESS: Final = 2000
# Parameters of the request that are ours to send or to leave out; `request` would stand for all the others.
_OURS: Final = frozenset(
    {
        "aud",
        "client_assertion",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "launch",
        "nonce",
        "request",
        "request_uri",
        "resource",
        "response_mode",
    }
)
_LONGEST_CODE: Final = 8192  # some servers put a whole JWT there; beyond this it is no code

_ANSWERS: Final[dict[str, Code]] = {
    "access_denied": "access_denied",
    "invalid_scope": "bad_scope",
    "unauthorized_client": "client_refused",
    "invalid_client": "client_refused",
    "login_required": "interaction_required",
    "interaction_required": "interaction_required",
    "consent_required": "interaction_required",
}


def new_state() -> str:
    """Return a fresh `state` of 256 bits: the caller binds it to user and session."""
    return secrets.token_urlsafe(_STATE_BYTES)


def new_nonce() -> str:
    """Return a fresh `nonce` of 256 bits, which the id_token must repeat."""
    return secrets.token_urlsafe(_STATE_BYTES)


def new_code_verifier() -> str:
    """Return a fresh PKCE verifier of 86 characters; one for each attempt."""
    return secrets.token_urlsafe(_VERIFIER_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What the person's browser is sent with: to `url` by GET, or by a form with `fields` to `url` by POST.

    It holds a state and a nonce, which only this person's browser may see, and no secret of ours. Its repr
    shows the endpoint alone.
    """

    url: str = field(repr=False)
    # Empty for GET.
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    method: Literal["GET", "POST"] = "GET"


def authorization_request(
    *,
    server: Server,
    profile: Profile,
    client_id: str,
    redirect_uri: str,
    scope: str,
    state: str,
    code_verifier: str,
    nonce: str | None,
    base_url: str,
    flow: Literal["standalone", "ehr", "provider"] = "standalone",
    launch: str | None = None,
) -> AuthorizationRequest:
    """Return where and how the person's browser goes: by GET, unless the address would be too long for some
    and the server takes a POST.

    `base_url`: the FHIR base as it was published, or the `iss` of an EHR launch as it was given; a slash at
    its end is part of it. `launch`: the value that an EHR handed us, with the flow "ehr" and with no other
    (ValueError). The nonce is sent when `scope` asks for an id_token. The profile's rewriting of the
    endpoint is for patients who begin here: a portal's own launch and staff go where discovery says.
    """
    if (launch is None) == (flow == "ehr"):
        raise ValueError("an EHR launch has a launch value, and no other flow has")
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
    }
    if profile.auth.aud == "strip_slash" and launch is None:
        parameters["aud"] = base_url.rstrip("/")
    elif profile.auth.aud != "omit":
        parameters["aud"] = base_url
    if launch is not None:
        parameters["launch"] = launch
    if nonce is not None and sends_nonce(scope=scope):
        parameters["nonce"] = nonce
    if profile.auth.pkce != "off":
        parameters["code_challenge"] = create_s256_code_challenge(code_verifier)
        parameters["code_challenge_method"] = "S256"
    endpoint = patient_endpoint(server=server, profile=profile) if flow == "standalone" else None
    return _request(endpoint or server.authorization_endpoint, parameters, server)


def patient_endpoint(*, server: Server, profile: Profile) -> str:
    """Return the authorization endpoint at which patients sign in: the discovered one as the profile mends
    it. Raises BadReply where that would lead to another server: a profile mends paths alone.
    """
    endpoint = server.authorization_endpoint
    for piece, instead in profile.auth.authorize_rewrite.items():
        endpoint = endpoint.replace(piece, instead)
    if endpoint != server.authorization_endpoint and not _same_origin(
        endpoint, server.authorization_endpoint
    ):
        raise BadReply("discovery_elsewhere")
    return endpoint


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin(one) == origin(other) and "@" not in urlsplit(one).netloc
    except ValueError:
        return False


def _request(endpoint: str, parameters: Mapping[str, str], server: Server) -> AuthorizationRequest:
    parts = urlsplit(endpoint)
    # What the endpoint's own query says stays, but it may not speak in our name.
    own = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters and name not in _OURS
    ]
    query = urlencode([*own, *parameters.items()])
    address = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    if len(address) <= LONGEST_ADDRESS or "authorize-post" not in server.capabilities:
        return AuthorizationRequest(url=address)
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(own), ""))
    return AuthorizationRequest(url=bare, fields=MappingProxyType(dict(parameters)), method="POST")


def sends_nonce(*, scope: str) -> bool:
    """Say whether a request for `scope` carries a nonce, so that the id_token must repeat it."""
    return "openid" in scope.split()


def code_from(*, answer: Mapping[str, str], server: Server, profile: Profile) -> str:
    """Return the authorization code in the query of a callback whose `state` the caller has found to be ours.

    `server`: the one pinned when the attempt began; nothing is ever taken from the callback but the code.
    Raises `Denied` when the portal or the person said no, and when `iss` names another issuer than the
    pinned ones (RFC 9207: the answer was mixed up with that of another server); `RetryLater` when the
    portal is busy; `BadReply` when there is no code.
    """
    # Of a server that signs identities under another issuer, either may stand in the answer: both are pinned.
    issuers = {*profile.auth.issuers, *((server.issuer,) if server.issuer else ())}
    # A server that says it names its issuer must: an answer without was not sent by it.
    if issuers and (server.names_issuer or "iss" in answer) and answer.get("iss") not in issuers:
        raise Denied("foreign_host")
    if "error" in answer:
        error = answer["error"]
        if error in {"server_error", "temporarily_unavailable"}:
            raise RetryLater("server_error")
        raise Denied(_ANSWERS.get(error, "request_refused"))
    code = answer.get("code", "")
    if not code or len(code) > _LONGEST_CODE:
        raise BadReply("bad_response")
    return code


def accepted_issuers(*, server: Server, profile: Profile) -> tuple[str, ...]:
    """Return the issuers that an id_token may name: those of the profile, else the discovered one."""
    return profile.auth.issuers or ((server.issuer,) if server.issuer else ())
