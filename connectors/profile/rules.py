"""Which values cannot be true together. Each rule yields the key and the reason."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connectors.profile.model import Profile

MAX_CONNECTIONS: Final = 5  # hospitals' servers are busy; more than five at once is rude, and throttled
_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{2,63}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")
_OUR_HEADERS: Final = frozenset({"accept", "authorization", "connection", "content-length", "cookie", "host"})

Fault = tuple[str, str]


def impossibilities(profile: Profile) -> Iterator[Fault]:
    """Yield (key, reason) for everything in `profile` that cannot be so."""
    yield from _identity(profile)
    yield from _fhir(profile)
    yield from _auth(profile)
    yield from _scopes(profile)
    yield from _patient(profile)
    yield from _search(profile)
    yield from _numbers(profile)
    yield from _server(profile)


def _identity(profile: Profile) -> Iterator[Fault]:
    if not _ID.fullmatch(profile.id):
        yield "id", "is not lower-case letters, digits and underscores"
    if not profile.name.strip():
        yield "name", "is blank"
    if not profile.documentation:
        yield "documentation", "names no page: a profile rests on something that can be read"
    for url in profile.documentation:
        if not url.startswith("https://"):
            yield "documentation", "holds something that is no https address"


def _fhir(profile: Profile) -> Iterator[Fault]:
    for name in profile.fhir.headers:
        if not _HEADER.fullmatch(name) or name.lower() in _OUR_HEADERS:
            yield f"fhir.headers.{name}", "is not a header that a profile may set"


def _auth(profile: Profile) -> Iterator[Fault]:
    auth = profile.auth
    if not auth.clients:
        yield "auth.clients", "is empty"
    if auth.pkce == "off" and "public" in auth.clients:
        yield "auth.pkce", 'is "off", but a public client has nothing else that proves it'
    for issuer in auth.issuers:
        if not issuer.startswith("https://"):
            yield "auth.issuers", "holds something that is no https address"


def _scopes(profile: Profile) -> Iterator[Fault]:
    scopes = profile.scopes
    if not scopes.resources:
        yield "scopes.resources", "is empty"
    yield from _types("scopes.resources", scopes.resources)
    yield from _types("scopes.when_listed", scopes.when_listed)
    if profile.refresh.style == "none" and scopes.offline:
        yield "scopes.offline", 'asks for offline access, but refresh.style is "none"'
    for scope in (*scopes.identity, *scopes.extra):
        if not scope or any(letter.isspace() for letter in scope):
            yield "scopes", "holds a scope that is empty or has a blank in it"


def _patient(profile: Profile) -> Iterator[Fault]:
    patient = profile.patient
    if not patient.sources:
        yield "patient.sources", "is empty"
    if len(set(patient.sources)) != len(patient.sources):
        yield "patient.sources", "names a source twice"
    if ("jwt_claim" in patient.sources) != bool(patient.claim):
        yield "patient.claim", 'goes with the source "jwt_claim", and only with it'
    if patient.sources == ("fhir_user",) and not {"openid", "fhirUser"} <= set(profile.scopes.identity):
        yield "patient.sources", 'is "fhir_user" alone, but scopes.identity lacks openid or fhirUser'


def _search(profile: Profile) -> Iterator[Fault]:
    search = profile.search
    yield from _types("search.queries", search.queries)
    yield from _types("search.counts", search.counts)
    yield from _types("search.last_updated", search.last_updated)
    yield from _types("search.skip", search.skip)
    for name in sorted({*search.queries, *search.last_updated} & set(search.skip)):
        yield "search.skip", f"holds {name}, for which a search is described"
    for name, queries in search.queries.items():
        if not queries:
            yield (
                f"search.queries.{name}",
                "is empty; a type that is not to be searched stands in search.skip",
            )
    for name, template in search.from_claims.items():
        if len(_PLACEHOLDER.findall(template)) != 1:
            yield f"search.from_claims.{name}", "does not name exactly one claim in braces"
    for rule in profile.errors:
        if rule.resource_type is not None:
            yield from _types("errors.resource_type", (rule.resource_type,))
        if not 400 <= rule.status <= 599:
            yield "errors.status", f"is {rule.status}, which is no HTTP error"


def _numbers(profile: Profile) -> Iterator[Fault]:
    if not 1 <= profile.limits.connections <= MAX_CONNECTIONS:
        yield "limits.connections", f"is not between 1 and {MAX_CONNECTIONS}"
    positive: Mapping[str, int | None] = {
        "limits.requests_per_minute": profile.limits.requests_per_minute,
        "refresh.lifetime_days": profile.refresh.lifetime_days,
        "refresh.idle_days": profile.refresh.idle_days,
        "search.count": profile.search.count,
        "attachments.daily_limit": profile.attachments.daily_limit,
        "server.access_token_seconds": profile.server.access_token_seconds,
        "server.page_expires_seconds": profile.server.page_expires_seconds,
        "server.max_count": profile.server.max_count,
        **{f"search.counts.{name}": count for name, count in profile.search.counts.items()},
        **{f"server.max_counts.{name}": count for name, count in profile.server.max_counts.items()},
    }
    for key, number in positive.items():
        if number is not None and number < 1:
            yield key, "is less than 1"
    if profile.refresh.style == "none" and (profile.refresh.lifetime_days or profile.refresh.idle_days):
        yield "refresh", 'gives a lifetime, but refresh.style is "none"'


def _server(profile: Profile) -> Iterator[Fault]:
    server = profile.server
    if not server.base_path.startswith("/") or server.base_path.endswith("/"):
        yield "server.base_path", "does not begin with a slash, or ends with one"
    if server.refresh_rotates and not server.refresh_returned:
        yield (
            "server.refresh_rotates",
            "is true, but server.refresh_returned is false: the new token must come back",
        )
    if server.pkce == "required" and profile.auth.pkce == "off":
        yield "auth.pkce", 'is "off", but server.pkce is "required"'
    if not server.client_auth:
        yield "server.client_auth", "is empty"
    if not set(profile.auth.clients) & set(server.client_auth):
        yield "auth.clients", "has no method that server.client_auth accepts"
    yield from _types("server.requires", server.requires)
    yield from _types("server.max_counts", server.max_counts)


def _types(key: str, names: tuple[str, ...] | Mapping[str, object]) -> Iterator[Fault]:
    for name in names:
        if not _TYPE.fullmatch(name):
            yield key, f"holds {name!r}, which is no FHIR type"
