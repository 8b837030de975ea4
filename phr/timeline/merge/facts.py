"""Groups as facts: who leads, what differs, why they are one, and the fact's id. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from phr.timeline.merge.member import Match, Member
from phr.timeline.merge.rules import STRENGTH, Rule

# The namespace of fact ids, made once; changing it would change every address of a fact.
_NAMESPACE = UUID("6c0d7f0e-3b52-4c55-9a35-1f2f0f6f6b1d")

# Stages of one thing's life: later follows from earlier, so two of them are no disagreement.
_STAGES = (
    frozenset({"registered", "preliminary", "partial", "final", "amended", "corrected", "appended"}),
    frozenset({"planned", "arrived", "triaged", "in-progress", "onleave", "finished"}),
    frozenset({"preparation", "in-progress", "completed"}),
    frozenset({"current", "superseded"}),
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two members are one: their keys, the rule, the codes or words both have, and their dates as written."""

    a: str
    b: str
    rule: Rule
    codes: tuple[str, ...]
    dates: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """What members say differently: `values` maps member key -> what it says. Fields: status, value, end."""

    field: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Link:
    """One join between two members."""

    a: Member
    b: Member
    rule: Rule


@dataclass(frozen=True, slots=True)
class Group:
    """One fact: its members, the leading one first, and the joins that made it one (one fewer than members)."""

    members: tuple[Member, ...]
    links: tuple[Link, ...] = ()

    @property
    def leader(self) -> Member:
        """The member that the line is told by."""
        return self.members[0]

    @property
    def rule(self) -> str:
        """The weakest rule that was needed; empty for a single member."""
        return max((link.rule for link in self.links), key=STRENGTH.__getitem__, default="")

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every join with its reasons, the strongest first."""
        ordered = sorted(self.links, key=lambda link: (STRENGTH[link.rule], link.a.key, link.b.key))
        return tuple(_evidence(link) for link in ordered)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What the members say differently: shown, never resolved in silence."""
        found = []
        for field, said in (("status", _status), ("value", _value), ("end", _end)):
            values = {member.key: text for member in self.members if (text := said(member.match))}
            if _disagree(field, set(values.values()), self.members):
                found.append(Conflict(field, values))
        return tuple(found)


def _status(match: Match) -> str:
    return match.status


def _value(match: Match) -> str:
    return match.value_text


def _end(match: Match) -> str:
    return match.end_text


def _disagree(field: str, said: set[str], members: Sequence[Member]) -> bool:
    if len(said) < 2:
        return False
    if field == "status":
        return not any(said <= stage for stage in _STAGES)
    if field == "value":
        return len({(member.match.values, _numbers(member.match)) for member in members}) > 1
    return len({member.match.end for member in members if member.match.end}) > 1


def _numbers(match: Match) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(values for _, values in match.parts))


def _evidence(link: Link) -> Evidence:
    a, b = link.a.match, link.b.match
    if link.rule is Rule.IDENTIFIER:
        shared = {f"{system}|{value}" for system, value in set(a.ids) & set(b.ids)}
    elif link.rule is Rule.CONTENT:
        shared = set(a.digests) & set(b.digests)
    else:
        shared = (set(a.codes) & set(b.codes)) | (set(a.local) & set(b.local)) or set(a.texts) & set(b.texts)
    return Evidence(link.a.key, link.b.key, link.rule, tuple(sorted(shared)), (a.time_text, b.time_text))


def _place(member: Member) -> tuple[int, str, str]:
    return -member.match.weight, member.natural, member.key


def order(members: Sequence[Member]) -> tuple[Member, ...]:
    """Leader first: corrected before final before preliminary, then who says more, then the earliest key."""
    if len(members) == 1:
        return (members[0],)
    return tuple(sorted(members, key=_place))


def fact_id(group: Group, *, person_id: str = "") -> UUID:
    """The fact's id, from its earliest member's natural key (and the person, whose records never share a row)."""
    return uuid5(_NAMESPACE, f"{person_id}|{min(member.natural for member in group.members)}")
