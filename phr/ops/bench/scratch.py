"""A database for one run of a benchmark: made for it, migrated, removed with it. Nobody's records are in reach."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connections

from phr.core.environment import DatabaseAddress
from phr.ops.embedded.postgres import Postgres


@contextmanager
def scratch(*, durable: bool = True) -> Iterator[DatabaseAddress]:
    """Point every alias of this process at an embedded server of its own; yields the owner's address.

    ``durable``: as a user runs it, every commit written through. Raises EmbeddedError.
    """
    with tempfile.TemporaryDirectory(prefix="phr-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres drops to another account when root runs it
        server = Postgres(folder / "postgres", durable=durable)
        try:
            server.start()
            address = DatabaseAddress.parse(server.url)
            _point(address)
            call_command("migrate", interactive=False, verbosity=0)
            yield address
        finally:
            connections.close_all()
            server.destroy()


def _point(address: DatabaseAddress) -> None:
    """The roles stay those of the settings, the server becomes ours."""
    for alias in connections:
        connections[alias].close()
        found = connections[alias].settings_dict
        found.update(HOST=address.host, PORT=str(address.port), NAME=address.name)
        if alias == "owner":
            found.update(USER=address.user, PASSWORD=address.password)
