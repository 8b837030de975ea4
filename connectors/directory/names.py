"""Names as they are compared and searched: without case, accents and punctuation. PURE.

A list and a person typing go through the same functions, so that both mean the same word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from connectors.directory.places import STATES, postal5, state_of_postal

if TYPE_CHECKING:
    from connectors.directory.shapes import Listing

# What PostgreSQL takes as a lexeme is far longer; a word longer than this is no word.
WORD_MAX: Final = 40
# A brand of more words than this is found by the first of them.
WORDS_MAX: Final = 60
_MARKS: Final = re.compile(r"['’‘`´.]")  # noqa: RUF001 - apostrophes of every kind
_OTHERS: Final = re.compile(r"[^0-9a-z]+")
# Written either way on a sign; whoever types one means the other too.
_SAME: Final = {
    "saint": "st",
    "mount": "mt",
    "fort": "ft",
    "centre": "center",
    "pediatric": "paediatric",
    "pediatrics": "paediatrics",
    "orthopedic": "orthopaedic",
    "orthopedics": "orthopaedics",
    "gynecology": "gynaecology",
}
_OTHER_WAY: Final = {**_SAME, **{short: long for long, short in _SAME.items()}}
# "OR - Bend Memorial Clinic": some lists write the state before the name.
_STATE_FIRST: Final = re.compile(r"([A-Z]{2})\s+[-–]\s+(?=\S)")  # noqa: RUF001 - an en dash is one of them


def key_of(text: str) -> str:
    """Return a name as it is compared: small letters and digits, one blank between words.

    Apostrophes and full stops join ("St. Mary's" is "st marys"); everything else separates.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    if not plain.isascii():
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _OTHERS.sub(" ", _MARKS.sub("", plain)).strip()


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order, as they are searched."""
    return [word[:WORD_MAX] for word in key_of(text).split()]


def other_way(word: str) -> str:
    """Return the other common spelling of a word; "" where it has none."""
    return _OTHER_WAY.get(word, "")


def without_state(name: str) -> tuple[str, str]:
    """Return a name and the state that its list wrote before it; "" where it wrote none."""
    found = _STATE_FIRST.match(name)
    if found and found[1] in STATES:
        return name[found.end() :], found[1]
    return name, ""


def place_key(*, city: str, state: str, postal_code: str) -> str:
    """Return what tells two places of one name apart; "" where nothing is known."""
    code = postal5(postal_code)
    if code:
        return code
    return " ".join(filter(None, (key_of(city), key_of(state))))


def search_words(listing: Listing) -> list[str]:
    """Return every word that a listing is found by, without repetition.

    A state goes by its name, and by its letters after "=": two letters begin too many other words. A postal code
    goes after "#", and the vendor by its id after "@".
    """
    state = listing.state or state_of_postal(postal5(listing.postal_code))
    found = dict.fromkeys(words_of(listing.name))
    for text in (*listing.aliases, listing.parent, listing.city, listing.portal_name):
        found.update(dict.fromkeys(words_of(text)))
    for word in list(found):
        if twin := other_way(word):
            found[twin] = None
    kept = list(found)[:WORDS_MAX]
    if state in STATES:
        kept += [f"={state.lower()}", *words_of(STATES[state])]
    elif state:
        kept += words_of(state)
    if listing.postal_code:
        kept.append("#" + (postal5(listing.postal_code) or key_of(listing.postal_code).replace(" ", "")))
    kept.append(f"@{listing.vendor}")
    return list(dict.fromkeys(filter(None, kept)))


def slips_of(word: str) -> list[str]:
    """Return a word and what is left of it without one of its letters.

    Two words that are one slip apart (a letter too many, one too few, another one, two swapped) share one.
    """
    return list(dict.fromkeys([word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]))


def distance(one: str, other: str, *, most: int) -> int:
    """Return how many slips lead from one word to the other, ``most`` + 1 for more than that.

    A slip is a letter too many, one too few, another one, or two neighbours swapped (optimal string alignment).
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, before, row = before, row, [i]
        for j, against in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
