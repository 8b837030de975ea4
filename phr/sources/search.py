"""The search of the directory: by name, place and brand, with slips, as it is typed.

Words are compared by PostgreSQL's index of words; what is misspelt is compared with the vocabulary (brandwords). What
answers is weighed here, by `connectors.directory.query`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.db import connection

from connectors.directory import query
from connectors.directory.names import distance, key_of, slips_of, words_of
from connectors.directory.query import Answer, Brand, Term
from phr.sources.profiles import all_profiles

# So many answers are weighed: those whose name begins with what was typed, and the shortest names of the others.
_BEGINNING_SO: Final = 80
_WEIGHED: Final = 120
# Of a word that half of the directory has, no more than this is looked at, beside the names that begin with it:
# whoever types such a word types another.
_LOOKED_AT: Final = 20_000
# With fewer lines than this, what else may be meant is looked for too.
ENOUGH: Final = 5
# One of so few letters fits a tenth of the directory: names that begin so, and nothing else.
_ONLY_BEGUN: Final = 2
_MEANT: Final = 4
# Words of vendors' names that are everybody's.
_COMMON: Final = 200

# In the order of `Brand`.
_COLUMNS: Final = (
    "b.id, b.portal_id, b.name, b.name_key, b.city, b.state, b.postal_code, b.parent,"
    " p.profile_id, p.brand_count"
)
_FOUND: Final = f"""
SELECT {_COLUMNS} FROM (
    SELECT * FROM (SELECT * FROM sources_brand WHERE words @@ %(query)s::tsquery LIMIT %(looked_at)s) AS met
    ORDER BY name_key LIKE %(begins)s DESC, length(name_key), name_key LIMIT %(most)s
) AS b JOIN sources_portal p ON p.id = b.portal_id
"""  # noqa: S608 - names of columns
_BEGUN: Final = f"""
SELECT {_COLUMNS} FROM sources_brand b JOIN sources_portal p ON p.id = b.portal_id
WHERE b.name_key LIKE %(begins)s AND b.words <> ''::tsvector ORDER BY b.name_key USING ~<~ LIMIT %(most)s
"""  # noqa: S608 - names of columns
_KNOWN: Final = """
SELECT typed, EXISTS (SELECT FROM sources_brandword WHERE word LIKE typed || '%%'),
       coalesce((SELECT brands FROM sources_brandword WHERE word = typed), 0)
FROM unnest(%s::text[]) AS typed
"""
_NEAR: Final = "SELECT word, brands FROM sources_brandword WHERE slips && %s::varchar[]"
_BEGINNING: Final = """
SELECT word, brands FROM sources_brandword WHERE word LIKE %s ORDER BY brands DESC LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer: a brand, and what else it is known by at the same endpoint."""

    answer: Answer
    others: tuple[Brand, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search answers. `meant`: what was read in place of what was typed; `left_out`: words that nothing has."""

    lines: tuple[Line, ...] = ()
    more: bool = False
    meant: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    # (place as typed, its state): nothing says the place, and what is known by its state alone is shown.
    by_state: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Search:
    typed: str
    terms: tuple[Term, ...]
    answers: dict[int, Answer] = field(default_factory=dict)

    def ask(self, terms: Sequence[Term], *, wide: bool) -> None:
        """Add what answers these terms."""
        asked: dict[str, str | int] = {
            "query": query.tsquery(terms, wide=wide),
            "begins": f"{self.typed}%",
            "looked_at": _LOOKED_AT,
            "most": _WEIGHED,
        }
        self.take(_FOUND, asked, terms)

    def take(self, statement: str, asked: Mapping[str, str | int], terms: Sequence[Term]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, asked)
            for row in cursor.fetchall():
                brand = Brand(*row)
                if brand.id not in self.answers:
                    self.answers[brand.id] = query.answer(brand, terms, typed=self.typed)

    def lines(self) -> list[Line]:
        """Return the answers, nearest first, one line for what belongs together at one endpoint."""
        grouped: dict[tuple[int, str], list[Answer]] = {}
        for each in sorted(self.answers.values(), key=lambda each: each.rank):
            grouped.setdefault(query.same_line(each.brand), []).append(each)
        return [Line(first, tuple(each.brand for each in others)) for first, *others in grouped.values()]


def find(*, text: str, most: int) -> Found:
    """Return what answers a text, at most so many lines."""
    terms = query.terms_of(text)
    if not terms:
        return Found()
    search = _Search(typed=key_of(text), terms=terms)
    if len(terms) == 1 and not terms[0].postal:
        search.take(_BEGUN, {"begins": f"{search.typed}%", "most": _BEGINNING_SO}, terms)
        if len(terms[0].words[0]) <= _ONLY_BEGUN or (
            len(search.lines()) > most and not _is_word(search.typed)
        ):
            return _shown(search, terms, most=most)
    search.ask(terms, wide=False)
    if len(search.lines()) >= ENOUGH:
        return _shown(search, terms, most=most)
    wider = _with_meanings(terms, known_too=not search.answers)
    if search.answers and len(terms) == 1:
        # A place by itself: its state has too many others.
        wider = (replace(wider[0], near=()),)
    search.ask(wider, wide=True)
    if search.answers:
        return _shown(search, wider, most=most)
    return _without_one(search, terms, most=most)


def _without_one(search: _Search, terms: tuple[Term, ...], *, most: int) -> Found:
    """Nothing has all of the words: look for what has all but one, the last first."""
    for at in range(len(terms) - 1, -1, -1):
        rest = terms[:at] + terms[at + 1 :]
        if rest:
            search.ask(rest, wide=False)
            if search.answers:
                return _shown(search, rest, most=most, left_out=(" ".join(terms[at].words),))
    return Found()


def _shown(search: _Search, terms: Sequence[Term], *, most: int, left_out: tuple[str, ...] = ()) -> Found:
    lines = search.lines()
    meant: dict[str, str] = {}
    by_state: dict[str, str] = {}
    if lines:
        first = lines[0].answer
        for term, how in zip(terms, first.how, strict=True):
            typed = " ".join(term.words)
            if how.startswith(query.MEANT):
                meant[typed] = how.removeprefix(query.MEANT)
            elif how == "state":
                by_state[typed] = first.brand.state or term.near[0]
    return Found(
        lines=tuple(lines[:most]),
        more=len(lines) > most,
        meant=tuple(meant.items()),
        left_out=left_out,
        by_state=tuple(by_state.items()),
    )


def _with_meanings(terms: tuple[Term, ...], *, known_too: bool) -> tuple[Term, ...]:
    """Look up what else may be meant by each word: of those that nothing begins with, or by all of them."""
    words = [term.words[0] for term in terms if len(term.words) == 1 and not term.postal]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [words])
        known = {word: (begins, brands) for word, begins, brands in cursor.fetchall()}
    meant = {
        word: _meant(word)
        for word, (begins, brands) in known.items()
        if not begins or (known_too and brands < _COMMON)
    }
    vendors = {word: _vendors(word) for word, (_begins, brands) in known.items() if brands < _COMMON}
    return query.with_meanings(terms, meant=meant, vendors=vendors)


def _meant(word: str) -> list[tuple[str, int]]:
    """Return the words that one is a slip away from, two in a long one; else those with its longest beginning."""
    if len(word) < query.SLIP_FROM:
        return []
    most = 2 if len(word) >= query.TWO_SLIPS_FROM else 1
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, [slips_of(word)])
        near = [
            (slips, -brands, other)
            for other, brands in cursor.fetchall()
            if 0 < (slips := distance(word, other, most=most)) <= most
        ]
        if near:
            return [(other, slips) for slips, _brands, other in sorted(near)[:_MEANT]]
        # Still being typed, and misspelt: what begins as it begins.
        for length in range(len(word) - 1, query.SLIP_FROM - 1, -1):
            cursor.execute(_BEGINNING, [f"{word[:length]}%"])
            if rows := cursor.fetchall():
                return [(other, len(word) - length) for other, _brands in rows]
    return []


def _is_word(typed: str) -> bool:
    """Tell a word of the directory from one that is still being typed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM sources_brandword WHERE word = %s", [typed])
        return cursor.fetchone() is not None


def _vendors(word: str) -> list[str]:
    if len(word) < query.SLIP_FROM:
        return []
    return [
        key
        for key, profile in all_profiles().items()
        if any(each.startswith(word) for each in words_of(profile.name))
    ]
