"""Which database alias may do what: all are one database, seen by different roles."""

from typing import Any


class OwnerMigrates:
    """Only the owner of the tables changes them."""

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        return True
