"""How a server lets people and programs in, held against a profile."""

from collections.abc import Collection, Iterator
from typing import Final

from connectors.profile import ClientMethod, Profile
from connectors.smart.examine.finding import Finding, listed, toml_array
from connectors.smart.keys import ALGORITHMS
from connectors.smart.server import OpenId, Server

# The name of a client's method in discovery, and ours.
_METHODS: Final[dict[str, ClientMethod]] = {
    "none": "public",
    "client_secret_basic": "client_secret_basic",
    "client_secret_post": "client_secret_post",
    "private_key_jwt": "private_key_jwt",
}
_CLIENT_CAPABILITIES: Final[dict[str, frozenset[ClientMethod]]] = {
    "client-public": frozenset({"public"}),
    "client-confidential-symmetric": frozenset({"client_secret_basic", "client_secret_post"}),
    "client-confidential-asymmetric": frozenset({"private_key_jwt"}),
}


def differences(*, server: Server, openid: OpenId | None, profile: Profile) -> Iterator[Finding]:
    """Yield what discovery says otherwise than the profile; nothing of what it does not speak of."""
    yield from _clients(server, profile)
    yield from _flows(server, profile)
    yield from _authorization(server, profile)
    yield from _issuers(server, openid, profile)
    yield from _tokens(server, profile)


def _clients(server: Server, profile: Profile) -> Iterator[Finding]:
    named = {_METHODS[name] for name in server.auth_methods if name in _METHODS}
    by_capability = {
        method
        for name, methods in _CLIENT_CAPABILITIES.items()
        if name in server.capabilities
        for method in methods
    }
    # "none" is left out of most lists, although the capability says that public clients are welcome.
    seen = (named | (by_capability & {"public"})) if named else by_capability
    ours = profile.auth.clients
    if seen and not seen & set(ours):
        yield Finding(
            field="auth.clients",
            severity="stops_connecting",
            expected=listed(ours),
            seen=listed(_in_order(seen)),
            sentence="The server takes none of the ways in which the profile lets us prove ourselves.",
            change=f"[auth]\nclients = {toml_array(_in_order(seen))}",
        )
    elif seen and seen != set(ours):
        kept = (*(each for each in ours if each in seen), *_in_order(seen - set(ours)))
        yield Finding(
            field="auth.clients",
            severity="differs",
            expected=listed(ours),
            seen=listed(_in_order(seen)),
            sentence="The server lists other ways of proving a client than the profile.",
            change=f"[auth]\nclients = {toml_array(kept)}",
        )
    algorithms = server.signing_algorithms
    if "private_key_jwt" in ours and algorithms and not set(ALGORITHMS) & set(algorithms):
        yield Finding(
            field="auth.clients",
            severity="stops_connecting" if ours == ("private_key_jwt",) else "differs",
            expected=listed(ALGORITHMS),
            seen=listed(algorithms),
            sentence="The server lists no algorithm with which we may sign: a key will not be accepted.",
        )


def _flows(server: Server, profile: Profile) -> Iterator[Finding]:
    if not server.capabilities:
        return
    offered = {
        "standalone": "launch-standalone" in server.capabilities,
        "ehr": "launch-ehr" in server.capabilities,
        "provider": {"launch-standalone", "permission-user"} <= set(server.capabilities),
        "backend": "client_credentials" in server.grant_types,
    }
    flows = profile.auth.flows
    for flow in flows:
        if not offered[flow] and (flow != "backend" or server.grant_types):
            yield Finding(
                field="auth.flows",
                severity="differs",
                expected=flow,
                seen="not listed",
                sentence=f'The server does not say that it offers the flow "{flow}".',
                change=f"[auth]\nflows = {toml_array(tuple(each for each in flows if each != flow))}",
            )
    further = tuple(flow for flow, there in offered.items() if there and flow not in flows)
    if further:
        yield Finding(
            field="auth.flows",
            severity="note",
            expected=listed(flows),
            seen=listed(further),
            sentence="The server also offers what the profile does not use.",
            change=f"[auth]\nflows = {toml_array((*flows, *further))}",
        )


def _authorization(server: Server, profile: Profile) -> Iterator[Finding]:
    challenges = server.code_challenge_methods
    if profile.auth.pkce == "off" and "S256" in challenges:
        yield Finding(
            field="auth.pkce",
            severity="differs",
            expected="off",
            seen="S256",
            sentence="The server says that it takes PKCE, which the profile switches off.",
            change='[auth]\npkce = "send"',
        )
    if profile.auth.pkce == "send" and challenges and "S256" not in challenges:
        yield Finding(
            field="auth.pkce",
            severity="note",
            expected="S256",
            seen=listed(challenges),
            sentence="The server does not list the kind of PKCE that we send; most servers then ignore it.",
        )
    for piece, instead in profile.auth.authorize_rewrite.items():
        if piece not in server.authorization_endpoint:
            yield Finding(
                field="auth.authorize_rewrite",
                severity="note",
                expected=piece,
                seen="not there",
                sentence=f"The address where people sign in holds nothing to be replaced with {instead}.",
            )
    if server.left_out:
        yield Finding(
            field="server",
            severity="note",
            expected="one server",
            seen=listed(server.left_out),
            sentence="These addresses stand at another server than the token endpoint; we send no token there.",
        )


def _issuers(server: Server, openid: OpenId | None, profile: Profile) -> Iterator[Finding]:
    accepted = profile.auth.issuers or ((server.issuer,) if server.issuer else ())
    if "openid" not in profile.scopes.identity:
        return
    if openid is not None and openid.issuer not in accepted:
        said = "The server signs identities under another issuer than the one we accept."
        unknown = "The server's configuration names no issuer, so that no proof of identity is believed here."
        yield Finding(
            field="auth.issuers",
            severity="stops_connecting" if accepted else "differs",
            expected=listed(accepted),
            seen=openid.issuer,
            sentence=said if accepted else unknown,
            change=f"[auth]\nissuers = {toml_array((*profile.auth.issuers, openid.issuer))}",
        )
        return
    if not accepted:
        yield Finding(
            field="auth.issuers",
            severity="note",
            expected="an issuer",
            seen="none",
            sentence="The server names no issuer, so that no proof of identity is believed here.",
        )
    elif not server.jwks_uri and openid is None:
        yield Finding(
            field="auth.issuers",
            severity="differs",
            expected="public keys",
            seen="none",
            sentence="The server does not say where its public keys are, so that no identity can be verified.",
        )


def _tokens(server: Server, profile: Profile) -> Iterator[Finding]:
    registers = bool(server.registration_endpoint)
    if profile.auth.dynamic_registration != "none" and not registers:
        yield Finding(
            field="auth.dynamic_registration",
            severity="differs",
            expected=profile.auth.dynamic_registration,
            seen="no registration endpoint",
            sentence="The server does not say where programs register themselves.",
            change='[auth]\ndynamic_registration = "none"',
        )
    if profile.auth.dynamic_registration == "none" and registers:
        yield Finding(
            field="auth.dynamic_registration",
            severity="note",
            expected="none",
            seen="a registration endpoint",
            sentence="The server says where programs register themselves, which the profile does not use.",
            change='[auth]\ndynamic_registration = "rfc7591"',
        )
    if profile.refresh.style != "none" and server.grant_types and "refresh_token" not in server.grant_types:
        yield Finding(
            field="refresh.style",
            severity="note",
            expected=profile.refresh.style,
            seen="not listed",
            sentence="The server does not list the renewal of tokens; some that do it leave it out.",
        )
    if profile.refresh.style == "none" and "refresh_token" in server.grant_types:
        yield Finding(
            field="refresh.style",
            severity="note",
            expected="none",
            seen="refresh_token",
            sentence="The server lists the renewal of tokens, which the profile says it does not offer.",
        )
    if not server.revocation_endpoint:
        yield Finding(
            field="server",
            severity="note",
            expected="a revocation endpoint",
            seen="none",
            sentence="The server has no address for giving tokens back: they end by themselves.",
        )


def _in_order(methods: Collection[ClientMethod]) -> tuple[ClientMethod, ...]:
    """Return methods as we prefer them: key, secret in a header, secret in the form, none."""
    preferred: tuple[ClientMethod, ...] = (
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
        "public",
    )
    return tuple(method for method in preferred if method in methods)
