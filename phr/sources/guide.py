"""How an operator registers with a vendor: written from the profile, for the page, the command and the docs alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connectors import scopes
from connectors.profile import Profile
from connectors.smart import redirects

NOT_FOUND: Final = "Not found in anything published"

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
    "": "",
}
_ANOTHER: Final = (
    "Register any https address that you control instead (it need not be reachable), and let people paste the address "
    "that their browser ends on."
)
_TO_THE_LETTER: Final = (
    "The redirect URI must be the same to the letter. A portal that finds a difference shows its own error page, and "
    "the person never comes back."
)
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
    """A heading, what stands under it in sentences, its facts, and the names of those that were not found."""

    title: str
    slug: str
    sentences: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    unknown: tuple[str, ...] = ()
    numbered: bool = False

    @classmethod
    def of(
        cls, title: str, slug: str, *lines: Line, sentences: tuple[str, ...] = (), numbered: bool = False
    ) -> Section:
        """Make a section of facts, of which those without a text were not found."""
        return cls(
            title=title,
            slug=slug,
            sentences=sentences,
            lines=tuple(line for line in lines if line.text),
            unknown=tuple(line.label for line in lines if not line.text),
            numbered=numbered,
        )


def guide(*, profile: Profile, redirect_uri: str, launch_url: str, jwks_url: str) -> tuple[Section, ...]:
    """Return the guide of one vendor in the order in which an operator needs it (PURE).

    ``redirect_uri``, ``launch_url``, ``jwks_url``: of this installation, as they are to be registered.
    """
    return (
        _register(profile),
        _enter(profile, redirect_uri=redirect_uri, launch_url=launch_url, jwks_url=jwks_url),
        Section(
            title="Where redirect URIs go wrong",
            slug="slips",
            sentences=slips(profile=profile, redirect_uri=redirect_uri),
        ),
        _try(profile),
        _expect(profile),
        _read(profile),
    )


def refusals(*, profile: Profile, redirect_uri: str) -> tuple[str, ...]:
    """Return why this vendor does not take a redirect URI, and what to do then; () when nothing is known (PURE)."""
    found = redirects.problems(redirect_uri=redirect_uri, profile=profile)
    return (*found, _ANOTHER) if found else ()


def slips(*, profile: Profile, redirect_uri: str) -> tuple[str, ...]:
    """Return what this vendor will not take in a redirect URI, and what is usually got wrong with it (PURE)."""
    return (
        *refusals(profile=profile, redirect_uri=redirect_uri),
        _TO_THE_LETTER,
        *(
            f"{address} is another one: {slip}."
            for address, slip in redirects.slips(redirect_uri=redirect_uri)
        ),
    )


def markdown(*, profile: Profile, sections: tuple[Section, ...]) -> str:
    """Write a guide as Markdown."""
    parts = [f"## {profile.name}", f"Profile `{profile.id}`, checked on {profile.checked_on.isoformat()}."]
    for section in sections:
        parts.append(f"### {section.title}")
        mark = "1." if section.numbered else "*"
        parts += ["\n".join(f"{mark} {text}" for text in section.sentences)] if section.sentences else []
        parts += ["\n".join(_marked(line) for line in section.lines)] if section.lines else []
        parts += [f"{NOT_FOUND}: {', '.join(section.unknown)}."] if section.unknown else []
    return "\n\n".join(parts) + "\n"


def _marked(line: Line) -> str:
    text = f"`{line.text}`" if line.code else f"<{line.text}>" if line.url else line.text
    return f"* {line.label}: {text}"


def _register(profile: Profile) -> Section:
    told = profile.guide
    return Section.of(
        "Register",
        "register",
        Line("Where", told.registration_url, url=True),
        Line("How", _WAYS[told.registration]),
        Line("Approval", told.approval),
        Line("Cost", told.cost),
        Line("Terms", told.legal),
        sentences=told.steps,
        numbered=True,
    )


def _enter(profile: Profile, *, redirect_uri: str, launch_url: str, jwks_url: str) -> Section:
    lines = [Line("Redirect URI", redirect_uri, code=True)]
    if profile.guide.redirect_uri:
        lines.append(Line("What may stand there", profile.guide.redirect_uri))
    if {"ehr", "provider"} & set(profile.auth.flows):
        lines.append(Line("Launch URL", launch_url, code=True))
    if "private_key_jwt" in profile.auth.clients:
        lines.append(Line("Address of our public keys (JWKS)", jwks_url, code=True))
    lines.append(Line("Scopes", scopes.requested(profile=profile), code=True))
    first, *others = profile.auth.clients
    ways = [
        f"The app proves itself with {_METHODS[first]}.",
        *(f"Or with {_METHODS[way]}." for way in others),
    ]
    return Section.of("What to enter there", "enter", *lines, sentences=tuple(ways))


def _try(profile: Profile) -> Section:
    sandbox = profile.addresses.sandbox
    return Section.of(
        "Try it",
        "try",
        Line("Sandbox", sandbox, code=True),
        *(
            Line(each.note or "Test log-in", f"{each.username} / {each.password}", code=True)
            for each in profile.guide.test_logins
        ),
        sentences=("The vendor's sandbox holds made-up patients. Try there first.",) if sandbox else (),
    )


def _expect(profile: Profile) -> Section:
    told, lives = profile.guide, profile.refresh
    lines = [
        Line("How far it was tried", _STATUS[profile.status]),
        Line("Ways to begin", "; ".join(_FLOWS[flow] for flow in profile.auth.flows)),
        Line("Access", _REFRESH[lives.style]),
    ]
    if lives.lifetime_days:
        lines.append(Line("Consent ends", f"after {lives.lifetime_days} days, whatever happens in between"))
    if lives.idle_days:
        lines.append(Line("Consent ends", f"after {lives.idle_days} days without a sync"))
    if profile.limits.requests_per_minute:
        lines.append(Line("Limit", f"{profile.limits.requests_per_minute} requests a minute"))
    return Section.of(
        "What to expect",
        "expect",
        *lines,
        Line("Bulk export", told.bulk),
        Line("Patient/$everything", told.everything),
        Line("EHI export", told.ehi_export),
        Line("List of portals", told.endpoint_list, url=told.endpoint_list.startswith("https://")),
        Line("Access tokens", told.token_format),
        Line("CORS, for apps in a browser", told.cors),
        Line("Answers in the fragment, for apps in a browser", _yes_no(told.fragment)),
        sentences=told.notes,
    )


def _read(profile: Profile) -> Section:
    return Section.of(
        "Where this comes from",
        "sources",
        *(Line("Documentation", url, url=True) for url in profile.documentation),
    )


def _yes_no(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    return "" if value is None else "offered" if value else "not offered"
