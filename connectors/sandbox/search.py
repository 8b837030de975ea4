"""Which resources a search finds, by the parameters that clients of patient records send."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from connectors.sandbox.content import Content
from connectors.sandbox.dates import Span, matches
from connectors.sandbox.index import DATES, REFERENCES, TOKENS, Row

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


def patients_asked(params: Params) -> set[str]:
    """Return the ids of the patients that `patient` and `subject` name."""
    return {
        value.rpartition("/")[2]
        for name, text in params
        if name.partition(":")[0] in {"patient", "subject"}
        for value in text.split(",")
    }


def find(
    *, content: Content, resource_type: str, params: Params, patient: str, last_updated: bool
) -> list[Row]:
    """Return what matches, of what `patient` may see. Unknown parameters are ignored, as FHIR has it.

    `last_updated`: whether this server answers `_lastUpdated`; where not, it is ignored too. Raises
    `SearchError`.
    """
    tests: list[Callable[[Row], bool]] = []
    for name, text in params:
        test = _test(resource_type, name.partition(":")[0], text, last_updated=last_updated)
        if test is not None:
            tests.append(test)
    return [
        row
        for row in content.rows(resource_type)
        if content.belongs(row, patient) and all(test(row) for test in tests)
    ]


def _test(  # noqa: PLR0911 - one line a kind of parameter
    resource_type: str, name: str, text: str, *, last_updated: bool
) -> Callable[[Row], bool] | None:
    values = text.split(",")
    if name == "_id":
        return lambda row: row.id in values
    if name in {"patient", "subject"} and resource_type != "Patient":
        asked = {value.rpartition("/")[2] for value in values}
        # Practitioners, organizations and the like are nobody's: asking for them by patient finds none.
        return lambda row: bool(asked & row.owners)
    if name == "_lastUpdated" and last_updated:
        return lambda row: _date(Span(row.last_updated, row.last_updated + 0.001), text)
    if name in DATES:
        return lambda row: name in row.dates and _date(row.dates[name], text)
    if name in REFERENCES:
        return lambda row: any(_refers(row.references.get(name, ()), value) for value in values)
    if name in TOKENS:
        return lambda row: any(_has(row.tokens.get(name, frozenset()), value) for value in values)
    return None


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
