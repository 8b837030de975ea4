"""References as "Type/id" where they point into the same portal."""

import re
from functools import lru_cache
from typing import Any

from phr.timeline.events import Ref
from phr.timeline.normalize import codes, names, read

_TAIL = re.compile(r"(?:^|.*/)([A-Z][A-Za-z]{2,60}/[A-Za-z0-9\-._~:]{1,200})(?:/_history/[^/]*)?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Which name token a reference of this type yields.
_NAMED = {
    "Practitioner": "p",
    "PractitionerRole": "p",
    "Organization": "o",
    "Location": "l",
}


@lru_cache(maxsize=32_768)
def target(reference: str, base_url: str = "") -> str:
    """A reference as stored elsewhere: "Type/id" of this portal, else as sent; searches and nonsense give "".

    An absolute URL is cut to "Type/id" where it stands under `base_url`, or where no base URL is known.
    """
    reference = reference.strip()
    if reference.startswith(("#", "urn:")):
        return reference
    if "?" in reference or not reference:
        return ""
    found = _TAIL.fullmatch(reference)
    if _ABSOLUTE.match(reference):
        base = base_url.rstrip("/").lower()
        if base and not reference.lower().startswith(base + "/"):
            return reference
        return found[1] if found else reference
    return found[1] if found else ""


def ref(value: Any, role: str, base_url: str = "") -> Ref | None:
    """A FHIR Reference -> Ref; None where it neither points anywhere nor says a name."""
    if not isinstance(value, dict):
        return None
    pointed = value.get("reference")
    where = target(pointed, base_url) if isinstance(pointed, str) else ""
    display = read.text(value, "display")
    return Ref(role, where, display) if where or display else None


def tokens(value: Any) -> list[str]:
    """The comparable tokens that a Reference itself carries: a name in `display`, an NPI in `identifier`."""
    if not isinstance(value, dict):
        return []
    found = []
    if value.get("display"):
        display = read.text(value, "display")
        kind = _NAMED.get(target_type(value))
        # Without a type the name may be anybody's: it is compared as a person's and as an organization's.
        found += [names.token(each, display) for each in ([kind] if kind else ["p", "o"])]
    pointed = value.get("reference")
    if isinstance(pointed, str) and "identifier=" in pointed:
        system, _, number = pointed.partition("identifier=")[2].partition("|")
        found.append(names.number_token(codes.system(system), number))
    if isinstance(value.get("identifier"), dict):
        identifier = read.obj(value, "identifier")
        found.append(
            names.number_token(codes.system(read.text(identifier, "system")), read.text(identifier, "value"))
        )
    return [each for each in found if each]


def target_type(value: Any) -> str:
    """The resource type that a Reference points at, from its `type` or its path; "" where unknown."""
    if said := read.text(value, "type"):
        return said
    pointed = read.text(value, "reference")
    found = _TAIL.fullmatch(pointed.partition("?")[0])
    if found:
        return found[1].partition("/")[0]
    head = pointed.partition("?")[0]
    return head if head in _NAMED else ""
