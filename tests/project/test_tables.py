"""docs/tables.md lists every table of the database, with its policy or why it has none."""

from __future__ import annotations

import re

from django.db import connection

from phr.core.roles import APPEND_ONLY
from tests.accounts.test_walls import UNWALLED
from tests.project.tree import ROOT

TEXT = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
WALLED, _, OPEN = TEXT.partition("\n## Tables without a policy\n")


def rows(text: str) -> dict[str, str]:
    """Table and last column of every row."""
    return {
        match[1]: match[2]
        for match in re.finditer(r"^\| `(\w+)` \|(?:.*\|)? ([^|]+) \|$", text, re.MULTILINE)
    }


def policies() -> dict[str, str]:
    """Table and condition of the tenant's policy, of every table under forced row level security."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, p.qual FROM pg_class c LEFT JOIN pg_policies p"
            " ON p.tablename = c.relname AND p.schemaname = 'public' AND p.policyname = 'tenant'"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity"
        )
        return dict(cursor.fetchall())


def test_every_table_under_a_policy_is_listed_and_no_other(db: None) -> None:
    assert set(rows(WALLED)) == set(policies())


def test_the_common_policy_is_told_from_the_special_ones(db: None) -> None:
    common = {table for table, condition in policies().items() if condition == "(person_id = phr_person())"}
    assert {table for table, said in rows(WALLED).items() if said == "the person"} == common


def test_every_table_without_a_policy_is_listed_with_the_reason() -> None:
    assert rows(OPEN) == UNWALLED


def test_what_is_append_only_is_marked(db: None) -> None:
    marked = {match[1] for match in re.finditer(r"^\| `(\w+)` \|[^\n]*append-only", WALLED, re.MULTILINE)}
    assert marked == set(APPEND_ONLY)
