"""What a complete answer may still lack, by the way it was asked for (PURE)."""

from collections.abc import Sequence

from connectors.fhir.plan.changes import is_date
from connectors.fhir.plan.statuses import covers_all
from connectors.fhir.plan.step import Note
from connectors.fhir.query import Query


def note_of(resource_type: str, *, queries: Sequence[Query], constrained: bool) -> Note:
    """Return the note that belongs to every step of a type.

    `queries`: all of the type's, without patient and paging; one that asks for everything leaves nothing to
    note. `constrained`: the grant holds only a part of the type.
    """
    if constrained:
        return "limited"
    left_out = [_excludes(resource_type, query) for query in queries]
    if not all(left_out):
        return ""
    return "by_part" if any("by_part" in notes for notes in left_out) else "by_date"


def _excludes(resource_type: str, query: Query) -> set[Note]:
    return {
        "by_date" if is_date(value) else "by_part"
        for name, value in query
        if not name.startswith("_") and not covers_all(resource_type, name, value)
    }
