"""What somebody typed into the search of the directory, and how well a brand answers it. PURE.

A text is taken apart into terms: a word, or the words of a place that is known by several ("new york"). A term is
answered by a word that begins so; failing that by the state that a place is in, by a word a slip away, or by the
vendor of that name. What each answer is worth decides the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from connectors.directory.names import key_of, other_way, words_of
from connectors.directory.places import STATES, state_letters, state_of_postal, states_of_city

# A name of more words than this narrows nothing further.
TERMS: Final = 6
# The most words that a place is named by.
_PLACE_WORDS: Final = 3
# Shorter words are no slip of any other: they may be the beginning of everything.
SLIP_FROM: Final = 4
# Two slips in a word of at least so many letters.
TWO_SLIPS_FROM: Final = 8
# They narrow a search that names something else.
_SMALL: Final = frozenset({"and", "at", "for", "in", "near", "of", "on", "or", "the"})

# What an answer costs: the fewer, the nearer.
_WHOLE: Final = 0
_BEGUN: Final = 1
_PLACE: Final = 2
_PARENT: Final = 3
_ALIAS: Final = 3
_NEAR_POSTAL: Final = 4
_SLIP: Final = 4
_STATE: Final = 5
_VENDOR: Final = 6
# Names of what is no hospital, but somebody's trial of one.
_TRIALS: Final = frozenset({"demo", "sandbox", "test", "testing", "tests"})
_TRIAL: Final = 3
MEANT: Final = "meant "
# An endpoint of more names than this is a vendor's for all its practices.
_CROWD: Final = 100


@dataclass(frozen=True, slots=True)
class Term:
    """A part of what was typed, and what may stand for it.

    `words`: as typed. `states`: the states (two letters) that it names itself; `near`: those that the place is in
    which it names. `postal`: the digits that it begins a postal code with. `meant`: words that it is a slip away from,
    with the number of slips. `vendors`: profile ids whose name begins so.
    """

    words: tuple[str, ...]
    states: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    postal: str = ""
    meant: tuple[tuple[str, int], ...] = ()
    vendors: tuple[str, ...] = ()


def terms_of(text: str) -> tuple[Term, ...]:
    """Return the terms of a text, at most six."""
    words = words_of(text)
    if len(words) > 1:
        words = [word for word in words if word not in _SMALL] or words
    found: list[Term] = []
    while words and len(found) < TERMS:
        for size in range(min(_PLACE_WORDS, len(words)), 0, -1):
            term = _term(tuple(words[:size]))
            if size == 1 or term.states or term.near:
                found.append(term)
                words = words[size:]
                break
    return tuple(found)


def _term(words: tuple[str, ...]) -> Term:
    text = " ".join(words)
    state = state_letters(text)
    postal = text if text.isdecimal() and len(text) <= 5 else ""
    near = states_of_city(text) or ((state_of_postal(postal),) if len(postal) == 5 else ())
    return Term(
        words=words,
        states=(state,) if state else (),
        near=tuple(each for each in near if each and each != state),
        postal=postal,
    )


def with_meanings(
    terms: Sequence[Term],
    *,
    meant: Mapping[str, Sequence[tuple[str, int]]],
    vendors: Mapping[str, Sequence[str]],
) -> tuple[Term, ...]:
    """Return the terms with what may stand for them: words near a misspelt one, vendors of that name."""
    return tuple(
        replace(
            term,
            meant=tuple(meant.get(term.words[0], ())) if len(term.words) == 1 else (),
            vendors=tuple(vendors.get(term.words[0], ())) if len(term.words) == 1 else (),
        )
        for term in terms
    )


def tsquery(terms: Sequence[Term], *, wide: bool) -> str:
    """Return the terms in PostgreSQL's language: every one of them, by a word that begins so.

    ``wide``: or by whatever else may stand for it.
    """
    return " & ".join(f"({' | '.join(_alternatives(term, wide=wide))})" for term in terms)


def _alternatives(term: Term, *, wide: bool) -> list[str]:
    typed = [_begun(word) for word in term.words]
    found = [" & ".join(typed)] if len(typed) == 1 else [f"({' & '.join(typed)})"]
    if len(term.words) == 1 and (twin := other_way(term.words[0])):
        found.append(_begun(twin))
    found += [_word(f"={state.lower()}") for state in term.states]
    if term.postal:
        found.append(_begun(f"#{term.postal}"))
    if not wide:
        return found
    for state in term.near:
        found.append(_word(f"={state.lower()}"))
        named = [_word(word) for word in words_of(STATES[state])]
        found.append(f"({' & '.join(named)})")
    if len(term.postal) == 5:
        found.append(_begun(f"#{term.postal[:3]}"))
    found += [_word(word) for word, _slips in term.meant]
    found += [_word(f"@{vendor}") for vendor in term.vendors]
    return found


def _word(word: str) -> str:
    # Words are letters and digits, and "=", "#" or "@" before them; a quotation mark is in none.
    return f"'{word}'"


def _begun(word: str) -> str:
    return f"{_word(word)}:*"


class Brand(NamedTuple):
    """A row that was found."""

    id: int
    portal_id: int
    name: str
    name_key: str
    city: str
    state: str
    postal_code: str
    parent: str
    vendor: str
    # How many names its endpoint has.
    at_endpoint: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """How well a brand answers: `rank` sorts, the nearest first; `how` says by what each term was answered."""

    brand: Brand
    rank: tuple[int, int, bool, int, int, str]
    how: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    name: list[str]
    place: set[str]
    parent: set[str]


def answer(brand: Brand, terms: Sequence[Term], *, typed: str) -> Answer:
    """Weigh a brand. ``typed``: the whole text, as `key_of` leaves it."""
    words = _Words(
        name=brand.name_key.split(),
        place={*words_of(brand.city), *words_of(STATES.get(brand.state, brand.state))},
        parent=set(words_of(brand.parent)),
    )
    weighed = [_typed(term, brand, words) or _stood_for(term, brand, words) for term in terms]
    cost = sum(each for each, _how in weighed)
    if not _TRIALS.isdisjoint(words.name) and _TRIALS.isdisjoint(typed.split()):
        cost += _TRIAL
    wanted = tuple(
        word for term in terms[:1] for word in (term.words[0], *(each for each, _slips in term.meant))
    )
    first = next((at for at, word in enumerate(words.name) if word.startswith(wanted)), len(words.name))
    return Answer(
        brand=brand,
        rank=(
            cost,
            _beginning(brand.name_key, typed),
            # A hospital with an endpoint of its own before one practice among thousands.
            brand.at_endpoint > _CROWD,
            first,
            len(words.name),
            brand.name_key,
        ),
        how=tuple(how for _cost, how in weighed),
    )


def _beginning(name: str, typed: str) -> int:
    """Tell the name itself from one that begins so: "Mayo Clinic" with "mayo" as a word, "Mayor" as letters."""
    if name == typed:
        return 0
    if name.startswith(typed + " "):
        return 1
    return 2 if name.startswith(typed) else 3


def _typed(term: Term, brand: Brand, words: _Words) -> tuple[int, str] | None:
    """Return what it costs that the brand has a term as it was typed, and where it has it; None where it has not."""
    if term.postal and brand.postal_code.startswith(term.postal):
        return _WHOLE, "place"
    if brand.state in term.states:
        return _WHOLE, "place"
    twin = other_way(term.words[0]) if len(term.words) == 1 else ""
    costs: list[tuple[int, str]] = []
    for spelling in (term.words, (twin,)) if twin else (term.words,):
        if all(word in words.name for word in spelling):
            return _WHOLE, "name"
        if _all_begin(spelling, words.name):
            costs.append((_BEGUN, "name"))
        if _all_begin(spelling, words.place):
            costs.append((_PLACE, "place"))
        if _all_begin(spelling, words.parent):
            costs.append((_PARENT, "parent"))
    return min(costs, default=None)


def _all_begin(typed: tuple[str, ...], words: Iterable[str]) -> bool:
    return all(any(word.startswith(each) for word in words) for each in typed)


def _stood_for(term: Term, brand: Brand, words: _Words) -> tuple[int, str]:
    """Return what it costs that something else stands for a term, and what does."""
    costs: list[tuple[int, str]] = []
    if len(term.postal) == 5 and brand.postal_code.startswith(term.postal[:3]):
        costs.append((_NEAR_POSTAL, "near"))
    if brand.state in term.near or any(set(words_of(STATES[each])) <= set(words.name) for each in term.near):
        costs.append((_STATE, "state"))
    costs += [(_SLIP + slips, f"{MEANT}{word}") for word, slips in term.meant if word in words.name]
    elsewhere = words.place | words.parent
    costs += [(_SLIP + slips + 1, f"{MEANT}{word}") for word, slips in term.meant if word in elsewhere]
    if brand.vendor in term.vendors:
        costs.append((_VENDOR, "vendor"))
    # By another name of it, which is not among what was read.
    return min(costs, default=(_ALIAS, "alias"))


def same_line(brand: Brand) -> tuple[int, str]:
    """Return what the brands of one line have in common: the endpoint, and the one they are part of."""
    return brand.portal_id, key_of(brand.parent) or brand.name_key
