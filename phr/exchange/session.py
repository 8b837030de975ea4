"""One slice of work on a connection: begin its export, ask how far it is, fetch, bring together, and say when again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from connectors.egress import Egress
from connectors.errors import PortalError, Reauthorize, RetryLater
from connectors.fhir.bulk_client import Gone, Working
from connectors.fhir.bulk_manifest import File, Manifest
from connectors.fhir.bulk_request import kick_off_url
from connectors.secret import Secret
from phr.accounts import desk as desks
from phr.core.crypto import seal, unseal
from phr.exchange import connections, fetch, lease, settle
from phr.exchange.fetch import Opener, Verdict
from phr.exchange.job import Job
from phr.exchange.models import Export, ExportFile, SystemConnection
from phr.sources.profiles import profile_of
from phr.sources.registrations import NotRegistered
from phr.sync import schedule

log = logging.getLogger(__name__)

BUDGET_SECONDS: Final = 30.0
# A server that is down for a night is there in the morning.
_TRIES: Final = 14
# One that refuses a second export of ours has the first to end, or to forget: it may be one whose address died with the
# worker that began it, and then nobody can end it from here.
_TURN: Final = timedelta(days=3)
_RESTARTS: Final = 3
_CRASHES: Final = 3
# Without a word of the server: first soon, then ever slower, and never rarer than that.
_FIRST_POLL: Final = 2.0
_SLOWEST_POLL: Final = 600.0
_MANIFESTS: Final = 100
State = Export.State
T = TypeVar("T")


class Outcome(StrEnum):
    """What the caller does next."""

    DONE = "done"  # nothing is left to do
    AGAIN = "again"  # time was up: ring at once
    LATER = "later"  # the server wants a pause: beat will ring
    BUSY = "busy"  # somebody else has it, or nobody wants it


class _Unending(Exception):  # noqa: N818 - what is met
    """The list of an export's files has no end; `code` says how."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def work(
    *,
    connection_id: UUID,
    egress: Egress,
    clock: Callable[[], datetime],
    budget: float = BUDGET_SECONDS,
    opener: Opener = fetch.from_server,
) -> Outcome:
    """Work a connection for at most `budget` seconds.

    A crash anywhere leaves a lease that runs out and an export that goes on at what it has committed. `opener`: how
    files are read.
    """
    claimed = lease.claim(connection_id=connection_id, now=clock())
    if claimed is None:
        return Outcome.BUSY
    connection = SystemConnection.objects.select_related("registration", "portal").get(pk=connection_id)
    job = Job(
        desk=desks.for_errand(),
        connection=connection,
        profile=profile_of(connection.profile_id),
        lease=claimed,
        egress=egress,
        clock=clock,
        budget=budget,
    )
    try:
        return _work(job, opener)
    except lease.Fenced:
        log.warning("export connection %s: another worker has taken over", connection_id)
        return Outcome.BUSY
    except KeyboardInterrupt:
        with job.commit():
            lease.release(claimed, due_at=clock())
        raise
    except Exception:
        # Ours, not the server's: say so loudly, and do not let it take the worker's time for ever.
        with suppress(lease.Fenced):
            _crashed(job)
        raise


def _work(job: Job, opener: Opener) -> Outcome:
    export = _open(job, from_server=opener is fetch.from_server)
    if export is not None:
        try:
            verdict = _advance(job, export, opener)
        except (NotRegistered, _Unending) as error:
            _close(job, export, State.FAILED, error.code)
            verdict = Verdict.OVER
        except RetryLater as error:
            verdict = _put_off(job, export, error)
        except PortalError as error:
            _close(job, export, State.FAILED, error.code)
            verdict = Verdict.OVER
        if verdict is not Verdict.OVER:
            return _pause(job, verdict)
    errand = settle.Errand(
        connection=job.connection,
        volatile=job.profile.store.volatile,
        commit=job.commit,
        out_of_time=lambda: job.out_of_time,
        now=job.clock,
    )
    if not settle.settle(errand):
        return _pause(job, Verdict.AGAIN)
    with job.commit():
        lease.release(job.lease, due_at=job.connection.next_export_at)
    return Outcome.DONE


def _open(job: Job, *, from_server: bool) -> Export | None:
    """Return the export that is under way, or the one that the schedule wants; None where there is neither.

    Files of this machine are read by the command that was given them: it alone can open them.
    """
    now = job.clock()
    connection = job.connection
    if from_server == (connection.kind == SystemConnection.Kind.FILES):
        return None
    with job.commit():
        found = connections.open_export(connection.pk)
        wanted = connection.next_export_at is not None and connection.next_export_at <= now
        if found is None and wanted and connection.state == SystemConnection.State.ACTIVE:
            found = Export.objects.create(
                connection=connection,
                trigger=Export.Trigger.SCHEDULE,
                since=connection.since,
                created_at=now,
            )
    return found


def _advance(job: Job, export: Export, opener: Opener) -> Verdict:
    """Bring an export forward as far as this slice goes."""
    if export.state == State.QUEUED:
        _kick_off(job, export)
    if export.state == State.ASKED and not _poll(job, export):
        return Verdict.LATER
    return _fetch(job, export, opener)


def _kick_off(job: Job, export: Export) -> None:
    connection = job.connection
    url = kick_off_url(
        base_url=connection.base_url,
        level=connections.level_of(connection),
        group_id=connection.group_id,
        since=export.since,
        types=connection.types,
        type_filters=connection.type_filters,
    )
    sent_at = job.clock()
    status_url = _once_more(job, lambda: job.client().kick_off(url))
    export.status_url = seal(export, "status_url", Secret(status_url))
    export.state, export.attempts, export.reason, export.progress = State.ASKED, 0, "", ""
    export.started_at = export.started_at or sent_at
    job.progressed = True
    job.save(export, "status_url", "state", "attempts", "reason", "progress", "started_at")


def _poll(job: Job, export: Export) -> bool:
    """Ask how far an export is; say whether its files can be fetched."""
    status_url = unseal(export, "status_url")
    assert status_url is not None
    said = _once_more(job, lambda: job.client().poll(status_url.reveal()))
    match said:
        case Working():
            export.attempts += 1
            export.progress = said.progress
            job.asked = _patience(export.attempts) if said.after is None else said.after
            job.progressed = True
            job.save(export, "attempts", "progress")
            return False
        case Gone():
            _restart(job, export)
            return False
        case Manifest():
            _list_files(job, export, said)
    return True


def _list_files(job: Job, export: Export, manifest: Manifest) -> None:
    files, requires_token = _all_of(job, manifest)
    rows = []
    for ordinal, file in enumerate(files):
        row = ExportFile(
            export=export,
            ordinal=ordinal,
            kind=file.kind,
            resource_type=file.resource_type,
            claimed=file.count,
        )
        row.url = seal(row, "url", Secret(file.url))
        rows.append(row)
    with job.commit():
        ExportFile.objects.filter(export=export).delete()
        ExportFile.objects.bulk_create(rows, batch_size=500)
        export.state, export.attempts, export.progress = State.FETCHING, 0, ""
        # A server whose clock is ahead would else leave out, for ever, what changes until ours is there too.
        export.transaction_time = min(manifest.transaction_time, export.started_at or export.created_at)
        export.requires_token = requires_token
        export.save()
    job.progressed = True


def _all_of(job: Job, manifest: Manifest) -> tuple[list[File], bool]:
    """Return the files of a manifest and of those it goes on in, and whether any of them wants a token.

    Raises _Unending `too_many_manifests` and `manifest_repeats`: an export of which a part is not known is none.
    """
    files, requires_token = list(manifest.files), manifest.requires_token
    following, seen = manifest.next_url, set[str]()
    while following is not None:
        if following in seen:
            raise _Unending("manifest_repeats")
        if len(seen) == _MANIFESTS:
            raise _Unending("too_many_manifests")
        seen.add(following)
        further = job.client().poll(following)
        if not isinstance(further, Manifest):
            raise RetryLater("server_error")
        files += further.files
        requires_token = requires_token or further.requires_token
        following = further.next_url
    return files, requires_token


def _fetch(job: Job, export: Export, opener: Opener) -> Verdict:
    later = worked = False
    files = ExportFile.objects.filter(export=export, state__in=["waiting", "running"])
    while True:
        with job.commit():
            # Those that were put off come last.
            file = files.order_by("attempts", "ordinal").first()
        if file is None:
            break
        if file.attempts and later:
            return Verdict.LATER
        # Something is done in every slice, however long it took to be let in.
        if worked and job.out_of_time:
            return Verdict.AGAIN
        worked = True
        match fetch.fetch(job, export, file, opener=opener):
            case Verdict.AGAIN:
                return Verdict.AGAIN
            case Verdict.LATER:
                later = True
            case Verdict.LOST:
                _restart(job, export)
                return Verdict.LATER
            case Verdict.OVER:
                pass
    _finish(job, export)
    return Verdict.OVER


def _restart(job: Job, export: Export) -> None:
    """Ask for the export anew: the server has forgotten it. What was stored stays, and is found unchanged."""
    export.restarts += 1
    if export.restarts > _RESTARTS:
        _close(job, export, State.FAILED, "export_expired")
        return
    with job.commit():
        ExportFile.objects.filter(export=export).delete()
        export.state, export.status_url, export.attempts = State.QUEUED, None, 0
        export.reason = "export_expired"
        export.save()
    job.asked = _FIRST_POLL


def _finish(job: Job, export: Export) -> None:
    """Let the server forget the export, then say how it ended."""
    status_url = unseal(export, "status_url")
    if status_url is not None:
        # A server that does not forget does so by itself some day; its files are ours already.
        with suppress(PortalError, NotRegistered):
            job.client().cancel(status_url.reveal())
    with job.commit():
        export.refresh_from_db()
        rows = list(ExportFile.objects.filter(export=export))
    short = [row for row in rows if row.state != ExportFile.State.COMPLETE]
    output = [row for row in rows if row.kind == ExportFile.Kind.OUTPUT]
    if output and all(row.state == ExportFile.State.FAILED for row in output):
        _close(job, export, State.FAILED, short[0].reason)
    elif short:
        _close(job, export, State.PARTIAL, short[0].reason)
    elif export.problems:
        _close(job, export, State.PARTIAL, "server_problems")
    else:
        _close(job, export, State.COMPLETE, "")


def _close(job: Job, export: Export, state: Export.State, reason: str) -> None:
    """End an export. Only a whole one moves the moment from which the next asks: nothing is left out in between."""
    now = job.clock()
    connection = job.connection
    with job.commit():
        export.state, export.reason, export.finished_at, export.status_url = state, reason, now, None
        export.progress = ""
        export.requests += job.requests
        export.save(
            update_fields=["state", "reason", "finished_at", "status_url", "progress", "requests", "restarts"]
        )
        # The addresses open the files to whoever holds them.
        ExportFile.objects.filter(export=export).update(url=None)
        if state == State.COMPLETE and export.transaction_time is not None:
            connection.since = export.transaction_time
        if connection.every_hours is not None:
            connection.next_export_at = now + timedelta(hours=connection.every_hours)
        connection.save(update_fields=["since", "next_export_at"])
    job.requests = 0


def _put_off(job: Job, export: Export, error: RetryLater) -> Verdict:
    """Try again later; after enough of that the export failed."""
    export.attempts += 1
    tried = export.attempts >= _TRIES
    if export.state == State.QUEUED and error.code == "rate_limited":
        tried = job.clock() - export.created_at > _TURN
    if tried:
        _close(job, export, State.FAILED, error.code)
        return Verdict.OVER
    export.reason = error.code
    job.save(export, "attempts", "reason")
    job.asked = error.after
    return Verdict.LATER


def _pause(job: Job, verdict: Verdict) -> Outcome:
    now = job.clock()
    if verdict is Verdict.AGAIN:
        with job.commit():
            lease.release(job.lease, due_at=now)
        return Outcome.AGAIN
    # A server that works on it says when to come again; one that failed is left alone ever longer.
    if job.progressed and job.asked is not None:
        due_at, failures = now + timedelta(seconds=max(job.asked, 1.0)), 0
    else:
        due_at = schedule.after_failure(failures=job.failures, asked=job.asked, now=now)
        failures = job.failures
    with job.commit():
        lease.release(job.lease, due_at=due_at, failures=failures)
    return Outcome.LATER


def _crashed(job: Job) -> None:
    failures = job.lease.failures + 1
    now = job.clock()
    with job.commit():
        export = connections.open_export(job.connection.pk)
        if export is not None and failures >= _CRASHES:
            export.state, export.reason, export.finished_at = State.FAILED, "internal_error", now
            export.status_url = None
            export.save()
        lease.release(
            job.lease,
            due_at=schedule.after_failure(failures=failures, asked=None, now=now),
            failures=failures,
        )


def _patience(attempts: int) -> float:
    return min(_FIRST_POLL * (1 << min(attempts - 1, 12)), _SLOWEST_POLL)


def _once_more(job: Job, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Reauthorize:
        job.renounce()
        return ask()
