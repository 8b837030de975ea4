"""The United States by name, letters and postal code: what a list leaves out of a place, and what a search means
by one. PURE.

Facts: the postal service's two letters, and the three digits that its codes begin with in each state.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from typing import Final

STATES: Final[dict[str, str]] = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "GU": "Guam",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "PR": "Puerto Rico",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "VI": "Virgin Islands",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
}
_BY_NAME: Final = {name.casefold(): letters for letters, name in STATES.items()}
# Where each begins: the first three digits of its postal codes, and "" where none of a state begin so.
_BEGINNINGS: Final = (
    "005 NY|006 PR|008 VI|009 PR|010 MA|028 RI|030 NH|039 ME|050 VT|055 MA|056 VT|060 CT|070 NJ|090 |100 NY|150 PA"
    "|197 DE|200 DC|201 VA|202 DC|206 MD|220 VA|247 WV|270 NC|290 SC|300 GA|320 FL|340 |341 FL|350 AL|370 TN|386 MS"
    "|398 GA|400 KY|430 OH|460 IN|480 MI|500 IA|530 WI|550 MN|569 DC|570 SD|580 ND|590 MT|600 IL|630 MO|660 KS"
    "|680 NE|700 LA|716 AR|730 OK|733 TX|734 OK|750 TX|800 CO|820 WY|832 ID|840 UT|850 AZ|870 NM|885 TX|889 NV"
    "|900 CA|962 |967 HI|969 GU|970 OR|980 WA|995 AK"
)
_FROM: Final = [int(each[:3]) for each in _BEGINNINGS.split("|")]
_STATE: Final = [each[4:] for each in _BEGINNINGS.split("|")]
_POSTAL: Final = re.compile(r"(\d{5})(?:-?\d{4})?")


def state_letters(text: str) -> str:
    """Return the two letters of a state written either way; "" for anything else."""
    text = text.strip()
    if text.upper() in STATES:
        return text.upper()
    return _BY_NAME.get(text.casefold(), "")


def postal5(text: str) -> str:
    """Return the five digits of a postal code; "" for anything else.

    A code that lost its leading zero in a spreadsheet (four digits, or eight) gets it back.
    """
    text = text.strip()
    if text.isdecimal() and len(text) in {4, 8}:
        text = "0" + text
    found = _POSTAL.fullmatch(text)
    return found[1] if found else ""


def state_of_postal(code: str) -> str:
    """Return the two letters of the state that a postal code of five digits is in; "" where none is."""
    if len(code) != 5 or not code.isdecimal() or int(code[:3]) < _FROM[0]:
        return ""
    return _STATE[bisect_right(_FROM, int(code[:3])) - 1]


@cache
def _cities() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    text = files("connectors.directory").joinpath("cities.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        letters, _, names = line.partition(" ")
        for name in names.split(","):
            found.setdefault(name.strip().casefold(), []).append(letters)
    return {name: tuple(letters) for name, letters in found.items()}


def states_of_city(name: str) -> tuple[str, ...]:
    """Return the two letters of every state with a larger city of this name, written without punctuation."""
    return _cities().get(name.casefold(), ())


def place_of(*, city: str, state: str, postal_code: str) -> str:
    """Return a place in the words of a line: "Cambridge, MA 02139"; a state alone by its whole name."""
    named = state if city or postal_code else STATES.get(state, state)
    return ", ".join(filter(None, (city, " ".join(filter(None, (named, postal_code))))))
