"""Which values of a profile cannot be true together. Each rule yields the key and the reason."""

import re
from collections.abc import Iterator
from typing import Final

from connectors.profile.checks import Fault, hosts, https, positive, queries, types, unique
from connectors.profile.model import Profile
from connectors.profile.placeholders import unknown_placeholders
from connectors.profile.rules_facts import fact_faults
from connectors.profile.rules_server import server_faults
from connectors.profile.sections import FURTHER_RESOURCES, US_CORE_RESOURCES, Search

MAX_CONNECTIONS: Final = 5  # hospitals' servers are busy; more than five at once is rude, and throttled
# The order in which we prefer them: what proves most comes first.
CLIENTS: Final = ("private_key_jwt", "client_secret_basic", "client_secret_post", "public")
_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")
_PATH: Final = re.compile(r"[A-Za-z]+(\[\])?(\.[A-Za-z]+(\[\])?)*")
# A piece of a path: no scheme, host, user, query or "..".
_SEGMENT: Final = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_PIECE: Final = re.compile(rf"/?{_SEGMENT}(/{_SEGMENT})*/?")
_OUR_HEADERS: Final = frozenset({"accept", "authorization", "connection", "content-length", "cookie", "host"})
# Keys of `search` that shape searches; where all comes at once, there are none.
_SHAPES: Final = (
    "queries",
    "without_patient",
    "counts",
    "created",
    "skip",
    "revinclude_provenance",
)


def impossibilities(profile: Profile) -> Iterator[Fault]:
    """Yield (key, reason) for everything in `profile` that cannot be so."""
    yield from _identity(profile)
    yield from _fhir(profile)
    yield from _auth(profile)
    yield from _flows(profile)
    yield from _scopes(profile)
    yield from _patient(profile)
    yield from _refresh(profile)
    yield from _search(profile.search)
    yield from _everything(profile.search)
    yield from _queries(profile.search)
    yield from _errors(profile)
    yield from _documents(profile)
    yield from _numbers(profile)
    yield from fact_faults(profile)
    yield from server_faults(profile)


def _identity(profile: Profile) -> Iterator[Fault]:
    if not _ID.fullmatch(profile.id):
        yield "id", "is not lower-case letters, digits and underscores"
    if not profile.name.strip():
        yield "name", "is blank"
    if not profile.documentation:
        yield "documentation", "names no page: a profile rests on something that can be read"
    yield from https("documentation", profile.documentation)


def _fhir(profile: Profile) -> Iterator[Fault]:
    accept = profile.fhir.accept
    if not accept.strip() or not accept.isprintable() or not accept.isascii():
        yield "fhir.accept", "is not plain text"
    for name, value in profile.fhir.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OUR_HEADERS:
            yield f"fhir.headers.{name}", "is not a header that a profile may set"
        rest = value.replace("{client_id}", "")
        if not value.isprintable() or not value.isascii() or "{" in rest or "}" in rest:
            yield f"fhir.headers.{name}", "is not plain text, or names something else than {client_id}"


def _auth(profile: Profile) -> Iterator[Fault]:
    auth = profile.auth
    if not auth.clients:
        yield "auth.clients", "is empty"
    yield from unique("auth.clients", auth.clients)
    if [*auth.clients] != sorted(auth.clients, key=CLIENTS.index):
        yield "auth.clients", f"is not in the order in which we prefer them: {', '.join(CLIENTS)}"
    if auth.pkce == "off" and "public" in auth.clients:
        yield "auth.pkce", 'is "off", but a public client has nothing else that proves it'
    yield from https("auth.issuers", auth.issuers)
    yield from unique("auth.issuers", auth.issuers)
    for old, new in auth.authorize_rewrite.items():
        if not old or not new or old == new:
            yield "auth.authorize_rewrite", "holds a piece that is empty, or replaced by itself"
        elif not _PIECE.fullmatch(old) or not _PIECE.fullmatch(new):
            yield "auth.authorize_rewrite", "holds what is no piece of a path, such as a scheme or a host"
    if auth.dynamic_registration == "software_id" and "private_key_jwt" not in auth.clients:
        yield "auth.dynamic_registration", 'is "software_id", which registers a key: private_key_jwt is due'


def _flows(profile: Profile) -> Iterator[Fault]:
    auth = profile.auth
    if not auth.flows:
        yield "auth.flows", "is empty"
    yield from unique("auth.flows", auth.flows)
    if "backend" in auth.flows and set(auth.clients) <= {"public"}:
        yield "auth.flows", 'holds "backend", for which a client must prove itself'
    if ("backend" in auth.flows) != bool(profile.bulk.levels):
        yield "bulk.levels", 'goes with "backend" among auth.flows, and only with it'
    yield from unique("bulk.levels", profile.bulk.levels)
    if {"ehr", "provider"} & set(auth.flows) and "token" not in profile.patient.sources:
        yield "patient.sources", 'lacks "token", but a launch by a portal or by staff says the patient there'
    if "provider" in auth.flows and not profile.scopes.launch_patient:
        yield "scopes.launch_patient", "is false, but staff are asked to choose a patient by it"


def _scopes(profile: Profile) -> Iterator[Fault]:
    scopes = profile.scopes
    if not scopes.resources:
        yield "scopes.resources", "is empty"
    yield from types("scopes.resources", scopes.resources)
    yield from types("scopes.when_listed", scopes.when_listed)
    yield from unique("scopes.resources", scopes.resources)
    if scopes.style == "wildcard" and (
        scopes.resources != US_CORE_RESOURCES or scopes.when_listed != FURTHER_RESOURCES
    ):
        yield "scopes.resources", 'or scopes.when_listed names types, but scopes.style is "wildcard"'
    for scope in (*scopes.identity, *scopes.extra):
        if not scope or any(letter.isspace() for letter in scope):
            yield "scopes", "holds a scope that is empty or has a blank in it"


def _patient(profile: Profile) -> Iterator[Fault]:
    patient = profile.patient
    if not patient.sources:
        yield "patient.sources", "is empty"
    yield from unique("patient.sources", patient.sources)
    if ("jwt_claim" in patient.sources) != bool(patient.claim):
        yield "patient.claim", 'goes with the source "jwt_claim", and only with it'
    if patient.sources == ("fhir_user",) and not {"openid", "fhirUser"} <= set(profile.scopes.identity):
        yield "patient.sources", 'is "fhir_user" alone, but scopes.identity lacks openid or fhirUser'
    scopes = profile.scopes
    if "coverage" in patient.sources and scopes.style == "enumerated" and "Coverage" not in scopes.resources:
        yield "patient.sources", 'holds "coverage", but scopes.resources lacks Coverage'


def _refresh(profile: Profile) -> Iterator[Fault]:
    refresh = profile.refresh
    if refresh.style != "none":
        return
    if profile.scopes.offline:
        yield "scopes.offline", 'asks for offline access, but refresh.style is "none"'
    if refresh.lifetime_days or refresh.idle_days or refresh.min_interval_seconds:
        yield "refresh", 'says how a grant lives, but refresh.style is "none"'


def _search(search: Search) -> Iterator[Fault]:
    for key in ("queries", "without_patient", "counts", "last_updated", "created", "skip"):
        yield from types(f"search.{key}", getattr(search, key))
    described = {*search.queries, *search.last_updated, *search.created, *search.without_patient}
    for name in sorted(described & set(search.skip)):
        yield "search.skip", f"holds {name}, for which a search is described"
    for name in sorted(set(search.last_updated) & set(search.created)):
        yield f"search.created.{name}", "stands in search.last_updated too, which is all that is needed"
    for name, parameter in search.created.items():
        if not _PARAMETER.fullmatch(parameter):
            yield f"search.created.{name}", "is no name of a parameter"
    for name, template in search.from_claims.items():
        if len(_PLACEHOLDER.findall(template)) != 1:
            yield f"search.from_claims.{name}", "does not name exactly one claim in braces"


def _everything(search: Search) -> Iterator[Fault]:
    if search.everything:
        for key in _SHAPES:
            if getattr(search, key):
                yield f"search.{key}", "shapes searches, but search.everything asks for none"
        if set(search.last_updated) - {"Patient"}:
            yield "search.last_updated", "is not of the Patient, for whom alone search.everything asks"


def _queries(search: Search) -> Iterator[Fault]:
    for name, texts in search.queries.items():
        key = f"search.queries.{name}"
        if not texts:
            yield key, "is empty; a type that is not to be searched stands in search.skip"
        yield from unique(key, texts)
        yield from queries(key, texts)
        for text in texts:
            for braces in unknown_placeholders(text):
                yield key, f"holds {braces}, which stands for nothing"


def _errors(profile: Profile) -> Iterator[Fault]:
    seen = set()
    for rule in profile.errors:
        if rule.resource_type is not None:
            yield from types("errors.resource_type", (rule.resource_type,))
        if not 400 <= rule.status <= 599:
            yield "errors.status", f"is {rule.status}, which is no HTTP error"
        fits = (rule.status, rule.resource_type, rule.issue_code, rule.body, rule.kind)
        if fits in seen:
            yield "errors", f"has two rules for the same answers ({rule.status}): the second never decides"
        seen.add(fits)


def _documents(profile: Profile) -> Iterator[Fault]:
    yield from hosts("attachments.hosts", profile.attachments.hosts)
    if not all(text.strip() for text in profile.attachments.not_urls):
        yield "attachments.not_urls", "holds something blank, which is no address anyway"
    for path in profile.store.volatile:
        if not _PATH.fullmatch(path):
            yield "store.volatile", f"holds {path!r}, which is no path below a resource"


def _numbers(profile: Profile) -> Iterator[Fault]:
    if not 1 <= profile.limits.connections <= MAX_CONNECTIONS:
        yield "limits.connections", f"is not between 1 and {MAX_CONNECTIONS}"
    yield from positive(
        {
            "limits.requests_per_minute": profile.limits.requests_per_minute,
            "refresh.lifetime_days": profile.refresh.lifetime_days,
            "refresh.idle_days": profile.refresh.idle_days,
            "refresh.min_interval_seconds": profile.refresh.min_interval_seconds,
            "search.count": profile.search.count,
            "attachments.daily_limit": profile.attachments.daily_limit,
            **{f"search.counts.{name}": count for name, count in profile.search.counts.items()},
        }
    )
