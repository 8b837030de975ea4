"""What came of a life, in numbers that can be printed: held beside served, joined beside shared."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection

from phr.accounts.access import Sight
from phr.sync.models import Run, Step
from tests.corpus.hospitals import Life, by_type, held, served

TWINS: Final = "alike in everything but numbers: either pairing is right"


@dataclass(slots=True)
class Joined:
    """How the facts of a life compare with what is known to be shared."""

    facts: int = 0
    # Shared originals that are one fact, by type.
    joined: Counter[str] = field(default_factory=Counter)
    # Shared originals that are more than one fact, by type and reason.
    apart: Counter[tuple[str, str]] = field(default_factory=Counter)
    # Resources without a line of their own, by type and the name of the exclusion.
    excluded: Counter[tuple[str, str]] = field(default_factory=Counter)
    # Facts that hold two originals which are not the same thing.
    wrong: list[frozenset[str]] = field(default_factory=list)


def compare(person: Sight, life: Life) -> Joined:
    """Compare the facts with what the split knows to be shared."""
    with person.open(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, resource_type || '/' || fhir_id, ordinal, exclusion, fact_id"
            " FROM timeline_event WHERE person_id = %s",
            [person.person_id],
        )
        rows: list[tuple[uuid.UUID, str, int, str, uuid.UUID | None]] = cursor.fetchall()
    twins = {each: group for group in life.truth.twins for each in group}
    found = Joined()
    in_fact: dict[uuid.UUID, set[str]] = defaultdict(set)
    facts_of: dict[tuple[str, int], set[uuid.UUID]] = defaultdict(set)
    at: dict[tuple[str, int], set[uuid.UUID]] = defaultdict(set)
    for source_id, reference, ordinal, exclusion, fact_id in rows:
        original = life.origin[source_id, reference]
        kind = original.partition("/")[0]
        if fact_id is None:
            found.excluded[kind, exclusion] += 1
            continue
        in_fact[fact_id].add(original)
        facts_of[original, ordinal].add(fact_id)
        at[original, ordinal].add(source_id)
    found.facts = len(in_fact)
    for originals in in_fact.values():
        if len({twins.get(original, frozenset({original})) for original in originals}) > 1:
            found.wrong.append(frozenset(originals))
    for key, sources in at.items():
        if len(sources) > 1:
            kind = key[0].partition("/")[0]
            if len(facts_of[key]) == 1:
                found.joined[kind] += 1
            else:
                found.apart[kind, TWINS if key[0] in twins else ""] += 1
    return found


def missing(person: Sight, life: Life, runs: Mapping[str, Run]) -> Counter[tuple[str, str, str]]:
    """Count what portals serve and we do not hold, by vendor, type and what the run says of it."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for vendor, hospital in life.hospitals.items():
        absent = by_type(set(served(hospital.portal)).difference(held(person, hospital.source_id)))
        with person.open():
            steps = list(Step.objects.filter(run=runs[vendor]))
        for kind, number in absent.items():
            counted[vendor, kind, _said([step for step in steps if step.resource_type == kind])] += number
    return counted


def _said(steps: Sequence[Step]) -> str:
    """What a run says of a type whose resources did not all come."""
    if not steps:
        return "not asked for"
    ended = {f"{step.state} ({step.reason})" if step.reason else step.state for step in steps}
    # In both cases the person reads of it: a note, or the refusal.
    if all("category=" in step.query and step.note == "by_part" for step in steps):
        if ended == {"complete"}:
            return "held under none of the categories that the vendor lets us ask for"
        if ended == {"complete", "refused (refused)"}:
            return "held under a category that the vendor refuses us, or under none"
    return ", ".join(sorted(ended))


def table(person: Sight, life: Life) -> str:
    """Write the counts by type: the bundle's, and for each portal what is held of what it serves."""
    of_bundle = by_type(f"{each['resourceType']}/" for each in life.originals)
    columns = []
    for hospital in life.hospitals.values():
        has = by_type(held(person, hospital.source_id))
        gives = by_type(served(hospital.portal))
        columns.append({kind: f"{has[kind]}/{gives[kind]}" for kind in gives})
    lines = [_line("", "bundle", life.hospitals)]
    for kind, count in sorted(of_bundle.items()):
        lines.append(_line(kind, str(count), [column.get(kind, "0/0") for column in columns]))
    return "\n".join(lines)


def _line(kind: str, bundle: str, cells: Iterable[str]) -> str:
    return f"{kind:<22}{bundle:>8}" + "".join(f"{cell:>16}" for cell in cells)


def summary(joined: Joined, absent: Mapping[tuple[str, str, str], int]) -> str:
    """Write what was joined, what was not and why, and what was not to be had."""
    lines = [
        f"facts {joined.facts}; shared and one fact {_words(joined.joined)}",
        f"shared and not one fact: {_words(joined.apart)}",
        f"without a line of their own: {_words(joined.excluded)}",
        f"served and not held: {_words(absent)}",
    ]
    return "\n".join(lines)


def _words(counted: Mapping[Any, int]) -> str:
    named = {" ".join(key) if isinstance(key, tuple) else key: number for key, number in counted.items()}
    return ", ".join(f"{number} {name}" for name, number in sorted(named.items())) or "none"
