"""The suite's own Postgres, and the database that each test gets.

One private server a run, started by the first test that needs it and stopped by the process that runs the suite. The
template is migrated once; each process clones it. `db` (pytest-django's) wraps a test in a transaction; `committed`
lets it commit, for workers in other threads and processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from phr.accounts import access
from phr.accounts.models import User
from phr.core.environment import DatabaseAddress
from phr.ops.embedded.postgres import Postgres

_FOLDER = "PHR_TEST_FOLDER"
_TEMPLATE = "phr_template"
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="phr-tests-")
        # Postgres drops to another account when root runs the suite.
        Path(folder).chmod(0o755)
        os.environ[_FOLDER] = folder
        config.stash[_OWNED] = Path(folder)


_OWNED = pytest.StashKey[Path]()
# Kept: a subprocess that is collected while it runs is a warning, and warnings are errors.
_started: list[Postgres] = []


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_OWNED, None)
    if folder is not None:
        if (folder / "postgres.url").exists():
            Postgres(folder / "postgres", durable=False).stop()
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop(_FOLDER, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    corpus = corpus_folder()
    if corpus is None:
        skip = pytest.mark.skip(reason="the real input is not here: set PHR_CORPUS to its folder")
        for item in items:
            if "corpus" in item.keywords:
                item.add_marker(skip)


@pytest.hookimpl(optionalhook=True)  # there is no such hook under `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give all journeys to one process, which starts the stack once; every other test goes alone.

    xdist's own loadgroup writes the group into the node's id, which pytest 9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415

    class Journeys(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "tests/journeys" if nodeid.startswith("tests/journeys/") else nodeid

    return Journeys(config, log)


def corpus_folder() -> Path | None:
    folder = Path(os.environ.get("PHR_CORPUS") or ROOT.parent / "shared" / "data")
    return folder if (folder / "synthea").is_dir() else None


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real input; tests that ask for it carry the marker `corpus`."""
    folder = corpus_folder()
    assert folder is not None
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _point(address: DatabaseAddress, name: str) -> None:
    """Point every alias at one database; the roles stay those of the settings."""
    for alias in connections:
        settings_dict = connections[alias].settings_dict
        settings_dict.update(HOST=address.host, PORT=str(address.port), NAME=name)
        if alias == "owner":
            settings_dict.update(USER=address.user, PASSWORD=address.password)


@pytest.fixture(scope="session")
def database_server(django_db_blocker: DjangoDbBlocker) -> DatabaseAddress:
    """The address of the suite's Postgres, with a migrated template database in it."""
    folder = Path(os.environ[_FOLDER])
    known = folder / "postgres.url"
    with _locked(folder):
        if not known.exists():
            server = Postgres(folder / "postgres", durable=False)
            server.initialise()
            # It outlives this process, which may be one worker of several.
            server.start(orphan=True)
            _started.append(server)
            address = DatabaseAddress.parse(server.url)
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            _point(address, _TEMPLATE)
            with django_db_blocker.unblock():
                call_command("migrate", verbosity=0)
                connections.close_all()
            known.write_text(server.url)
    return DatabaseAddress.parse(known.read_text())


@pytest.fixture(scope="session")
def django_db_setup(
    database_server: DatabaseAddress, django_db_blocker: DjangoDbBlocker, request: pytest.FixtureRequest
) -> None:
    """Give this process a database of its own (pytest-django asks for it by this name)."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"phr_{worker}"
    with (
        _locked(Path(os.environ[_FOLDER])),
        psycopg.connect(database_server.url, autocommit=True) as connection,
    ):
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    _point(database_server, name)


@pytest.fixture
def database_address(django_db_setup: None, database_server: DatabaseAddress) -> DatabaseAddress:
    """The owner's address of this process's database, for a worker in another process."""
    settings_dict = connections["owner"].settings_dict
    return DatabaseAddress(
        host=database_server.host,
        port=database_server.port,
        name=settings_dict["NAME"],
        user=database_server.user,
        password=database_server.password,
        options=database_server.options,
    )


@pytest.fixture
def committed(
    database_address: DatabaseAddress, django_db_blocker: DjangoDbBlocker
) -> Iterator[DatabaseAddress]:
    """Let the test commit, and empty every table after it; yields the owner's address."""
    with django_db_blocker.unblock():
        yield database_address
        connections.close_all()
    with psycopg.connect(database_address.url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in rows)} CASCADE")


@pytest.fixture
def make_user() -> Callable[..., User]:
    def make(
        email: str = "rosa@example.org", password: str = "a long enough password", **fields: Any
    ) -> User:
        return User.objects.create_user(email, password, **fields)

    return make


@pytest.fixture
def owner(db: None, make_user: Callable[..., User]) -> User:
    return make_user("owner@example.org")


@pytest.fixture
def stranger(db: None, make_user: Callable[..., User]) -> User:
    return make_user("stranger@example.org")


@pytest.fixture
def sight(owner: User) -> access.Sight:
    """The owner's sight of a person."""
    return access.create_person(user=owner, name="Rosa Marin")
