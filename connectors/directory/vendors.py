"""Whose server stands at an address, told from the addresses that the profiles know. PURE.

A pattern is a whole base address with a name in braces for what differs: "{practice}" for anything but a slash,
"{path*}" for anything at all. Where several fit, the one with most letters of its own is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from connectors.directory.shapes import Told
from connectors.profile import Profile

GENERIC: Final = "generic"
_HOLE: Final = re.compile(r"\{(\w+)(\*?)\}")
_OWN_HOST: Final = re.compile(r"^https?://([^/]*\.)?[^/{}.]+\.[^/{}.]+(/|$)")


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose server it is, and how that was told.

    `sure`: by more than a path, which anybody may choose: a host of the vendor's own, whoever loads the list, or the
    list's name. Of no vendor nobody is sure.
    `staff`: clinicians alone sign in there; `patients`: then the patients' address, "" where nobody knows it.
    `replaced`: the vendor answers at another address by now, which nobody knows for this practice.
    """

    id: str
    told: Told
    sure: bool = False
    staff: bool = False
    patients: str = ""
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class _Pattern:
    vendor: str
    expression: re.Pattern[str]
    # A host of the vendor's own tells for sure; a path alone is also that of others.
    sure: bool
    letters: int
    staff: bool = False
    replaced: bool = False
    patients: str = ""


class Vendors:
    """The addresses of a set of profiles."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        patterns: list[_Pattern] = []
        self._lists: list[tuple[str, str]] = []
        self._only: dict[str, str] = {}
        for profile in profiles:
            where = profile.addresses
            patterns += [_pattern(profile.id, text) for text in where.patterns]
            patterns += [
                _pattern(profile.id, text, staff=True, patients=to) for text, to in where.staff.items()
            ]
            patterns += [_pattern(profile.id, text, replaced=True) for text in where.replaced]
            self._lists += [(_plain(name), profile.id) for name in where.lists]
            whole = [text for text in where.patterns if not _HOLE.search(text) and text != where.sandbox]
            if len(whole) == 1:
                self._only[profile.id] = whole[0]
        self._patterns = sorted(patterns, key=lambda each: (not each.sure, -each.letters, each.vendor))
        self._lists.sort(key=lambda each: -len(each[0]))
        self._of = lru_cache(maxsize=4096)(self._find)

    def of_list(self, name: str) -> str:
        """Return the vendor whose list goes by this name (that of its file, or its address); "" for none."""
        plain = _plain(name.rstrip("/").rsplit("/", 1)[-1])
        return next((vendor for begins, vendor in self._lists if plain.startswith(begins)), "")

    def only_address(self, vendor: str) -> str:
        """Return the one base address that all portals of a vendor share; "" where each has its own."""
        return self._only.get(vendor, "")

    def of_address(self, address: str, *, given: str = "", of_list: str = "") -> Vendor:
        """Return whose server stands at a base address (bare, as `addresses.clean` leaves it).

        ``given``: what whoever loads the list says, which goes before the address; ``of_list``: what the list's
        name says, which goes after an address at a host of the vendor's own.
        """
        return self._of(address, given, of_list)

    def _find(self, address: str, given: str, of_list: str) -> Vendor:
        for each in self._patterns:
            if given not in {"", each.vendor}:
                continue
            found = each.expression.fullmatch(address)
            if found is None or (not each.sure and not given and of_list not in {"", each.vendor}):
                continue
            return Vendor(
                id=each.vendor,
                told="given" if given else "address",
                sure=each.sure or each.vendor in {given, of_list},
                staff=each.staff,
                patients=each.patients.format_map(found.groupdict()),
                replaced=each.replaced,
            )
        if given:
            return Vendor(id=given, told="given", sure=given != GENERIC)
        if of_list:
            return Vendor(id=of_list, told="list", sure=of_list != GENERIC)
        return Vendor(id=GENERIC, told="")


def _pattern(
    vendor: str, text: str, *, staff: bool = False, replaced: bool = False, patients: str = ""
) -> _Pattern:
    text = text.rstrip("/")
    expression, at = "", 0
    for hole in _HOLE.finditer(text):
        expression += re.escape(text[at : hole.start()])
        # A name may stand twice (".../{org}/{org}/r4"); the second time it is what it was the first time.
        expression += f"(?P={hole[1]})" if f"(?P<{hole[1]}>" in expression else _hole(hole)
        at = hole.end()
    expression += re.escape(text[at:])
    return _Pattern(
        vendor=vendor,
        expression=re.compile(expression, re.IGNORECASE),
        sure=_OWN_HOST.search(text) is not None,
        letters=len(_HOLE.sub("", text)),
        staff=staff,
        replaced=replaced,
        patients=patients,
    )


def _hole(hole: re.Match[str]) -> str:
    return f"(?P<{hole[1]}>.+)" if hole[2] else f"(?P<{hole[1]}>[^/]+)"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.casefold())
