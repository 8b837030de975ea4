from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory import Listing
from connectors.directory.names import (
    distance,
    key_of,
    place_key,
    search_words,
    slips_of,
    without_state,
    words_of,
)
from connectors.directory.places import postal5, state_letters, state_of_postal, states_of_city

words = st.text(alphabet="abcdefghij", min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("St. Mary's Hospital", "st marys hospital"),
        ("BROADWAY OB/GYN", "broadway ob gyn"),
        ("Kaiser Permanente – California – Northern", "kaiser permanente california northern"),  # noqa: RUF001
        ("Clínica Niño Jesús", "clinica nino jesus"),
        ("A. B. Smith, M.D.", "a b smith md"),
        ("Straße", "strasse"),
        ("  --  ", ""),
    ],
)
def test_a_name_is_compared_without_case_accents_and_punctuation(name: str, key: str) -> None:
    assert key_of(name) == key


@given(st.text(max_size=60))
def test_a_key_is_its_own_key(name: str) -> None:
    assert key_of(key_of(name)) == key_of(name)
    assert all(word.isascii() and word.isalnum() for word in words_of(name))


@pytest.mark.parametrize(
    ("name", "bare", "state"),
    [
        ("NC - Sollus Pediatrics", "Sollus Pediatrics", "NC"),
        ("KY – Scott & Jonah", "Scott & Jonah", "KY"),  # noqa: RUF001
        ("A - US Clinic", "A - US Clinic", ""),
        ("XX - Clinic", "XX - Clinic", ""),
        ("OR - ", "OR - ", ""),
    ],
)
def test_a_state_before_the_name_is_a_place(name: str, bare: str, state: str) -> None:
    assert without_state(name) == (bare, state)


def test_a_listing_is_found_by_its_names_its_place_and_its_vendor() -> None:
    listing = Listing(
        base_url="https://fhir.acme.org",
        published_url="https://fhir.acme.org",
        name="Saint Mary's",
        vendor="acme",
        aliases=("Marienspital",),
        parent="Acme Health",
        city="Cambridge",
        postal_code="02139",
    )
    assert search_words(listing) == [
        *("saint", "marys", "marienspital", "acme", "health", "cambridge", "st"),
        *("=ma", "massachusetts", "#02139", "@acme"),
    ]


@pytest.mark.parametrize(
    ("given_code", "code", "state"),
    [
        ("02139", "02139", "MA"),
        ("02139-1234", "02139", "MA"),
        ("021391234", "02139", "MA"),
        ("2139", "02139", "MA"),  # a spreadsheet took its zero
        ("94612", "94612", "CA"),
        ("20500", "20500", "DC"),
        ("00001", "00001", ""),
        ("K1A 0B1", "", ""),
        ("", "", ""),
    ],
)
def test_a_postal_code_tells_the_state(given_code: str, code: str, state: str) -> None:
    assert postal5(given_code) == code
    assert state_of_postal(code) == state


def test_places_are_told_apart_by_the_little_that_is_known() -> None:
    assert place_key(city="Oakland", state="CA", postal_code="94612-1") == "oakland ca"
    assert place_key(city="Oakland", state="CA", postal_code="94612-1234") == "94612"
    assert place_key(city="", state="", postal_code="") == ""


def test_states_and_cities_are_known_by_name() -> None:
    assert state_letters(" ca ") == state_letters("California") == "CA"
    assert state_letters("Bavaria") == ""
    assert states_of_city("Oakland") == ("CA",)
    assert set(states_of_city("portland")) == {"ME", "OR"}
    assert states_of_city("Atlantis") == ()


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("stanfrod", "stanford", 1),
        ("mayo", "mayo", 0),
        ("kaisr", "kaiser", 1),
        ("kaiiser", "kaiser", 1),
        ("kaizer", "kaiser", 1),
        ("philadephla", "philadelphia", 2),
        ("abc", "xyz", 3),
    ],
)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    assert distance(one, other, most=3) == distance(other, one, most=3) == slips


@given(words, st.data())
def test_a_slip_leaves_something_in_common(word: str, data: st.DataObject) -> None:
    """What the search relies on: one slip away, and the two lists of slips meet."""
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcz"))
    kind = data.draw(st.sampled_from(["drop", "add", "change", "swap"]))
    if kind == "drop":
        other = word[:at] + word[at + 1 :]
    elif kind == "add":
        other = word[:at] + letter + word[at:]
    elif kind == "change":
        other = word[:at] + letter + word[at + 1 :]
    else:
        other = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    assert distance(word, other, most=2) <= 1
    assert set(slips_of(word)) & set(slips_of(other))


@given(words, words)
def test_distance_is_the_same_both_ways_and_stops_at_its_most(one: str, other: str) -> None:
    assert distance(one, other, most=20) == distance(other, one, most=20)
    assert distance(one, other, most=1) == min(distance(one, other, most=20), 2)
