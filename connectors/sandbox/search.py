"""Which resources a search finds, by the parameters that clients of patient records send."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl

from connectors.profile import Server
from connectors.sandbox.content import Content
from connectors.sandbox.dates import Span, matches, span
from connectors.sandbox.index import DATE_PARAMETERS, DATES, REFERENCES, TOKENS, Row

Params = Sequence[tuple[str, str]]

# Parameters that shape the answer and do not filter it.
SHAPING: Final = frozenset(
    {"_count", "_include", "_revinclude", "_format", "_sort", "_total", "_summary", "_elements"}
)


class SearchError(ValueError):
    """A parameter cannot be read. `code` is the FHIR issue type, the text is for the OperationOutcome."""

    def __init__(self, text: str, *, code: str = "invalid") -> None:
        """Say what is wrong."""
        super().__init__(text)
        self.code = code


def lacks_parameter(alternatives: Iterable[str], params: Params) -> bool:
    """Say whether none of the alternatives is there in full; "patient+intent" asks for both of them."""
    given = {name.partition(":")[0] for name, _ in params}
    given |= {"patient"} if "subject" in given else set()
    wanted = [set(alternative.split("+")) for alternative in alternatives]
    return bool(wanted) and not any(names <= given for names in wanted)


def objection(*, server: Server, resource_type: str, params: Params) -> Sequence[str] | None:
    """Return what a first search lacks on this server, as alternatives; None when it may be answered.

    Raises `SearchError` for a search that is not offered, and for one that names what it may not.
    """
    given = {name.partition(":")[0]: value for name, value in params}
    by_patient = not given.keys().isdisjoint({"patient", "subject"})
    by_revinclude = resource_type == "Provenance" and server.provenance_by_revinclude
    if (resource_type in server.not_searched and "_id" not in given) or by_revinclude:
        raise SearchError("this type is read, not searched", code="not-supported")
    if resource_type in server.patient_refused and by_patient:
        raise SearchError("the patient is that of the token", code="not-supported")
    if any(_asks(query, params) for query in server.refuses_queries.get(resource_type, ())):
        raise SearchError("the app is not authorized for this", code="processing")
    for name, value in server.standing.items():
        if given.get(name) != value:
            return [name]
    required = server.requires.get(resource_type, ())
    return required if lacks_parameter(required, params) else None


def _asks(query: str, params: Params) -> bool:
    """Say whether a search asks, among other things, what `query` does."""
    return all(
        any(name.partition(":")[0] == wanted and value in text.split(",") for name, text in params)
        for wanted, value in parse_qsl(query, keep_blank_values=True)
    )


def patients_asked(params: Params) -> set[str]:
    """Return the ids of the patients that `patient` and `subject` name."""
    return {
        value.rpartition("/")[2]
        for name, text in params
        if name.partition(":")[0] in {"patient", "subject"}
        for value in text.split(",")
    }


def find(*, content: Content, server: Server, resource_type: str, params: Params, patient: str) -> list[Row]:
    """Return what matches, of what `patient` may see. Unknown parameters are ignored, as FHIR has it.

    `_lastUpdated`, and dates that R4 does not have for a type, are unknown where `server` does not answer
    them. Raises `SearchError`.
    """
    tests: list[Callable[[Row], bool]] = []
    for name, text in params:
        test = _test(server, resource_type, name.partition(":")[0], text)
        if test is not None:
            tests.append(test)
    return [
        row
        for row in content.rows(resource_type)
        if content.belongs(row, patient) and all(test(row) for test in tests)
    ]


def fits(row: Row, query: str, *, server: Server) -> bool:
    """Say whether a search with this query would find the resource, whosever it is."""
    tests = [_test(server, row.type, name, text) for name, text in parse_qsl(query, keep_blank_values=True)]
    return all(test is None or test(row) for test in tests)


def _test(  # noqa: PLR0911 - one line a kind of parameter
    server: Server, resource_type: str, name: str, text: str
) -> Callable[[Row], bool] | None:
    values = text.split(",")
    if name == "_id":
        return lambda row: row.id in values
    # What a Provenance belongs to is what it is about, and that is judged already.
    if name in {"patient", "subject"} and resource_type not in {"Patient", "Provenance"}:
        asked = {value.rpartition("/")[2] for value in values}
        # Practitioners, organizations and the like are nobody's: asking for them by patient finds none.
        return lambda row: bool(asked & row.owners)
    if name == "_lastUpdated":
        answered = server.last_updated
        if answered is False or (answered is not True and resource_type not in answered):
            return None
        return lambda row: _date(Span(row.last_updated, row.last_updated + 0.001), text)
    if name == server.created.get(resource_type):
        return lambda row: (made := _made(row, name)) is not None and _date(made, text)
    if name in DATES:
        if name not in DATE_PARAMETERS.get(resource_type, DATES):
            return None
        return lambda row: name in row.dates and _date(row.dates[name], text)
    if name in REFERENCES:
        return lambda row: any(_refers(row.references.get(name, ()), value) for value in values)
    if name in TOKENS:
        return lambda row: any(_has(row.tokens.get(name, frozenset()), value) for value in values)
    return None


def _made(row: Row, name: str) -> Span | None:
    """Return when a resource was made: by the element of that name, else by those that say so in R4."""
    names = (name, "issued", "recorded-date", "authoredon", "authored", "created", "date")
    return next((row.dates[each] for each in names if each in row.dates), None)


def _date(held: Span, asked: str) -> bool:
    answers = [matches(held, value) for value in asked.split(",")]
    if None in answers:
        raise SearchError("a date parameter holds no date")
    return any(answers)


def _has(held: frozenset[str], asked: str) -> bool:
    system, bar, code = asked.partition("|")
    if not bar:
        return asked in held
    if not code:
        return any(text.startswith(f"{system}|") for text in held)
    # A plain code element has no system in the JSON; its value set's system is implied, so the code decides.
    return asked in held or (code in held and not any(text.endswith(f"|{code}") for text in held))


def _refers(held: Iterable[str], asked: str) -> bool:
    return any(text == asked or ("/" not in asked and text.rpartition("/")[2] == asked) for text in held)


def changed(rows: list[Row], *, since: str, server: Server) -> list[Row]:
    """Return the rows of `$everything` that `_since` leaves: all of them on a server that does not answer
    `_lastUpdated` for a Patient, and where there is no instant to read.
    """
    instant = span(since)
    if instant is None or not (server.last_updated is True or "Patient" in (server.last_updated or ())):
        return rows
    return [row for row in rows if row.last_updated >= instant.low]


def included(*, content: Content, rows: Iterable[Row], params: Params, patient: str) -> list[Row]:
    """Follow `_include` and `_revinclude`: what the matches point at, and what points at them."""
    matched = {f"{row.type}/{row.id}": row for row in rows}
    found: dict[str, Row] = {}
    for name, text in params:
        source, _, parameter = text.partition(":")
        parameter = parameter.partition(":")[0]
        if name.partition(":")[0] == "_include":
            for row in matched.values():
                for reference in row.references.get(parameter, ()) if row.type == source else ():
                    target = content.row(reference)
                    if target is not None and content.belongs(target, patient):
                        found[reference] = target
        elif name.partition(":")[0] == "_revinclude":
            for row in content.rows(source):
                if not matched.keys().isdisjoint(row.references.get(parameter, ())):
                    found[f"{row.type}/{row.id}"] = row
    return [row for key, row in found.items() if key not in matched]
