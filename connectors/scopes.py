"""The scopes of SMART App Launch, v1 and v2 (PURE): what may be asked for, what was granted, what is missing.

Grammar (SMART App Launch 2.2, "Scopes and Launch Context"):
`("patient"|"user"|"system") "/" (Type|"*") "." c?r?u?d?s? ["?" parameter=value *("&" parameter=value)]`,
and of v1 `.read` (`rs`), `.write` (`cud`) and `.*` (`cruds`). Grants are read liberally: a server may
answer v1 with v2 and the reverse, in any order of letters, in the long URI form.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Self
from urllib.parse import unquote

from connectors.profile import Flow, Profile

Context = Literal["patient", "user", "system"]
Interaction = Literal["c", "r", "u", "d", "s"]

LETTERS: Final = "cruds"
URI_PREFIX: Final = "http://smarthealthit.org/fhir/scopes/"
_V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_CONTEXTS: Final[dict[Flow, Context]] = {
    "standalone": "patient",
    "ehr": "patient",
    "provider": "user",
    "backend": "system",
}
_V1_WORD: Final = {letters: word for word, letters in _V1.items()}
_RESOURCE: Final = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]*)\.(?P<access>read|write|\*|[cruds]+)"
    r"(?:\?(?P<query>\S*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Access to one type (or "*"), perhaps only to what a search finds."""

    context: Context
    resource_type: str
    # Some of "cruds", in that order.
    interactions: str
    # What stands after the "?", as it was written.
    query: str = ""
    # How it was written; two scopes that mean the same are equal.
    version: Literal["v1", "v2"] = field(default="v2", compare=False)

    @classmethod
    def parse(cls, word: str) -> Self | None:
        """Read one scope, or return None when it is none of this grammar (`openid`, `launch/patient` ...)."""
        found = _RESOURCE.fullmatch(word.removeprefix(URI_PREFIX))
        if not found:
            return None
        access = found["access"]
        letters = _V1.get(access, access)
        return cls(
            context=found["context"],  # type: ignore[arg-type]
            resource_type=found["type"],
            interactions="".join(letter for letter in LETTERS if letter in letters),
            query=found["query"] or "",
            version="v1" if access in _V1 else "v2",
        )

    @property
    def text(self) -> str:
        """The scope as it is sent: in the version it was read in, where that version can say it."""
        access = _V1_WORD.get(self.interactions) if self.version == "v1" and not self.query else None
        query = f"?{self.query}" if self.query else ""
        return f"{self.context}/{self.resource_type}.{access or self.interactions}{query}"

    @property
    def constraint(self) -> frozenset[str]:
        """The parameters of the query, in no order and as they read unescaped; empty for access without
        limits.
        """
        return frozenset(unquote(pair) for pair in self.query.split("&") if pair)

    def covers(self, other: "Scope") -> bool:
        """Say whether who holds this scope may do all that `other` allows."""
        return (
            self.context == other.context
            and self.resource_type in {"*", other.resource_type}
            and set(other.interactions) <= set(self.interactions)
            # Each parameter narrows: who is held to fewer of them may do more.
            and self.constraint <= other.constraint
        )


@dataclass(frozen=True, slots=True)
class ScopeSet:
    """A list of scopes as one string of OAuth holds it."""

    resources: tuple[Scope, ...] = ()
    # Launch context, identity, and words that only the vendor knows.
    others: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a scope string. Never raises: a word that is no access to a type is kept in `others`."""
        words = list(dict.fromkeys(text.split()))
        scopes = [(word, Scope.parse(word)) for word in words]
        return cls(
            resources=tuple(dict.fromkeys(scope for _, scope in scopes if scope)),
            others=tuple(dict.fromkeys(word.removeprefix(URI_PREFIX) for word, scope in scopes if not scope)),
        )

    @property
    def text(self) -> str:
        """The scope string: launch and identity first, then the types."""
        return " ".join((*self.others, *(scope.text for scope in self.resources)))

    def allows(self, resource_type: str, interaction: Literal["r", "s"]) -> bool:
        """Say whether a patient's app may read ("r") or search ("s") this type, at least in part."""
        return any(True for _ in self._that_allow(resource_type, interaction))

    def constraints(self, resource_type: str, interaction: Literal["r", "s"]) -> tuple[str, ...]:
        """Return the searches to which access to the type is limited; () when it is not limited, or not
        given.

        Where one scope gives the type freely, the limits of others do not count.
        """
        queries = [scope.query for scope in self._that_allow(resource_type, interaction)]
        return () if "" in queries else tuple(dict.fromkeys(queries))

    def covers(self, other: "ScopeSet") -> bool:
        """Say whether all access to types in `other` is in this set, judged letter by letter."""
        return all(_covers(self.resources, letter) for scope in other.resources for letter in _letters(scope))

    def _that_allow(self, resource_type: str, interaction: str) -> Iterator[Scope]:
        for scope in self.resources:
            if scope.resource_type in {"*", resource_type} and interaction in scope.interactions:
                yield scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was asked for and not granted."""

    # Types that were asked for and may now be neither read nor searched, as asked; "*" when all were asked
    # for and only some were given.
    missing: tuple[str, ...] = ()
    # Types of which some interaction or part is lacking, while another was given.
    reduced: tuple[str, ...] = ()
    # Words such as "offline_access" that were asked for and are not in the answer.
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True when anything is missing."""
        return bool(self.missing or self.reduced or self.others)


def compare(*, asked: ScopeSet, granted: ScopeSet) -> Difference:
    """Say what of `asked` is not in `granted`.

    An answer without scope means that all was granted (RFC 6749, 5.1), so the caller passes `asked` again.
    """
    missing: dict[str, None] = {}
    reduced: dict[str, None] = {}
    for scope in asked.resources:
        given = [_covers(granted.resources, letter) for letter in _letters(scope)]
        if all(given):
            continue
        partly = any(given) or any(
            own.context == scope.context and own.resource_type == scope.resource_type
            for own in granted.resources
        )
        (reduced if partly else missing)[scope.resource_type] = None
    return Difference(
        missing=tuple(missing),
        reduced=tuple(reduced),
        others=tuple(word for word in asked.others if word not in granted.others),
    )


def requested(
    *,
    profile: Profile,
    scopes_supported: Iterable[str] = (),
    flow: Flow = "standalone",
    only: Collection[str] | None = None,
) -> str:
    """Return the scope string to ask for: the least that reads the types of `profile`.

    `scopes_supported`: what the server's discovery document lists. It need not be complete (SMART App
    Launch 2.2), so it narrows the types only when it names any in the context that is asked for; a server
    that lists one version alone is asked in that one, and never in both at once. A wildcard is asked for only
    where the profile says so and the list does not speak against it; where the list has words alone, the
    profile's version and style hold.

    `flow`: "standalone" and "ehr" ask for the patient's own record (`patient/`), the latter with the context
    of the launch in place of a choice of patient; "provider" asks for what its user may see (`user/`), and
    for the portal's patient picker; "backend" asks with a key alone (`system/`), without identity or offline
    access. `only`: the types that the caller needs; None for all of the profile's. A wildcard is not taken
    where only some are needed.
    """
    wanted = profile.scopes
    context = _CONTEXTS[flow]
    # Not as a set: a list that holds a scope in both versions means both.
    listed = [scope for word in scopes_supported if (scope := Scope.parse(word))]
    version = _version(wanted.version, listed, context)
    words: list[str] = []
    if flow == "ehr":
        words.append("launch")
    elif flow == "provider" or (flow == "standalone" and wanted.launch_patient):
        words.append("launch/patient")
    if flow != "backend":
        words += wanted.identity
        words += [wanted.offline] if wanted.offline else []
    offered = [scope for scope in listed if scope.context == context and scope.version == version]
    wildcard = wanted.style == "wildcard" and only is None
    wildcard = wildcard and (not offered or any(scope.resource_type == "*" for scope in offered))
    named = {scope.resource_type for scope in offered}
    names = (*wanted.resources, *(name for name in wanted.when_listed if name in named))
    for name in ("*",) if wildcard else names:
        if only is None or name in only:
            words += _ask(context, name, version, offered)
    for word in wanted.extra:
        scope = Scope.parse(word)
        if scope is None:
            words.append(word)
        elif _fits(scope, flow, only):
            others = [each for each in listed if each.context == scope.context and each.version == version]
            words += _ask(scope.context, scope.resource_type, version, others)
    return " ".join(dict.fromkeys(words))


def _fits(scope: Scope, flow: Flow, only: Collection[str] | None) -> bool:
    """Say whether a scope of a profile's `extra` belongs to a flow: with a key alone, there is no user."""
    needed = only is None or scope.resource_type in only
    return needed and (scope.context == "system") == (flow == "backend")


def _version(
    preferred: Literal["v1", "v2"], listed: Iterable[Scope], context: Context
) -> Literal["v1", "v2"]:
    versions = {scope.version for scope in listed if scope.context == context}
    if not versions or preferred in versions:
        return preferred
    return versions.pop()


def _ask(context: Context, name: str, version: Literal["v1", "v2"], offered: list[Scope]) -> Iterator[str]:
    """Yield the scopes for reading one type, as far as `offered` has them (everything, when it is empty)."""
    fitting = [scope for scope in offered if scope.resource_type in {"*", name}]
    free = {letter for scope in fitting if not scope.query for letter in scope.interactions} & {"r", "s"}
    if not offered:
        free = {"r", "s"}
    letters = "".join(letter for letter in "rs" if letter in free)
    if letters:
        yield _written(context, name, "rs" if version == "v1" else letters, version)
    else:
        for scope in fitting:
            limited = "".join(letter for letter in "rs" if letter in scope.interactions)
            if limited:
                yield f"{context}/{name}.{limited}?{scope.query}"


def _written(context: Context, name: str, letters: str, version: Literal["v1", "v2"]) -> str:
    return Scope(context=context, resource_type=name, interactions=letters, version=version).text


def _covers(held: Iterable[Scope], scope: Scope) -> bool:
    return any(own.covers(scope) for own in held)


def _letters(scope: Scope) -> Iterator[Scope]:
    """Split a scope into one for each interaction."""
    for letter in scope.interactions:
        yield Scope(
            context=scope.context, resource_type=scope.resource_type, interactions=letter, query=scope.query
        )
