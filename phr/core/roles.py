"""The database roles that phr runs as, neither of them owner nor superuser.

`phr_app` serves the web and the workers, under row level security. `phr_operator` crosses persons, and is used by
named commands alone. Their passwords derive from PHR_SECRET_KEY, so that one DATABASE_URL is all that an operator
sets: it names the owner, which creates the tables and nothing else. Web and workers are given another, that of
`phr_app` (core.credentials), so that they do not hold the owner's.
"""

from __future__ import annotations

from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from phr.core.credentials import APP, OPERATOR, password

__all__ = ["APP", "APPEND_ONLY", "OPERATOR", "RolesError", "ensure", "grant", "password"]

# Held by privileges as well as by manners: the application can add to these, and change nothing in them.
APPEND_ONLY: Final = ("records_version", "sources_call", "sources_grantreply")

# Two migrations at once (two containers starting) must not race for CREATE ROLE.
_LOCK: Final = 7_041_776


class RolesError(Exception):
    """The owner of DATABASE_URL may not create the roles; the message says what to run."""


def ensure(connection: BaseDatabaseWrapper, *, secret_key: str) -> None:
    """Create the roles where they are missing and set their passwords; raises RolesError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            for role in (APP, OPERATOR):
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                verb = "ALTER" if cursor.fetchone() else "CREATE"
                statement = sql.SQL(
                    verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
                ).format(sql.Identifier(role), sql.Literal(password(role, secret_key=secret_key)))
                try:
                    cursor.execute(statement)
                except DatabaseError as error:
                    raise RolesError(
                        f"The user of DATABASE_URL may not {verb.lower()} the role {role}: "
                        "give that user CREATEROLE, or run the migration once as a superuser."
                    ) from error
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def grant(connection: BaseDatabaseWrapper) -> None:
    """Give the roles what they need on the tables as they are now, and no more."""
    roles = sql.SQL(", ").join([sql.Identifier(APP), sql.Identifier(OPERATOR)])
    statements = [
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}",
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(roles))
        for table in APPEND_ONLY:
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(table), roles)
            )
