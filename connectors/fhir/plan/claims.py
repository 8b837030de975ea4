"""Parameters that a vendor wants on every search and that only the token response knows (PURE)."""

import re
from collections.abc import Mapping
from typing import Final

from connectors.fhir.query import Query
from connectors.profile import Profile

_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def from_claims(*, profile: Profile, claims: Mapping[str, str]) -> Query:
    """Fill the profile's templates ("Organization/{practice}"); one whose claim is missing is left out."""
    found: list[tuple[str, str]] = []
    for name, template in profile.search.from_claims.items():
        places = _PLACE.findall(template)
        if all(claims.get(place) for place in places):
            found.append((name, _PLACE.sub(lambda match: claims[match.group(1)], template)))
    return tuple(found)
