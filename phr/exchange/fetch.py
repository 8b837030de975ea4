"""One file of an export, from where it was committed last to its end, in bounded memory.

A batch of lines is stored together with how far the file is read. Killed in between, the next reader begins at that
byte where the server can do that, and otherwise reads up to it without looking.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Final, Protocol

from connectors.errors import Denied, PortalError, RetryLater, SkipResource
from connectors.fhir.bulk_lines import Line
from connectors.fhir.outcome import read_issues
from phr.core.crypto import unseal
from phr.exchange import held, landing
from phr.exchange.held import Counts
from phr.exchange.job import LONGEST_SECONDS, Job
from phr.exchange.models import Export, ExportFile

# Large enough that the cost of a transaction is shared; small enough to hold in memory with room to spare.
_LINES: Final = 500
_BYTES: Final = 4 * 1024 * 1024
_TRIES: Final = 5
_COUNTED: Final = ("created", "updated", "unchanged", "landed", "shared", "declined", "set_aside")
Kind, State = ExportFile.Kind, ExportFile.State


class Verdict(StrEnum):
    """What became of a file."""

    OVER = "over"
    AGAIN = "again"  # time was up
    LATER = "later"  # the server wants a pause
    LOST = "lost"  # the server does not know it any more


class Opened(Protocol):
    """A file that is being read: `start` is where it really begins."""

    start: int
    etag: str

    def cut(self, *, number: int = 0) -> Iterator[Line]:
        """Yield its lines."""
        ...


class Opener(Protocol):
    """How the bytes of a file are had: from a server, or from this machine."""

    def __call__(self, job: Job, export: Export, file: ExportFile) -> AbstractContextManager[Opened]:
        """Open the file, from its committed place where that can be done."""
        ...


def from_server(job: Job, export: Export, file: ExportFile) -> AbstractContextManager[Opened]:
    """Open a file of a portal's export."""
    url = unseal(file, "url")
    assert url is not None
    return job.client().file(
        url.reveal(), requires_token=export.requires_token, start=file.offset, etag=file.etag
    )


def fetch(job: Job, export: Export, file: ExportFile, *, opener: Opener) -> Verdict:
    """Read a file as far as time allows. Raises Fenced and, from asking for a token, whatever that raises."""
    pending: list[Line] = []
    try:
        with opener(job, export, file) as opened:
            return _read(job, file, opened, pending)
    except RetryLater as error:
        _keep(job, file, pending)
        return _put_off(job, file, error)
    except SkipResource as error:
        if error.status in {404, 410}:
            return Verdict.LOST
        return _end(job, file, State.FAILED, error.code)
    except Denied:
        raise  # about the token: no file would fare better
    except PortalError as error:
        if error.code == "unauthorized" and file.attempts == 0:
            job.renounce()
            return _put_off(job, file, RetryLater("unauthorized", after=0.0))
        _keep(job, file, pending)
        return _end(job, file, State.FAILED, error.code)


def _keep(job: Job, file: ExportFile, pending: list[Line]) -> None:
    """Store what came before a file broke off: it is as good as any."""
    if pending:
        _store(job, file, pending)


def _read(job: Job, file: ExportFile, opened: Opened, pending: list[Line]) -> Verdict:
    lines = opened.cut(number=file.lines if opened.start else 0)
    size = 0
    skipping = opened.start < file.offset
    since = time.monotonic()
    if opened.etag and not opened.start:
        file.etag = opened.etag[:300]
    for line in lines:
        if line.end <= file.offset:
            if time.monotonic() - since > LONGEST_SECONDS:
                raise RetryLater("timeout")
            continue
        if skipping:
            job.excused += time.monotonic() - since
            skipping = False
        pending.append(line)
        size += len(line.raw)
        if len(pending) >= _LINES or size >= _BYTES:
            _store(job, file, pending)
            size = 0
            if job.out_of_time:
                return Verdict.AGAIN
    _store(job, file, pending)
    if file.claimed is not None and _records(file) < file.claimed:
        return _end(job, file, State.PARTIAL, "fewer_than_claimed")
    return _end(job, file, State.COMPLETE, "")


def _store(job: Job, file: ExportFile, pending: list[Line]) -> None:
    """Commit a batch and the place after it as one; empties the batch."""
    with job.commit():
        counts = _take(job, file, pending) if pending else Counts()
        for name in _COUNTED:
            setattr(file, name, getattr(file, name) + getattr(counts, name))
        if pending:
            file.offset, file.lines, file.attempts = pending[-1].end, pending[-1].number, 0
        file.state = State.RUNNING
        file.save()
    job.progressed = job.progressed or bool(pending)
    pending.clear()


def _take(job: Job, file: ExportFile, lines: list[Line]) -> Counts:
    if file.kind == Kind.DELETED:
        return held.take_deleted(connection=job.connection, lines=lines, now=job.clock())
    if file.kind == Kind.ERROR:
        failed = sum(read_issues(line.raw).failed for line in lines)
        Export.objects.filter(pk=file.export_id).update(problems=_plus(file, failed))
        return Counts(unchanged=len(lines))
    return landing.take(
        connection=job.connection,
        file=file,
        lines=lines,
        volatile=job.profile.store.volatile,
        now=job.clock(),
    )


def _plus(file: ExportFile, failed: int) -> int:
    return Export.objects.values_list("problems", flat=True).get(pk=file.export_id) + failed


def _records(file: ExportFile) -> int:
    return sum(getattr(file, name) for name in _COUNTED)


def _put_off(job: Job, file: ExportFile, error: RetryLater) -> Verdict:
    """Try again later; after enough of that the file failed, and the others go on."""
    file.attempts += 1
    if file.attempts >= _TRIES:
        return _end(job, file, State.FAILED, error.code)
    with job.commit():
        file.reason = error.code
        file.save(update_fields=["attempts", "reason"])
    if error.after is not None:
        job.asked = max(job.asked or 0.0, error.after)
    return Verdict.LATER


def _end(job: Job, file: ExportFile, state: ExportFile.State, reason: str) -> Verdict:
    with job.commit():
        file.state, file.reason, file.finished_at = state, reason, job.clock()
        # The address opens the file to whoever holds it: nobody needs it any more.
        file.url = None
        file.save()
    return Verdict.OVER
