"""The record of every question that we asked a portal: kept as it happens, and read on the inspector's page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from uuid import UUID

from django.db import transaction

from connectors.egress import Call as Asked
from connectors.egress import Egress, Observed
from phr.accounts.access import Sight
from phr.sources.models import Call


@dataclass(slots=True)
class Calls:
    """What was asked for one person and is not written yet. Threads may add; the main thread writes."""

    sight: Sight
    purpose: Call.Purpose
    source_id: UUID | None = None
    run_id: UUID | None = None
    _asked: deque[Asked] = field(default_factory=deque)

    def through(self, egress: Egress) -> Egress:
        """Return an egress that asks by way of this one and is listened to."""
        return Observed(egress, observe=self._asked.append)

    def write(self) -> None:
        """Write what was asked since the last time; the Sight is open, so it commits with what it stands beside.

        What is rolled back is written the next time.
        """
        waiting = len(self._asked)
        if waiting:
            Call.objects.bulk_create([self._row(asked) for asked in islice(self._asked, waiting)])
            transaction.on_commit(partial(self._forget, waiting), robust=False)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._asked.popleft()

    def _row(self, asked: Asked) -> Call:
        return Call(
            person_id=self.sight.person_id,
            source_id=self.source_id,
            purpose=self.purpose,
            run_id=self.run_id,
            at=asked.at,
            method=asked.method,
            # A portal may send us anywhere, and NUL is no text to Postgres.
            origin=asked.origin[:300].replace("\0", ""),
            path=asked.path.replace("\0", ""),
            parameters=[name.replace("\0", "") for name in asked.parameters],
            status=asked.status,
            code=asked.code,
            size=asked.size,
            milliseconds=min(round(asked.seconds * 1000), 2**31 - 1),
        )


@contextmanager
def listening(*, sight: Sight, purpose: Call.Purpose, source_id: UUID | None = None) -> Iterator[Calls]:
    """Write down at the end of the block what was asked in it through `Calls.through`, also when it ends badly.

    The Sight is not open: the rows are a transaction of their own, and what the block did stands or falls without
    them. ``source_id`` may be set on the Calls once there is a source.
    """
    calls = Calls(sight=sight, purpose=purpose, source_id=source_id)
    try:
        yield calls
    finally:
        with sight.open():
            calls.write()
