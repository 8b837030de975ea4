"""What lies where under PHR_DATA_DIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from phr.ops.embedded.account import POINTER
from phr.ops.embedded.errors import EmbeddedError

_LOGS_KEPT = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """The names under one data folder."""

    data_dir: Path

    @property
    def postgres(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def sandbox(self) -> Path:
        return self.data_dir / "sandbox"

    @property
    def secrets(self) -> Path:
        return self.data_dir / "secrets"

    @property
    def logs(self) -> Path:
        return self.data_dir / "log"

    @property
    def run_file(self) -> Path:
        return self.data_dir / "run.json"

    @property
    def directory_mark(self) -> Path:
        return self.data_dir / "directory.shipped"

    @property
    def stack_lock(self) -> Path:
        return self.data_dir / "up.lock"

    @property
    def users_lock(self) -> Path:
        return self.data_dir / "database-users.lock"

    @property
    def start_lock(self) -> Path:
        return self.data_dir / "database-start.lock"

    def has_database(self) -> bool:
        """Whether an embedded database was ever made here."""
        return (self.postgres / "cluster").exists() or (self.postgres / POINTER).exists()

    def make(self) -> None:
        """Make the folders that hold private files; raises EmbeddedError when that cannot be."""
        try:
            # As root the servers run as another account, which must pass through.
            self.data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
            for folder in (self.secrets, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"PHR_DATA_DIR {self.data_dir} cannot be used ({error.strerror}): "
                "set it to a folder that you may write to."
            ) from None
        if not os.access(self.data_dir, os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"PHR_DATA_DIR {self.data_dir} belongs to another user: "
                "start as that user, or set another folder."
            )

    def fresh_log(self, name: str) -> Path:
        """Return an empty log ``name``.log; what former runs wrote is kept as .1 to .5."""
        log = self.logs / f"{name}.log"
        if log.exists() and log.stat().st_size:
            for number in range(_LOGS_KEPT - 1, 0, -1):
                older = log.with_suffix(f".log.{number}")
                if older.exists():
                    older.replace(log.with_suffix(f".log.{number + 1}"))
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        return log
