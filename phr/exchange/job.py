"""What every part of a slice of work on an export needs at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connectors import scopes
from connectors.egress import Egress
from connectors.fhir.bulk_client import BulkClient
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart import backend
from phr.accounts.desk import Desk
from phr.exchange import connections, lease
from phr.exchange.models import Export, SystemConnection

# A token that ends sooner is not worth beginning a request with.
_SPARE_SECONDS: Final = 30.0
# Time that went by with bytes that were read before does not count as work; but a slice ends well before the
# broker's time limit for a task (settings.CELERY_TASK_TIME_LIMIT).
LONGEST_SECONDS: Final = 200.0


@dataclass(slots=True)
class Job:
    """One slice of work on a connection: at most `budget` seconds, then it waits for its next ring."""

    desk: Desk
    connection: SystemConnection
    profile: Profile
    lease: lease.Lease
    egress: Egress
    clock: Callable[[], datetime]
    budget: float
    # Whether anything was stored or learnt: failures before that are not in a row with those after it.
    progressed: bool = False
    # What the server asked us to wait, in seconds.
    asked: float | None = None
    requests: int = 0
    began: float = field(default_factory=time.monotonic)
    excused: float = 0.0
    _token: Secret | None = None
    _token_ends: float = 0.0

    @property
    def out_of_time(self) -> bool:
        """Whether this slice has had its time."""
        spent = time.monotonic() - self.began
        return spent - self.excused > self.budget or spent > max(LONGEST_SECONDS, self.budget)

    @property
    def failures(self) -> int:
        """How many slices in a row came to nothing, this one included."""
        return 1 + (0 if self.progressed else self.lease.failures)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Open the desk for one transaction, with the lease held; raises Fenced."""
        with self.desk.open():
            lease.hold(self.lease)
            yield

    def save(self, export: Export, *fields: str) -> None:
        """Write what has changed of an export, in a transaction of its own."""
        with self.commit():
            export.requests += self.requests
            self.requests = 0
            export.save(update_fields=["requests", *fields])

    def client(self) -> BulkClient:
        """Return a client whose bearer is a token of ours."""
        return BulkClient(
            egress=self.egress,
            base_url=self.connection.base_url,
            profile=self.profile,
            bearer=self._bearer,
            observe=self._observe,
        )

    def renounce(self) -> None:
        """Forget the token: the server did not accept it."""
        self._token = None

    def _bearer(self) -> Secret:
        """Return a token, asked for anew where the last one is about to end. Raises as connectors.smart.backend."""
        if self._token is None or time.monotonic() > self._token_ends - _SPARE_SECONDS:
            server = backend.find(egress=self.egress, base_url=self.connection.base_url)
            granted = backend.access_token(
                egress=self.egress,
                token_endpoint=server.token_endpoint,
                client=connections.client_for(self.connection, now=self.clock()),
                scope=self._scope(server.scopes_supported),
                now=self.clock(),
            )
            self.requests += 2
            self._token = granted.token
            self._token_ends = time.monotonic() + granted.expires_in
        return self._token

    def _scope(self, listed: tuple[str, ...]) -> str:
        """Return what to ask for: the profile's types, or those that the operator named, each of them."""
        types = self.connection.types
        asked = scopes.requested(
            profile=self.profile, scopes_supported=listed, flow="backend", only=types or None
        )
        held = scopes.ScopeSet.parse(asked)
        version = held.resources[0].version if held.resources else self.profile.scopes.version
        further = [
            scopes.Scope(context="system", resource_type=name, interactions="rs", version=version).text
            for name in types
            if not held.allows(name, "r")
        ]
        return " ".join([*asked.split(), *further])

    def _observe(self, _method: str, _path: str, _status: int, _size: int) -> None:
        self.requests += 1
