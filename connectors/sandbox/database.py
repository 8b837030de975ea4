"""The state of one portal in one SQLite database: what it must remember between two starts."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client (
    id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL UNIQUE, secret TEXT NOT NULL, method TEXT NOT NULL,
    redirect_uris TEXT NOT NULL, scope TEXT NOT NULL, jwks TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '', launch_url TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sign_in (
    id TEXT PRIMARY KEY, query TEXT NOT NULL, username TEXT NOT NULL DEFAULT '', expires_at REAL NOT NULL,
    patient TEXT NOT NULL DEFAULT '', staff INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, username TEXT NOT NULL, expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS launch (
    digest TEXT PRIMARY KEY, client_id TEXT NOT NULL, username TEXT NOT NULL, patient TEXT NOT NULL,
    context TEXT NOT NULL, expires_at REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS code (
    digest TEXT PRIMARY KEY, grant_id INTEGER NOT NULL, redirect_uri TEXT NOT NULL, challenge TEXT NOT NULL,
    challenge_method TEXT NOT NULL, nonce TEXT NOT NULL, expires_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grant_ (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, username TEXT NOT NULL, patient TEXT NOT NULL,
    scope TEXT NOT NULL, created_at REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,
    user TEXT NOT NULL DEFAULT '', context TEXT NOT NULL DEFAULT '{}', refreshed_at REAL
);
CREATE TABLE IF NOT EXISTS token (
    digest TEXT PRIMARY KEY, kind TEXT NOT NULL, grant_id INTEGER NOT NULL, scope TEXT NOT NULL,
    expires_at REAL, used INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resource (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, last_updated REAL NOT NULL,
    deleted INTEGER NOT NULL, body BLOB NOT NULL, given BLOB NOT NULL, ordinal INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resource_in_order ON resource (ordinal);
CREATE TABLE IF NOT EXISTS history (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, last_updated REAL NOT NULL,
    deleted INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (type, id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS result (
    id INTEGER PRIMARY KEY, patient TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, keys TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS page (
    token TEXT PRIMARY KEY, result_id INTEGER NOT NULL, position INTEGER NOT NULL,
    expires_at REAL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS page_of_result ON page (result_id, position);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,
    status INTEGER NOT NULL, bearer INTEGER NOT NULL
);
"""

# Columns that came after the first files were written: a demo that is started again keeps its state.
ADDED: Final[Mapping[str, Mapping[str, str]]] = {
    "client": {"name": "TEXT NOT NULL DEFAULT ''", "launch_url": "TEXT NOT NULL DEFAULT ''"},
    "sign_in": {"patient": "TEXT NOT NULL DEFAULT ''", "staff": "INTEGER NOT NULL DEFAULT 0"},
    "grant_": {
        "user": "TEXT NOT NULL DEFAULT ''",
        "context": "TEXT NOT NULL DEFAULT '{}'",
        "refreshed_at": "REAL",
    },
}

MEMORY: Final = ":memory:"


class Database:
    """One connection behind one lock.

    A portal serves a handful of requests at once and every statement is short; a lock is simpler than a
    connection a thread, and it makes "look it up, mark it used" of codes and refresh tokens one step.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or make the file at `path`; None, or ":memory:" as SQLite has it, keeps the state in memory."""
        path = None if path is None or str(path) == MEMORY else path
        self.path = path
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path or MEMORY, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        if path is not None:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)
        for table, columns in ADDED.items() if path is not None else ():
            held = {column["name"] for column in self.all(f"PRAGMA table_info({table})")}
            for name, kind in columns.items():
                if name not in held:
                    self.all(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock; what is done inside is done together. May be nested: the outermost decides."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Run one statement and return its first row."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def setting(self, name: str) -> str | None:
        """Look up a named value."""
        row = self.one("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        """Keep a named value."""
        self.all(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value
        )
