"""Names and numbers by which a practitioner, organization or place is known in more than one portal."""

import unicodedata
from functools import lru_cache
from typing import Any

from phr.timeline.normalize import codes, read

# Titles and degrees that one portal writes and another leaves out.
_TITLES = frozenset(
    [
        *(
            "dr",
            "doctor",
            "prof",
            "professor",
            "mr",
            "mrs",
            "ms",
            "miss",
            "jr",
            "sr",
            "ii",
            "iii",
            "iv",
            "esq",
        ),
        *(
            "md",
            "do",
            "dds",
            "dmd",
            "dpm",
            "od",
            "dc",
            "phd",
            "pharmd",
            "mph",
            "mba",
            "facp",
            "facc",
            "facs",
            "faap",
        ),
        *(
            "rn",
            "np",
            "pa",
            "pac",
            "aprn",
            "fnp",
            "fnpc",
            "crnp",
            "crna",
            "dnp",
            "lpn",
            "lvn",
            "bsn",
            "msn",
            "cnm",
        ),
        *("pt", "dpt", "ot", "lcsw"),
    ]
)
_NPI_LENGTH = 10
_NPI_PREFIX = "80840"


@lru_cache(maxsize=8_192)
def plain(text: str) -> str:
    """Words for comparing: case, punctuation, width and spacing made one; letters of every script stay."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


@lru_cache(maxsize=8_192)
def person(name: str) -> str:
    """A person's name for comparing: order, titles, degrees and initials do not count. "Yundt, Keeley A., MD"."""
    words = [word for word in plain(name.replace(".", "").replace("'", "")).split() if word not in _TITLES]
    long = [word for word in words if len(word) > 1]
    # One word alone ("Smith") is too little to say that two practitioners are one.
    return " ".join(sorted(long)) if len(long) > 1 else ""


def human_name(value: Any) -> str:
    """A FHIR HumanName in one line: its text, else prefix, given, family, suffix."""
    holder = read.obj(value)
    if said := read.text(holder, "text"):
        return said
    parts = [*read.strings(holder, "prefix"), *read.strings(holder, "given"), *read.strings(holder, "family")]
    return " ".join([*parts, *read.strings(holder, "suffix")])


def human_names(resource: read.Json) -> list[str]:
    """Every name of a Patient, Practitioner or RelatedPerson; the official or usual one first, old ones last."""
    order = {"official": 0, "usual": 1, "": 2, "old": 9, "maiden": 9}
    held = sorted(read.objs(resource, "name"), key=lambda name: order.get(read.text(name, "use"), 3))
    return list(dict.fromkeys(name for name in map(human_name, held) if name))


def is_npi(number: str) -> bool:
    """True where `number` is a National Provider Identifier with a right check digit (Luhn over 80840 + digits)."""
    if len(number) != _NPI_LENGTH or not (number.isascii() and number.isdigit()):
        return False
    total = 0
    for place, digit in enumerate(reversed(_NPI_PREFIX + number)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def number_token(system: str, value: str) -> str:
    """`npi:...` for a verified NPI, else ""."""
    return f"npi:{value}" if system == codes.NPI and is_npi(value) else ""


def token(kind: str, name: str) -> str:
    """`p:keeley yundt`, `o:holyoke medical center`, `l:...`; "" where the name says too little."""
    known = person(name) if kind == "p" else plain(name)
    return f"{kind}:{known}" if known else ""


def address(value: Any) -> str:
    """An Address in one line."""
    holder = read.obj(value)
    parts = [*read.strings(holder, "line"), *(read.text(holder, part) for part in _ADDRESS)]
    return ", ".join(part for part in parts if part) or read.text(holder, "text")


_ADDRESS = ("city", "state", "postalCode", "country")
