"""Searches narrowed to what the grant holds (PURE).

A scope may give a part of a type: `patient/Observation.rs?category=...|laboratory` (SMART App Launch 2.2,
"Finer-grained resource constraints using search parameters"). To ask for more is refused by some servers
and answered in part by others; so what is asked is what was granted.
"""

from collections.abc import Iterable, Sequence

from connectors.fhir.query import Query, decode_query


def limited(queries: Sequence[Query], *, constraints: Iterable[str]) -> tuple[Query, ...]:
    """Return the queries within the constraints of the granted scopes; all of them where there is none.

    A constraint on a parameter that a query has as well keeps the queries that ask for just that, in the
    words of the constraint; where none does, the constraint is asked as it stands.
    """
    parts = tuple(decode_query(text) for text in constraints)
    if not parts:
        return tuple(queries)
    found: dict[Query, None] = {}
    for part in parts:
        names = {name for name, _ in part}
        fitting = [query for query in queries if _fits(query, part)]
        for query in fitting or [()]:
            found[(*(pair for pair in query if pair[0] not in names), *part)] = None
    return tuple(found)


def _fits(query: Query, part: Query) -> bool:
    """Say whether a query asks for nothing that the constraint on the same parameter excludes."""
    allowed: dict[str, list[str]] = {}
    for name, value in part:
        allowed.setdefault(name, []).extend(value.split(","))
    return all(
        any(_same(each, word) for word in allowed[name])
        for name, value in query
        if name in allowed
        for each in value.split(",")
    )


def _same(asked: str, allowed: str) -> bool:
    """Compare two tokens; one without a system means any."""
    system, bar, code = asked.rpartition("|")
    other_system, other_bar, other_code = allowed.rpartition("|")
    return code == other_code and (not bar or not other_bar or system == other_system)
