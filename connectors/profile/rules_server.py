"""Which values of `[server]` cannot be true together, and which of them no client of the profile could meet."""

from collections.abc import Iterator

from connectors.profile.checks import Fault, https, positive, queries, types, unique
from connectors.profile.model import Profile
from connectors.profile.server import Server


def server_faults(profile: Profile) -> Iterator[Fault]:
    """Yield (key, reason) for everything in `server` that cannot be so."""
    server = profile.server
    yield from _standing(server)
    yield from _authorization(profile)
    yield from _refresh(server)
    yield from _named(server)
    yield from positive(
        {
            "server.access_token_seconds": server.access_token_seconds,
            "server.refresh_lifetime_days": server.refresh_lifetime_days,
            "server.refresh_idle_days": server.refresh_idle_days,
            "server.refresh_min_seconds": server.refresh_min_seconds,
            "server.page_expires_seconds": server.page_expires_seconds,
            "server.page_size": server.page_size,
            "server.last_page": server.last_page,
            "server.max_count": server.max_count,
            "server.documents_per_day": server.documents_per_day,
            "server.requests_per_minute": server.requests_per_minute,
            **{f"server.max_counts.{name}": count for name, count in server.max_counts.items()},
        }
    )


def _standing(server: Server) -> Iterator[Fault]:
    if not server.base_path.startswith("/") or server.base_path.endswith("/"):
        yield "server.base_path", "does not begin with a slash, or ends with one"
    if server.register_needs_header and server.dynamic_registration == "none":
        yield "server.register_needs_header", "is given, but nobody can register there"
    if server.page_expired_code and server.page_expires_seconds is None:
        yield "server.page_expired_code", "is given, but no page expires"
    if not server.search and not server.everything:
        yield "server.search", "is false, but server.everything is too: nothing could be had"


def _authorization(profile: Profile) -> Iterator[Fault]:
    server = profile.server
    for key in ("client_auth", "flows", "scope_versions", "signing_algorithms"):
        values = getattr(server, key)
        if not values:
            yield f"server.{key}", "is empty"
        yield from unique(f"server.{key}", values)
    if not set(profile.auth.clients) & set(server.client_auth):
        yield "auth.clients", "has no method that server.client_auth accepts"
    if not set(profile.auth.flows) & set(server.flows):
        yield "auth.flows", "has none that server.flows has"
    if server.pkce == "required" and profile.auth.pkce == "off":
        yield "auth.pkce", 'is "off", but server.pkce is "required"'
    if server.pkce == "broken" and server.client_auth == ("public",):
        yield "server.pkce", 'is "broken", but a public client has nothing else that proves it'
    if server.token_issuer:
        yield from https("server.token_issuer", (server.token_issuer,))
    if server.token_claims and server.access_token != "jwt":  # noqa: S105 - a kind, not a token
        yield "server.token_claims", "are claims of an access token, but server.access_token is no JWT"
    if server.scope_types and not set(server.user_scope_types) <= set(server.scope_types):
        yield "server.user_scope_types", "holds a type that server.scope_types does not know"


def _refresh(server: Server) -> Iterator[Fault]:
    if server.refresh_rotates and not server.refresh_returned:
        yield (
            "server.refresh_rotates",
            "is true, but server.refresh_returned is false: the new token must come back",
        )
    if not server.refresh_given and (server.refresh_rotates or server.refresh_unasked):
        yield "server.refresh_given", "is false, but something else says how refresh tokens come"


def _named(server: Server) -> Iterator[Fault]:
    yield from types("server.requires", server.requires)
    yield from types("server.max_counts", server.max_counts)
    yield from types("server.created", server.created)
    if not set(server.listed_anyway) <= set(server.not_searched):
        yield "server.listed_anyway", "holds a type that server.not_searched does not"
    for key in ("not_searched", "refuses", "patient_refused", "scope_types", "user_scope_types"):
        yield from types(f"server.{key}", getattr(server, key))
        yield from unique(f"server.{key}", getattr(server, key))
    for key in ("holds", "refuses_queries"):
        for name, texts in getattr(server, key).items():
            yield from types(f"server.{key}", (name,))
            yield from queries(f"server.{key}.{name}", texts)
    if not isinstance(server.last_updated, bool):
        yield from types("server.last_updated", server.last_updated)
