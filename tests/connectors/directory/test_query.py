from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory.names import key_of
from connectors.directory.query import Brand, answer, terms_of, tsquery, with_meanings


def brand(name: str, **more: object) -> Brand:
    said: dict[str, object] = {
        "city": "",
        "state": "",
        "postal_code": "",
        "parent": "",
        "vendor": "acme",
        **more,
    }
    return Brand(id=1, portal_id=1, name=name, name_key=key_of(name), **said)  # type: ignore[arg-type]


def ranked(text: str, *brands: Brand, meant: dict[str, list[tuple[str, int]]] | None = None) -> list[str]:
    terms = with_meanings(terms_of(text), meant=meant or {}, vendors={"acme": ["acme"]})
    found = sorted((answer(each, terms, typed=key_of(text)) for each in brands), key=lambda each: each.rank)
    return [each.brand.name for each in found]


def test_words_and_places_of_several_words_are_told_apart() -> None:
    words = [term.words for term in terms_of("Presbyterian in New York, Salt Lake City 84101")]
    assert words == [("presbyterian",), ("new", "york"), ("salt", "lake", "city"), ("84101",)]


def test_small_words_narrow_nothing_unless_they_are_all_there_is() -> None:
    assert [term.words for term in terms_of("university of the pacific")] == [("university",), ("pacific",)]
    assert [term.words for term in terms_of("of the")] == [("of",), ("the",)]
    assert terms_of(" ,.-") == ()
    assert len(terms_of("a b c d e f g h i j")) == 6


def test_a_place_knows_its_state() -> None:
    (oakland,) = terms_of("oakland")
    (california,) = terms_of("california")
    (code,) = terms_of("02139")
    assert (oakland.states, oakland.near) == ((), ("CA",))
    assert (california.states, california.near) == (("CA",), ())
    assert (code.postal, code.near) == ("02139", ("MA",))


def test_the_question_holds_every_term_and_what_stands_for_it() -> None:
    terms = with_meanings(
        terms_of("saint oaklnd 94612"), meant={"oaklnd": [("oakland", 1)]}, vendors={"saint": ["st_inc"]}
    )
    assert tsquery(terms, wide=False) == ("('saint':* | 'st':*) & ('oaklnd':*) & ('94612':* | '#94612':*)")
    assert tsquery(terms, wide=True) == (
        "('saint':* | 'st':* | '@st_inc') & ('oaklnd':* | 'oakland')"
        " & ('94612':* | '#94612':* | '=ca' | ('california') | '#946':*)"
    )


@given(st.text(max_size=80))
def test_nothing_that_is_typed_leaves_the_question(text: str) -> None:
    """Every word stands between quotation marks, and none holds one."""
    question = tsquery(terms_of(text), wide=True)
    assert question.count("'") % 2 == 0
    assert all(part.strip("=#@").replace("_", "").isalnum() for part in question.split("'")[1::2])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("mayo", ["Mayo", "Mayo Clinic", "Henry Mayo", "Mayor's Office"]),
        ("mayo clinic", ["Mayo Clinic", "Mayo Eye Clinic", "Clinic of Mayo", "Mayo Clinical Labs"]),
    ],
)
def test_the_nearer_name_comes_first(text: str, order: list[str]) -> None:
    assert ranked(text, *(brand(name) for name in reversed(order))) == order


def test_a_hospital_of_its_own_comes_before_one_practice_among_thousands() -> None:
    crowd = brand("Stanford Medical", at_endpoint=17_000)
    assert ranked("stanford", crowd, brand("Stanford Health Care")) == [
        "Stanford Health Care",
        "Stanford Medical",
    ]


def test_what_says_the_place_comes_before_its_state() -> None:
    order = ["Elm Oakland", "Elm Bay", "Elm Central - California", "Elm West"]
    found = ranked(
        "elm oakland",
        brand("Elm West", vendor="other", state="CA"),
        brand("Elm Central - California"),
        brand("Elm Bay", city="Oakland", state="CA"),
        brand("Elm Oakland"),
    )
    assert found[:2] == order[:2]
    assert set(found[2:4]) == set(order[2:4])


def test_a_postal_code_is_answered_by_itself_then_by_its_neighbours() -> None:
    found = ranked(
        "02139",
        brand("State", state="MA"),
        brand("Near", postal_code="02141", state="MA"),
        brand("There", postal_code="02139", state="MA"),
    )
    assert found == ["There", "Near", "State"]


def test_what_was_typed_comes_before_what_was_meant() -> None:
    meant = {"oaks": [("oak", 1)]}
    assert ranked("oaks", brand("Oak Clinic"), brand("Oaks Clinic"), meant=meant) == [
        "Oaks Clinic",
        "Oak Clinic",
    ]


def test_somebodys_trial_comes_last() -> None:
    assert ranked("elm", brand("Elm Test"), brand("Elm Valley Family Medicine")) == [
        "Elm Valley Family Medicine",
        "Elm Test",
    ]
    assert ranked("elm test", brand("Elm Test"), brand("Elm Testing Laboratory"))[0] == "Elm Test"
