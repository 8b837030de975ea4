"""Taking a registration out again: across persons, so for named commands alone."""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError
from django.db.models import ProtectedError

from phr.sources.models import Grant, Portal, Registration
from phr.sources.registrations import NotRegistered

# Whoever is connected is a person's business, which the application's own role does not see as a whole.
_DATABASE: Final = "operator"


class StillNeeded(Exception):  # noqa: N818 - what the caller meets
    """Somebody is connected by it: ``people``, by sources, and ``systems``, by exports of whole systems."""

    def __init__(self, *, people: int, systems: int) -> None:
        super().__init__(f"{people} and {systems}")
        self.people = people
        self.systems = systems


def remove(*, profile_id: str, portal: Portal | None) -> str:
    """Delete our registration with a vendor, or with one portal, and its secret; returns its slug.

    Journeys that are under way with it end. What stands at the vendor stays there. Raises NotRegistered where
    there is none, and StillNeeded while connections hold on to it.
    """
    row = Registration.objects.using(_DATABASE).filter(profile_id=profile_id, portal=portal).first()
    if row is None:
        raise NotRegistered("no_registration")
    slug = row.slug
    try:
        row.delete()
    except ProtectedError as error:
        held = error.protected_objects
        people = sum(isinstance(each, Grant) for each in held)
        raise StillNeeded(people=people, systems=len(held) - people) from None
    except IntegrityError:
        # Somebody connected between the look and the delete.
        raise StillNeeded(people=1, systems=0) from None
    return slug
