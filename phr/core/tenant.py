"""The tenant of a transaction: whose rows the row level security of Postgres lets through."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

_SET = "SELECT set_config('phr.person', %s, true), set_config('phr.user', %s, true)"
_GET = "SELECT current_setting('phr.person', true), current_setting('phr.user', true)"


@contextmanager
def tenant(
    *, person_id: uuid.UUID | None = None, user_id: int | None = None, using: str = "default"
) -> Iterator[None]:
    """Open a transaction whose row policies admit one person's rows, or what one user may choose from.

    The setting is local to the transaction, so a pooled connection carries none on. Within another tenant's
    transaction it holds for the inner block alone.
    """
    connection = connections[using]
    nested = connection.in_atomic_block
    with transaction.atomic(using=using), connection.cursor() as cursor:
        before: tuple[str, str] | None = None
        if nested:
            cursor.execute(_GET)
            person, user = cursor.fetchone()
            before = (person or "", user or "")
        cursor.execute(_SET, [str(person_id or ""), str(user_id or "")])
        yield
        if before is not None and not connection.needs_rollback:
            cursor.execute(_SET, before)


@contextmanager
def operating(*, using: str = "default") -> Iterator[None]:
    """Open a transaction that sees the operator's tables (`core.policies.desk`); accounts.desk decides for whom.

    It opens nobody's record: a tenant within it does, for its own block.
    """
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('phr.operating', true)")
        before: str = cursor.fetchone()[0] or ""
        cursor.execute("SELECT set_config('phr.operating', 'on', true)")
        yield
        if not connection.needs_rollback:
            cursor.execute("SELECT set_config('phr.operating', %s, true)", [before])
