"""Trying a registration without a person: one authorization request, whose answer is explained and thrown
away.

What a portal says to a browser is a page for people in its own words, so this reads it with care and claims
little. Nothing of it is kept or shown: what comes out is ours.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urljoin, urlsplit

import msgspec

from connectors import scopes
from connectors.egress import Egress, Reply
from connectors.errors import PortalError, RetryLater
from connectors.profile import Profile
from connectors.smart.authorize import authorization_request, new_code_verifier, new_nonce, new_state
from connectors.smart.discovery import MAX_CONFIGURATION_BYTES, OpenId, fetch_openid
from connectors.smart.documents import fetch_document
from connectors.smart.redirects import problems
from connectors.smart.replies import read_object
from connectors.smart.server import Server

Outcome = Literal["sign_in", "refused", "unclear", "busy", "unreachable"]
Suspect = Literal["redirect_uri", "client", "scope", "aud", "pkce", "launch"]

MAX_PAGE_BYTES: Final = 2 * 1024 * 1024  # with scripts and pictures inline; sign-in pages are some 100 kB
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What a page says when it means one of our parameters: names of OAuth's, and how people write them.
_SUSPECTS: Final[tuple[tuple[Suspect, re.Pattern[str]], ...]] = (
    (
        "redirect_uri",
        re.compile(
            r"redirect[\s_-]*ur[il]|callback[\s_-]*ur[il]|reply[\s_-]*(?:ur[il]|address)", re.IGNORECASE
        ),
    ),
    (
        "client",
        re.compile(
            r"client[\s_-]*id|invalid[\s_-]*client|unauthori[sz]ed[\s_-]*client|unknown (?:client|app)|"
            r"(?:app|application|client)\b.{0,40}\bnot (?:found|registered|recogni[sz]ed)",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    ("scope", re.compile(r"invalid[\s_-]*scope|\bscopes?\b", re.IGNORECASE)),
    ("aud", re.compile(r"\baud\b|\baudience\b", re.IGNORECASE)),
    ("pkce", re.compile(r"code[\s_-]*challenge|\bpkce\b", re.IGNORECASE)),
    ("launch", re.compile(r"\blaunch\b", re.IGNORECASE)),
)
_SAYS_NO: Final = re.compile(
    r"\b(?:error|invalid|mismatch|not match|unknown|unauthori[sz]ed|denied|not allowed)", re.IGNORECASE
)
# The fields by which a page asks who somebody is.
_SIGN_IN: Final = re.compile(
    r"input\b.*\btype\s*=\s*[\"']?password|input\b.*\bautocomplete\s*=\s*[\"']?username",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_TAG: Final = 2000
_ERRORS: Final[dict[str, Suspect | None]] = {
    "invalid_client": "client",
    "unauthorized_client": "client",
    "invalid_redirect_uri": "redirect_uri",
    "redirect_uri_mismatch": "redirect_uri",
    "invalid_scope": "scope",
    "invalid_target": "aud",
    "invalid_launch": "launch",
    "invalid_request": None,
    "access_denied": None,
    "unsupported_response_type": None,
}
_ABOUT: Final[dict[Suspect, str]] = {
    "redirect_uri": "The page speaks of the redirect URI: compare the one that is registered letter by letter.",
    "client": "The page speaks of the client: the client id may be wrong, not yet active, or of another environment.",
    "scope": "The page speaks of scopes: the registration may not include all that the profile asks for.",
    "aud": "The page speaks of the audience: the portal may want its address with, or without, the slash at its end.",
    "pkce": "The page speaks of PKCE: the portal may demand it, or break on it.",
    "launch": "The page speaks of a launch: the portal may only be entered from its own pages.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What became of the request, for an operator. `suspects`: our parameters that the answer speaks of."""

    outcome: Outcome
    status: int | None = None
    # The OAuth error that came back, where it is one that we know.
    error: str = ""
    suspects: tuple[Suspect, ...] = ()
    sentences: tuple[str, ...] = ()


def dry_run(
    *,
    egress: Egress,
    server: Server,
    profile: Profile,
    client_id: str,
    redirect_uri: str,
    base_url: str,
    flow: Literal["standalone", "provider"] = "standalone",
) -> DryRun:
    """Send the authorization request that a person's browser would, follow nothing, and explain the answer.

    No token can come of it: the state, the verifier and whatever code is answered are thrown away. Never
    raises a PortalError.
    """
    scope = scopes.requested(profile=profile, scopes_supported=server.scopes_supported, flow=flow)
    state = new_state()
    request = authorization_request(
        server=server,
        profile=profile,
        client_id=client_id,
        redirect_uri=redirect_uri,
        scope=scope,
        state=state,
        code_verifier=new_code_verifier(),
        nonce=new_nonce(),
        base_url=base_url,
        flow=flow,
    )
    beforehand = problems(redirect_uri=redirect_uri, profile=profile)
    try:
        reply = egress.request(
            request.method,
            request.url,
            headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"},
            form=dict(request.fields) if request.fields else None,
            max_bytes=MAX_PAGE_BYTES,
            redirects="return",
        )
    except PortalError as error:
        busy = isinstance(error, RetryLater) and error.code != "unreachable"
        return DryRun(
            outcome="busy" if busy else "unreachable",
            status=error.status,
            sentences=(f"The sign-in page could not be asked: {error}.", *beforehand),
        )
    found = _explained(reply, redirect_uri)
    return DryRun(
        outcome=found.outcome,
        status=reply.status,
        error=found.error,
        suspects=found.suspects,
        sentences=(*found.sentences, *beforehand),
    )


def read_openid(*, egress: Egress, base_url: str, server: Server) -> OpenId | None:
    """Return what the portal's openid-configuration says, at its issuer or at its base, whoever it names.

    For an examination alone: an issuer that is not the one we asked is a finding there, and nobody to trust.
    None where there is no such document.
    """
    if server.issuer:
        try:
            return fetch_openid(egress=egress, issuer=server.issuer)
        except PortalError:
            pass
    for address in dict.fromkeys(each.rstrip("/") for each in (server.issuer, base_url) if each):
        try:
            found = fetch_document(
                egress=egress,
                url=f"{address}/.well-known/openid-configuration",
                read=read_object,
                max_bytes=MAX_CONFIGURATION_BYTES,
            )
        except PortalError:
            continue
        issuer, keys = found.get("issuer"), found.get("jwks_uri")
        if isinstance(issuer, str) and issuer:
            return OpenId(issuer=issuer, jwks_uri=keys if isinstance(keys, str) else "")
    return None


def _explained(reply: Reply, redirect_uri: str) -> DryRun:
    if reply.status in _REDIRECTS:
        return _sent_on(reply, redirect_uri)
    if reply.status == 429 or reply.status >= 500:
        # Some answer a wrong client with an internal error, so it is not called a passing one.
        return DryRun(
            outcome="unclear",
            sentences=(
                f"The portal answered with HTTP {reply.status}; try again, then look at client id and address.",
            ),
        )
    if reply.status in {404, 405, 410}:
        return DryRun(
            outcome="refused",
            sentences=(
                "Nobody signs in at the address that the portal names: it may name that of another audience.",
            ),
        )
    error = _error_of(reply)
    text, signs_in = _page(reply.content)
    suspects: tuple[Suspect, ...] = ()
    if reply.status >= 400 or (not signs_in and _SAYS_NO.search(text)):
        suspects = tuple(suspect for suspect, words in _SUSPECTS if words.search(text))
    if reply.status < 300 and not error and not suspects:
        return DryRun(
            outcome="sign_in",
            sentences=(
                "The portal shows a page for people: it knows the client, and takes the redirect URI.",
            ),
        )
    return _refused(error, suspects)


def _sent_on(reply: Reply, redirect_uri: str) -> DryRun:
    try:
        target = urljoin(reply.url, reply.headers.get("Location", ""))
        parts = urlsplit(target)
    except ValueError:
        return DryRun(outcome="unclear", sentences=("The portal sends people to an address that is none.",))
    told = {**parse_qs(parts.fragment), **parse_qs(parts.query)}
    error = _known(told.get("error", [""])[0])
    if not target.startswith(redirect_uri):
        if error or "error" in told:
            return _refused(error, ())
        return DryRun(
            outcome="sign_in",
            sentences=(
                "The portal sends people on to sign in: it knows the client, and takes the redirect URI.",
            ),
        )
    if error or "error" in told:
        found = _refused(error, ())
        return DryRun(
            outcome="refused",
            error=error,
            suspects=found.suspects,
            sentences=(
                "The portal knows client and redirect URI, and sends people back with a refusal.",
                *found.sentences,
            ),
        )
    return DryRun(
        outcome="sign_in",
        sentences=("The portal sent us straight back, as one does that asks nobody to sign in.",),
    )


def _refused(error: str, suspects: tuple[Suspect, ...]) -> DryRun:
    named = _ERRORS.get(error)
    every = tuple(dict.fromkeys((*((named,) if named else ()), *suspects)))
    said = (
        f"The portal refuses the request ({error})."
        if error
        else "The portal shows an error in place of its sign-in."
    )
    return DryRun(
        outcome="refused", error=error, suspects=every, sentences=(said, *(_ABOUT[each] for each in every))
    )


def _error_of(reply: Reply) -> str:
    try:
        found: Any = msgspec.json.decode(reply.content)
    except (ValueError, RecursionError):
        return ""
    return _known(found.get("error")) if isinstance(found, dict) else ""


def _known(error: object) -> str:
    return error if isinstance(error, str) and error in _ERRORS else ""


def _page(content: bytes) -> tuple[str, bool]:
    """Return what a page says, without its scripts, styles and tags, and whether it asks who somebody is.

    One pass over what a stranger's server sent, whatever that is: no search goes back over it.
    """
    said: list[str] = []
    signs_in, inside = False, ""
    first, *pieces = content.decode("utf-8", "replace").split("<")
    said.append(first)
    for piece in pieces:
        tag, _, text = piece.partition(">")
        name = tag[:8].lower()
        if inside:
            inside = "" if name.startswith(f"/{inside}") else inside
        elif name.startswith(("script", "style")):
            inside = "script" if name.startswith("script") else "style"
        if not inside:
            said.append(text)
            signs_in = signs_in or bool(_SIGN_IN.match(tag[:_LONGEST_TAG]))
    return " ".join(said), signs_in
