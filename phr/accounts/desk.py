"""The gate to what belongs to the operator: exports that hold many patients, of whom most are nobody's record here.

A `Desk` is had by staff, and by the workers and commands that do the operator's errands. What it opens holds no record:
to write into one, its code takes a Sight of that person besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from phr.accounts.access import NotVisible
from phr.accounts.models import Person, User
from phr.core.tenant import operating


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who works for the operator; `user_id` is None for a worker or a command."""

    user_id: int | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Open a transaction in which the operator's tables can be seen and written."""
        with operating():
            yield


def desk_of(*, user: User) -> Desk:
    """Return the desk of a user who is staff; raises NotVisible for everybody else."""
    if not (user.is_active and user.is_staff):
        raise NotVisible
    return Desk(user_id=user.pk)


def for_errand() -> Desk:
    """Return the desk of a worker, or of a command that the operator gave."""
    return Desk()


def everybody(*, desk: Desk) -> list[Person]:
    """Return the people of this installation by name: whom a patient of an export may be mapped to.

    Their names and birth dates, and nothing of their records. The desk is open.
    """
    del desk
    with connection.cursor() as cursor:
        cursor.execute("SELECT phr_operating()")
        if cursor.fetchone() != (True,):
            raise NotVisible
    return list(Person.objects.order_by("name", "pk"))
