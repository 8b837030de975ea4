"""How an operator registers with a vendor: written from the profile, for the page, the command and the docs alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from connectors import scopes
from connectors.profile import Profile
from connectors.smart import redirects

NOT_FOUND: Final = "not found in anything published"

_METHODS: Final = {
    "private_key_jwt": "a key pair (private_key_jwt): the vendor gets our public key, and no secret is shared",
    "client_secret_basic": "a client secret, sent in a header (client_secret_basic)",
    "client_secret_post": "a client secret, sent in the form (client_secret_post)",
    "public": "nothing but PKCE (a public client)",
}
_FLOWS: Final = {
    "standalone": "a person begins here and signs in at the portal (standalone launch)",
    "ehr": "a person begins on a page of the portal (EHR launch)",
    "provider": "a professional signs in at the portal and chooses a patient there",
    "backend": "this server asks for many patients at once, without anybody signing in (Backend Services)",
}
_WAYS: Final = {
    "self_service": "self-service: anybody registers, in minutes",
    "manual": "by request: somebody at the vendor has to act",
    "closed": "closed: no new apps",
    "": NOT_FOUND,
}
_STATUS: Final = {
    "documented": "read about and never tried: expect surprises, and tell us of them",
    "sandbox": "tried in the vendor's own sandbox",
    "production": "used with a real portal",
}
_REFRESH: Final = {
    "rotating": "each refresh gives a new refresh token, and the old one is dead",
    "fixed": "the refresh token stays the same",
    "none": "no refresh token: people connect again whenever they want newer records",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A fact with its name; ``code`` is to be copied to the letter, ``url`` leads somewhere."""

    label: str
    text: str
    code: bool = False
    url: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands under it in sentences, and its facts."""

    title: str
    slug: str
    sentences: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    numbered: bool = False


def guide(*, profile: Profile, redirect_uri: str, launch_url: str, jwks_url: str) -> tuple[Section, ...]:
    """Return the guide of one vendor in the order in which an operator needs it (PURE).

    ``redirect_uri``, ``launch_url``, ``jwks_url``: of this installation, as they are to be registered.
    """
    return (
        _register(profile),
        _enter(profile, redirect_uri=redirect_uri, launch_url=launch_url, jwks_url=jwks_url),
        _try(profile),
        _expect(profile),
        _read(profile),
    )


def slips(*, profile: Profile, redirect_uri: str) -> tuple[str, ...]:
    """Return what usually goes wrong with a redirect URI, and what will go wrong with this one here (PURE)."""
    return tuple(_slips(profile, redirect_uri))


def markdown(*, profile: Profile, sections: tuple[Section, ...]) -> str:
    """Write a guide as Markdown."""
    parts = [f"## {profile.name}", f"Profile `{profile.id}`, checked on {profile.checked_on.isoformat()}."]
    for section in sections:
        parts.append(f"### {section.title}")
        mark = "1." if section.numbered else "*"
        parts += ["\n".join(f"{mark} {text}" for text in section.sentences)] if section.sentences else []
        parts += ["\n".join(_marked(line) for line in section.lines)] if section.lines else []
    return "\n\n".join(parts) + "\n"


def _marked(line: Line) -> str:
    text = f"`{line.text}`" if line.code else f"<{line.text}>" if line.url else line.text
    return f"* {line.label}: {text}"


def _register(profile: Profile) -> Section:
    told = profile.guide
    return Section(
        title="Register",
        slug="register",
        numbered=True,
        sentences=told.steps,
        lines=(
            Line("Where", told.registration_url or NOT_FOUND, url=bool(told.registration_url)),
            Line("How", _WAYS[told.registration]),
            Line("Approval", told.approval or NOT_FOUND),
            Line("Cost", told.cost or NOT_FOUND),
            Line("Terms", told.legal or NOT_FOUND),
        ),
    )


def _enter(profile: Profile, *, redirect_uri: str, launch_url: str, jwks_url: str) -> Section:
    lines = [Line("Redirect URI", redirect_uri, code=True)]
    if {"ehr", "provider"} & set(profile.auth.flows):
        lines.append(Line("Launch URL", launch_url, code=True))
    if "private_key_jwt" in profile.auth.clients:
        lines.append(Line("Address of our public keys (JWKS)", jwks_url, code=True))
    lines.append(Line("Scopes", scopes.requested(profile=profile), code=True))
    return Section(
        title="What to enter there",
        slug="enter",
        sentences=(
            *(f"The app proves itself with {_METHODS[way]}." for way in profile.auth.clients[:1]),
            *(f"Or with {_METHODS[way]}." for way in profile.auth.clients[1:]),
            *slips(profile=profile, redirect_uri=redirect_uri),
        ),
        lines=tuple(lines),
    )


def _slips(profile: Profile, redirect_uri: str) -> Iterator[str]:
    if profile.guide.redirect_uri:
        yield profile.guide.redirect_uri
    refused = redirects.problems(redirect_uri=redirect_uri, profile=profile)
    yield from refused
    if refused:
        yield (
            "Register any https address that you control instead (it need not be reachable), and let people paste the "
            "address that their browser ends on."
        )
    usual = "; ".join(f"{address} ({slip})" for address, slip in redirects.slips(redirect_uri=redirect_uri))
    yield (
        "The redirect URI must be the same to the letter. A portal that finds a difference shows its own error page, "
        f"and the person never comes back. Not the same are: {usual}."
    )


def _try(profile: Profile) -> Section:
    logins = [
        Line(each.note or "Test log-in", f"{each.username} / {each.password}", code=True)
        for each in profile.guide.test_logins
    ]
    sandbox = profile.addresses.sandbox
    return Section(
        title="Try it",
        slug="try",
        sentences=("The vendor's sandbox holds made-up patients. Try there first.",) if sandbox else (),
        lines=(Line("Sandbox", sandbox or NOT_FOUND, code=bool(sandbox)), *logins),
    )


def _expect(profile: Profile) -> Section:
    told, lives = profile.guide, profile.refresh
    lines = [
        Line("How far it was tried", _STATUS[profile.status]),
        *(Line("It can begin so", _FLOWS[flow]) for flow in profile.auth.flows),
        Line("Access", _REFRESH[lives.style]),
    ]
    if lives.lifetime_days:
        lines.append(Line("Consent ends", f"after {lives.lifetime_days} days, whatever happens in between"))
    if lives.idle_days:
        lines.append(Line("Consent ends", f"after {lives.idle_days} days without a sync"))
    if profile.limits.requests_per_minute:
        lines.append(Line("Limit", f"{profile.limits.requests_per_minute} requests a minute"))
    lines += [
        Line("Bulk export", told.bulk or NOT_FOUND),
        Line("Patient/$everything", told.everything or NOT_FOUND),
        Line("EHI export", told.ehi_export or NOT_FOUND),
        Line(
            "List of portals", told.endpoint_list or NOT_FOUND, url=told.endpoint_list.startswith("https://")
        ),
        Line("Access tokens", told.token_format or NOT_FOUND),
        Line("CORS, which only apps in a browser need", told.cors or NOT_FOUND),
        Line("Answers in the address's fragment, likewise", _yes_no(told.fragment)),
    ]
    return Section(title="What to expect", slug="expect", sentences=told.notes, lines=tuple(lines))


def _read(profile: Profile) -> Section:
    return Section(
        title="Where this comes from",
        slug="sources",
        lines=tuple(Line("Documentation", url, url=True) for url in profile.documentation),
    )


def _yes_no(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    return NOT_FOUND if value is None else "offered" if value else "not offered"
