"""One patient's resources spread over several portals, as a life spread over several hospitals would be.

Every portal gets its own ids, its own business identifiers and its own practitioners and organizations
(names and addresses stay), so that whatever a reader joins afterwards, it joins because the content says so.
What is clinical (codes, dates, values, units, the text of a decimal) passes through untouched: leaves are
never copied through a parser. PURE: data in, data out, the same for the same seed whatever order the
resources come in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Resource: TypeAlias = dict[str, Any]
IdStyle = Literal["opaque", "short", "prefixed"]
Key = tuple[str, str]
"""Type and id of a resource as it came in."""

# A visit whose problem is already followed somewhere goes back there this often: people have doctors, not
# lotteries.
LOYALTY = 0.8
# Of what is shared, this part stands in all the portals; the rest in two of them.
EVERYWHERE = 0.25
# The person's own numbers, the same at every desk: social security, licence, passport, insurance member,
# Medicare.
PERSONAL_IDENTIFIERS = frozenset({"SS", "DL", "PPN", "MB", "MC"})
# Elements of R4 whose type is Identifier (Reference.identifier and Claim.related.reference included).
IDENTIFIER_ELEMENTS = frozenset(
    {
        "identifier",
        "masterIdentifier",
        "groupIdentifier",
        "accessionIdentifier",
        "requisition",
    }
)


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What became of each original: the truth that a merge of the portals is measured against."""

    placed: Mapping[str, Mapping[str, str]]
    """``{"Type/id" as it came: {portal: "Type/id" there}}``, for every resource."""
    twins: tuple[frozenset[str], ...]
    """Originals that differ in nothing but ids, identifiers and what they refer to (real records hold such): no
    reader can say which copy of one belongs to which copy of the other, so either pairing is right."""

    @property
    def pairs(self) -> dict[str, Mapping[str, str]]:
        """Those originals that stand in two or more portals (the Patient and those who treat included)."""
        return {original: there for original, there in self.placed.items() if len(there) > 1}


def split(
    resources: Sequence[Resource],
    *,
    portals: Sequence[str],
    shared: float = 0.25,
    seed: int = 1,
    id_styles: Mapping[str, IdStyle] | None = None,
) -> tuple[dict[str, list[Resource]], SplitReport]:
    """Spread one patient's ``resources`` over ``portals``.

    A visit and what refers to it stay together; ``shared`` (0 to 1) is the part of the visits (and of what
    belongs to no visit) that two or more portals hold. Whatever a placed resource refers to is placed with
    it, so no reference dangles that did not dangle before; that alone makes some resources (an old problem
    that a later visit elsewhere names) stand in several portals, and the report counts them too. A
    Provenance names, at each portal, those of its targets that are there.

    References may be ``Type/id``, ``urn:uuid:`` (the uuid being the resource's id) or
    ``Type?identifier=system|value``.

    Raises:
        ValueError: no portal, a portal named twice, a share outside 0..1, not exactly one Patient, an id
        that two
            resources of one type carry.

    """
    if not portals or len(set(portals)) != len(portals):
        message = "portals must be named, each once"
        raise ValueError(message)
    if not 0 <= shared <= 1:
        message = f"shared is a part of one, not {shared}"
        raise ValueError(message)
    index = _Index(resources)
    where = _place(index, portals=portals, shared=shared, seed=seed)
    copies: dict[str, list[Resource]] = {}
    placed: dict[str, dict[str, str]] = defaultdict(dict)
    for portal in portals:
        here = [key for key in index.by_key if portal in where[key]]
        style = (id_styles or {}).get(portal, "opaque")
        ids = _new_ids(here, portal=portal, seed=seed, style=style)
        desk = _Desk(portal=portal, seed=seed, index=index, ids=ids)
        copies[portal] = [desk.copy(key) for key in here]
        for key in here:
            placed["/".join(key)][portal] = f"{key[0]}/{ids[key]}"
    return copies, SplitReport(
        placed={"/".join(key): placed["/".join(key)] for key in index.by_key}, twins=_twins(index)
    )


def _twins(index: _Index) -> tuple[frozenset[str], ...]:
    alike: dict[str, set[str]] = defaultdict(set)
    for key, resource in index.by_key.items():
        alike[json.dumps(_content(resource), sort_keys=True, default=str)].add("/".join(key))
    return tuple(frozenset(group) for group in alike.values() if len(group) > 1)


def _content(node: Any) -> Any:
    """What is left when a portal's own ids, numbers and links are taken away."""
    if isinstance(node, list):
        return [_content(item) for item in node]
    if not isinstance(node, dict):
        return node
    own = {"id", "reference", *IDENTIFIER_ELEMENTS}
    return {name: _content(value) for name, value in node.items() if name not in own}


class _Index:
    """The resources by type and id, and who refers to whom."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.by_key: dict[Key, Resource] = {}
        self._by_id: dict[str, Key] = {}
        self._by_identifier: dict[tuple[str, str, str], Key] = {}
        for resource in resources:
            key = (resource["resourceType"], resource["id"])
            if key in self.by_key:
                message = f"two {key[0]} resources have one id"
                raise ValueError(message)
            self.by_key[key] = resource
            self._by_id.setdefault(resource["id"], key)
            for identifier in _as_list(resource.get("identifier")):
                full = (key[0], str(identifier.get("system", "")), str(identifier.get("value", "")))
                self._by_identifier.setdefault(full, key)
        patients = [key for key in self.by_key if key[0] == "Patient"]
        if len(patients) != 1:
            message = f"one patient's resources are split, not {len(patients)}"
            raise ValueError(message)
        self.patient = patients[0]
        self.targets: dict[Key, tuple[Key, ...]] = {
            key: tuple(dict.fromkeys(self._targets(resource))) for key, resource in self.by_key.items()
        }

    def resolve(self, reference: str) -> Key | None:
        """The resource that ``reference`` means, or None: contained, external or dangling."""
        if reference.startswith("urn:uuid:"):
            return self._by_id.get(reference.removeprefix("urn:uuid:"))
        if "?identifier=" in reference:
            kind, _, query = reference.partition("?identifier=")
            system, _, value = query.partition("|")
            return self._by_identifier.get((kind, system, value))
        kind, _, rest = reference.partition("/")
        key = (kind, rest.split("/", 1)[0])
        return key if key in self.by_key else None

    def is_followed(self, key: Key) -> bool:
        """Whether ``key`` has no patient of its own, and so goes wherever those are who refer to it."""
        return key != self.patient and key[0] != "Provenance" and self.patient not in self.targets[key]

    def _targets(self, resource: Resource) -> Iterator[Key]:
        for reference in _references(resource):
            key = self.resolve(reference)
            if key is not None and key != (resource["resourceType"], resource["id"]):
                yield key


def _place(index: _Index, *, portals: Sequence[str], shared: float, seed: int) -> dict[Key, set[str]]:
    """Portals of every resource: clusters first, then all that they refer to, then what only refers."""
    clusters = _clusters(index)
    chance = random.Random(f"split:{seed}")
    several = len(portals) > 1
    count = min(len(clusters), max(1, round(shared * len(clusters)))) if shared and several else 0
    lent = set(chance.sample(range(len(clusters)), count))
    where: dict[Key, set[str]] = {key: set() for key in index.by_key}
    where[index.patient] = set(portals)
    home: dict[Key, str] = {}
    for number, cluster in enumerate(clusters):
        known = next(
            (home[target] for key in cluster for target in index.targets[key] if target in home), None
        )
        loyal = chance.random() < LOYALTY
        chosen = chance.choice(portals)
        if number < len(portals):
            chosen = portals[number]
        elif known is not None and loyal:
            chosen = known
        others = [portal for portal in portals if portal != chosen]
        guests: list[str] = []
        if number in lent:
            guests = others if chance.random() < EVERYWHERE else [chance.choice(others)]
        for key in cluster:
            home[key] = chosen
            where[key] = {chosen, *guests}
    _close(index, where)
    _follow(index, where, first=portals[0])
    return where


def _clusters(index: _Index) -> list[tuple[Key, ...]]:
    """What stays together: a visit with what refers to it, else a resource with the one it hangs on."""
    members = sorted(
        key
        for key in index.by_key
        if key != index.patient and key[0] != "Provenance" and not index.is_followed(key)
    )
    leader = {key: key for key in members}

    def top(key: Key) -> Key:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    referred: dict[Key, Key] = {}
    for key in members:
        for target in index.targets[key]:
            referred.setdefault(target, key)
    for key in members:
        forward = [target for target in index.targets[key] if target in leader]
        visits = [target for target in forward if target[0] == "Encounter"]
        hold = next(iter(visits or forward), None)
        if hold is None and key[0] != "Encounter":
            hold = referred.get(key)
        if hold is not None:
            leader[top(key)] = top(hold)
    groups: dict[Key, list[Key]] = defaultdict(list)
    for key in members:
        groups[top(key)].append(key)
    return [tuple(group) for group in sorted(groups.values(), key=lambda group: group[0])]


def _close(index: _Index, where: dict[Key, set[str]]) -> None:
    """Place at a portal whatever something there refers to."""
    waiting = [key for key, portals in where.items() if portals]
    while waiting:
        key = waiting.pop()
        for target in index.targets[key]:
            if target in where and not where[key] <= where[target]:
                where[target] |= where[key]
                waiting.append(target)


def _follow(index: _Index, where: dict[Key, set[str]], *, first: str) -> None:
    """Place what no placed one refers to: where its own targets are, else at ``first``."""
    for key in [key for key, portals in where.items() if not portals]:
        about = [target for target in index.targets[key] if target != index.patient] or list(
            index.targets[key]
        )
        where[key] = set().union(*(where[target] for target in about)) or {first}
    # Targets of a Provenance are cut to those present, so they pull nothing; its agents come along.
    agents = {key: portals for key, portals in where.items() if key[0] != "Provenance"}
    for key, portals in where.items():
        if key[0] == "Provenance":
            for target in index.targets[key]:
                if index.is_followed(target):
                    agents[target] |= portals
    _close(index, agents)


def _new_ids(keys: Sequence[Key], *, portal: str, seed: int, style: IdStyle) -> dict[Key, str]:
    """Ids of ``portal``'s own making, unlike those of any other portal; no two of one type alike."""
    ids: dict[Key, str] = {}
    taken: set[Key] = set()
    for key in sorted(keys):
        attempt = 0
        while (
            key[0],
            new := spelled_id(style, key[0], f"{seed}|{portal}|{key[0]}/{key[1]}|{attempt}"),
        ) in taken:
            attempt += 1
        taken.add((key[0], new))
        ids[key] = new
    return ids


def spelled_id(style: IdStyle, kind: str, text: str) -> str:
    """An id as portals spell them: an opaque token, a short number, or practice, type and number."""
    digest = hashlib.sha256(text.encode()).digest()
    if style == "opaque":
        return "e" + base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("_", ".")
    number = int.from_bytes(digest[:8]) % 90_000_000 + 10_000_000
    if style == "short":
        return str(number)
    practice = 10_000 + int.from_bytes(hashlib.sha256(text.split("|")[1].encode()).digest()[:2])
    initials = "".join(letter for letter in kind if letter.isupper())
    return f"a-{practice}.{initials}-{number}"


@dataclass(frozen=True, slots=True)
class _Desk:
    """One portal copying resources in its own hand."""

    portal: str
    seed: int
    index: _Index
    ids: Mapping[Key, str]

    def copy(self, key: Key) -> Resource:
        source = self.index.by_key[key]
        if key[0] == "Provenance" and "target" in source:
            source = {**source, "target": [target for target in source["target"] if self._is_here(target)]}
        written: Resource = self._rewritten(source, keep=key[0] in {"Patient", "Coverage"})
        written["id"] = self.ids[key]
        return written

    def _is_here(self, target: Mapping[str, Any]) -> bool:
        key = self.index.resolve(str(target.get("reference", "")))
        return key is None or key in self.ids

    def _rewritten(self, node: Any, *, keep: bool) -> Any:
        if isinstance(node, list):
            return [self._rewritten(item, keep=keep) for item in node]
        if not isinstance(node, dict):
            return node
        written: Resource = {}
        for name, value in node.items():
            if isinstance(value, str):
                written[name] = self._reference(value) if name in {"reference", "url"} else value
            elif name in IDENTIFIER_ELEMENTS or (name == "reference" and "value" in value):
                written[name] = self._identifiers(value, keep=keep)
            else:
                written[name] = self._rewritten(value, keep=keep)
        return written

    def _reference(self, text: str) -> str:
        key = self.index.resolve(text)
        return f"{key[0]}/{self.ids[key]}" if key in self.ids and key is not None else text

    def _identifiers(self, node: Any, *, keep: bool) -> Any:
        if isinstance(node, list):
            return [self._identifiers(item, keep=keep) for item in node]
        if not isinstance(node, dict):
            return node
        written: Resource = self._rewritten(node, keep=keep)
        codes = {coding.get("code") for coding in _as_list(node.get("type", {}).get("coding"))}
        if keep and codes & PERSONAL_IDENTIFIERS:
            return written
        system = str(node.get("system", ""))
        if "system" in node:
            written["system"] = f"https://{self.portal}.example/identifiers/{_digits(system, places=6)}"
        if "value" in node:
            # Of system and value, so that a Reference that names an identifier still names the same one.
            written["value"] = _digits(f"{self.seed}|{self.portal}|{system}|{node['value']}", places=12)
        return written


def _references(node: Any) -> Iterator[str]:
    """Every text below ``node`` that may point at a resource: References, and the url of an attachment."""
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                if name in {"reference", "url"}:
                    yield value
            else:
                yield from _references(value)


def _as_list(node: Any) -> list[Any]:
    if node is None:
        return []
    return node if isinstance(node, list) else [node]


def _digits(text: str, *, places: int) -> str:
    return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:12]) % 10**places).zfill(places)
