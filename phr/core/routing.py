"""Which database alias may do what: all are one database, seen by different roles."""

from typing import Any


class OwnerMigrates:
    """Only the owner of the tables changes them."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True
