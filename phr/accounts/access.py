"""The one gate to a person's record.

Everything that reads or writes health data takes a `Sight`, and a Sight is had here alone: from a signed-in user and
the person's id in the path, or by a worker for the person whose source it works. Under it stands the row level
security of the database (core.policies), which admits what the open Sight says and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import Q, QuerySet

from phr.accounts.models import Access, Person, User
from phr.core.ids import uuid7
from phr.core.tenant import tenant

Role = Access.Role

# What each role may do includes what those after it may.
_RANK: Final = {Role.VIEWER: 0, Role.CAREGIVER: 1, Role.OWNER: 2}


class NotVisible(Exception):  # noqa: N818 - what the caller meets
    """There is no such person for this user; whether there is one for somebody else is not said."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one actor may see of one person's record, and until when."""

    person_id: uuid.UUID
    name: str
    birth_date: date | None
    role: Role
    user_id: int | None
    until_at: datetime | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Open a transaction in which this person's rows, and nobody else's, can be seen and written."""
        with tenant(person_id=self.person_id, user_id=self.user_id):
            yield

    def may(self, needs: Role) -> bool:
        return _RANK[self.role] >= _RANK[needs]


def person_for(*, user: User, person_id: uuid.UUID, needs: Role = Role.VIEWER, now: datetime) -> Sight:
    """Return what this user sees of this person; raises NotVisible when that is nothing, or less than needed."""
    with tenant(user_id=user.pk):
        access = _valid(user=user, now=now).filter(person_id=person_id).select_related("person").first()
    if access is None:
        raise NotVisible
    sight = Sight(
        person_id=access.person_id,
        name=access.person.name,
        birth_date=access.person.birth_date,
        role=Role(access.role),
        user_id=user.pk,
        until_at=access.until_at,
    )
    if not sight.may(needs):
        raise NotVisible
    return sight


def people_of(*, user: User, now: datetime) -> list[Sight]:
    """Return the people whose record this user may open, by name."""
    with tenant(user_id=user.pk):
        rows = list(_valid(user=user, now=now).select_related("person").order_by("person__name", "person_id"))
    return [
        Sight(
            person_id=row.person_id,
            name=row.person.name,
            birth_date=row.person.birth_date,
            role=Role(row.role),
            user_id=user.pk,
            until_at=row.until_at,
        )
        for row in rows
    ]


def for_work(*, person_id: uuid.UUID) -> Sight:
    """Return a worker's sight of the person whose source it works; raises NotVisible when they are gone."""
    with tenant(person_id=person_id):
        person = Person.objects.filter(pk=person_id).first()
    if person is None:
        raise NotVisible
    return Sight(
        person_id=person.pk, name=person.name, birth_date=person.birth_date, role=Role.OWNER, user_id=None
    )


def create_person(*, user: User, name: str, birth_date: date | None = None) -> Sight:
    """Start a record that this user owns."""
    person = Person(id=uuid7(), name=name, birth_date=birth_date)
    with tenant(person_id=person.pk, user_id=user.pk):
        person.save(force_insert=True)
        Access.objects.create(user=user, person=person, role=Role.OWNER)
    return Sight(person_id=person.pk, name=name, birth_date=birth_date, role=Role.OWNER, user_id=user.pk)


def _valid(*, user: User, now: datetime) -> QuerySet[Access]:
    return Access.objects.filter(Q(until_at=None) | Q(until_at__gt=now), user=user)
