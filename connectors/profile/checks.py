"""What a single value may look like, wherever in a profile it stands (PURE)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

Fault = tuple[str, str]

_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{2,63}")
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_HOLE: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\*?\}")
_LETTERS: Final = re.compile(r"[A-Za-z]{2}")
_PAIR: Final = re.compile(r"[^=&\s]+=[^&\s]*")


def types(key: str, names: Iterable[str]) -> Iterator[Fault]:
    """Find what is no name of a FHIR type."""
    for name in names:
        if not _TYPE.fullmatch(name):
            yield key, f"holds {name!r}, which is no FHIR type"


def unique(key: str, items: Collection[str]) -> Iterator[Fault]:
    """Find what stands there twice."""
    if len(set(items)) != len(items):
        yield key, "names something twice"


def queries(key: str, texts: Iterable[str]) -> Iterator[Fault]:
    """Find what is no query: "" or "name=value", several of them with "&" between."""
    for text in texts:
        if text and not all(_PAIR.fullmatch(pair) for pair in text.split("&")):
            yield key, f"holds {text!r}, which is no query"


def https(key: str, urls: Iterable[str]) -> Iterator[Fault]:
    """Find what is no https address of a host with a name."""
    for url in urls:
        try:
            parts = urlsplit(url)
            sound = parts.scheme == "https" and _HOST.fullmatch(parts.hostname or "") is not None
        except ValueError:
            sound = False
        if not sound or any(letter in url for letter in " {}<>"):
            yield key, "holds something that is no https address"


def patterns(key: str, texts: Iterable[str]) -> Iterator[Fault]:
    """Find what is no https address with names in braces, or would fit any address at all."""
    for text in texts:
        if not text.startswith("https://") or any(letter in text for letter in " ?#"):
            yield key, f"holds {text!r}, which is no https address"
            continue
        fixed = _HOLE.sub("", text.removeprefix("https://"))
        if "{" in fixed or "}" in fixed:
            yield key, f"holds {text!r}, in which a brace has no partner or no name"
        elif text.endswith("/"):
            yield key, f"holds {text!r}, which ends with a slash"
        elif not _LETTERS.search(fixed):
            yield key, f"holds {text!r}, which fits any address"


def hosts(key: str, names: Iterable[str]) -> Iterator[Fault]:
    """Find what is no name of a host, in small letters and without a port."""
    for name in names:
        if not _HOST.fullmatch(name):
            yield key, f"holds {name!r}, which is no host"


def positive(numbers: Mapping[str, int | None]) -> Iterator[Fault]:
    """Find the numbers that are there and less than 1."""
    for key, number in numbers.items():
        if number is not None and number < 1:
            yield key, "is less than 1"
