"""What every part of a run's work needs at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from connectors.egress import Egress
from connectors.errors import Reauthorize
from connectors.fhir.client import FhirClient
from connectors.profile import Profile
from connectors.secret import Secret
from phr.accounts.access import Sight
from phr.sources.calls import Calls
from phr.sources.flows import refresh
from phr.sources.models import Source
from phr.sync.lease import Lease, hold
from phr.sync.models import Run

Clock = Callable[[], datetime]
T = TypeVar("T")

# Well within the lease: a portal may take longer to answer than a lease lasts.
_RENEW_SECONDS: Final = 15.0


@dataclass(slots=True)
class Work:
    """One session of work on one run: at most `budget` seconds, then the run waits for its next ring."""

    sight: Sight
    source: Source
    run: Run
    profile: Profile
    lease: Lease
    # What is asked through it is in the record of calls with the next commit.
    egress: Egress
    calls: Calls
    clock: Clock
    budget: float
    # Our client id at the portal, for the headers that name it.
    client_id: str = ""
    requests: int = 0
    # Whether anything was stored: failures before that are not in a row with those after it.
    progressed: bool = False
    # What the portal asked us to wait, in seconds, and the steps that stopped for it.
    asked: float | None = None
    deferred: set[int] = field(default_factory=set)
    # The portal asked us to slow down: that is meant for all that we ask, not for one step.
    slowed: bool = False
    started: float = field(default_factory=time.monotonic)
    _bearer: Secret | None = None

    @property
    def out_of_time(self) -> bool:
        return time.monotonic() - self.started > self.budget

    @property
    def stopped(self) -> bool:
        """Whether nothing further is begun in this session."""
        return self.slowed or self.out_of_time

    @property
    def failures(self) -> int:
        """How many sessions in a row came to nothing, this one included."""
        return 1 + (0 if self.progressed else self.lease.failures)

    def wait(self, futures: Iterable[Future[T]]) -> set[Future[T]]:
        """Wait for the first of them, and keep the lease meanwhile; raises Fenced."""
        pending = list(futures)
        while True:
            done, _ = wait(pending, timeout=_RENEW_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                return done
            with self.writing():
                pass

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open the person's rows while we hold the source, and commit with them what was asked; raises Fenced."""
        with self.sight.open():
            hold(self.lease)
            yield
            self.calls.write()

    def client(self) -> FhirClient:
        """Return a client whose bearer is the current token of the grant; threads may share it."""
        return FhirClient(
            egress=self.egress,
            base_url=self.source.base_url,
            profile=self.profile,
            bearer=lambda: self._bearer,
            client_id=self.client_id,
        )

    def authorize(self, *, rejected: bool = False) -> None:
        """Take the grant's access token, refreshed if it must be; the main thread alone calls this.

        ``rejected``: the portal did not accept the one we have. Raises Reauthorize, RetryLater.
        """
        self._bearer = refresh.access_token(
            sight=self.sight,
            source_id=self.source.pk,
            egress=self.egress,
            now=self.clock(),
            rejected=self._bearer if rejected else None,
        )

    @property
    def bearer(self) -> Secret | None:
        """The token that a request sent now carries."""
        return self._bearer

    def reauthorize(self, error: Reauthorize, *, sent: Secret | None, once: set[int], ordinal: int) -> None:
        """Refresh after a rejected token, once a step; raises the error again when that was tried.

        ``sent``: the token that was rejected. Requests that were under way together are rejected together: the
        first of them has it renewed, and the others are sent again with the new one.
        """
        if sent is not self._bearer:
            return
        if ordinal in once:
            raise error
        once.add(ordinal)
        self.authorize(rejected=True)
