"""One session of work on a source: claim it, bring its run forward, and say when it is due again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from django.db import DatabaseError

from connectors.egress import Egress
from connectors.errors import PortalError, Reauthorize, RetryLater
from phr.accounts import access
from phr.sources.calls import Calls
from phr.sources.flows import refresh
from phr.sources.models import Call, Grant, Source
from phr.sources.profiles import profile_of
from phr.sources.registrations import NotRegistered
from phr.sync import decide, lease, schedule
from phr.sync.models import Run, Step
from phr.sync.pipeline import crawl, crawls, follow, planning
from phr.sync.pipeline.context import Work
from phr.sync.requests import open_run
from phr.timeline import project

log = logging.getLogger(__name__)

# A slow portal holds a worker no longer than this; its run goes on at the next ring.
BUDGET_SECONDS = 30.0
_CRASHES = 3
_CRAWLED = {Step.Kind.READ, Step.Kind.SEARCH, Step.Kind.EVERYTHING}


class Outcome(StrEnum):
    """What the caller does next."""

    DONE = "done"  # the run is over
    AGAIN = "again"  # time was up: ring at once
    LATER = "later"  # the portal wants a pause: beat will ring
    BUSY = "busy"  # somebody else has it, or nobody wants it


def work(
    *,
    source_id: uuid.UUID,
    egress: Egress,
    clock: Callable[[], datetime],
    budget: float = BUDGET_SECONDS,
) -> Outcome:
    """Work the open run of a source for at most ``budget`` seconds, or start the one that its schedule wants.

    A crash anywhere leaves a lease that runs out and a run that resumes at its checkpoints.
    """
    held = lease.claim(source_id=source_id, now=clock())
    if held is None:
        return Outcome.BUSY
    try:
        return _work(held, egress=egress, clock=clock, budget=budget)
    except lease.Fenced:
        log.warning("source %s: another worker has taken over", source_id)
        return Outcome.BUSY
    except Exception:
        # Ours, not the portal's: say so loudly, and do not let it take the worker's time for ever.
        with suppress(lease.Fenced, access.NotVisible):
            _crashed(held, now=clock())
        raise


def _work(
    held: lease.Lease,
    *,
    egress: Egress,
    clock: Callable[[], datetime],
    budget: float,
) -> Outcome:
    sight = access.for_work(person_id=held.person_id)
    with sight.open():
        lease.hold(held)
        source = Source.objects.get(pk=held.source_id)
        run = open_run(source_id=source.pk)
        if source.state != Source.State.ACTIVE:
            if run is not None:
                _close(run, state=Run.State.FAILED, reason=source.state_reason or source.state, now=clock())
            lease.release(held, due_at=None, failures=0)
            return Outcome.BUSY
        if run is None:
            run = Run.objects.create(
                person_id=sight.person_id, source=source, trigger=Run.Trigger.SCHEDULE, created_at=clock()
            )
        if run.state == Run.State.QUEUED:
            run.state, run.started_at = Run.State.RUNNING, clock()
            run.save(update_fields=["state", "started_at"])
        client_id = (
            Grant.objects.filter(source=source).values_list("registration__client_id", flat=True).first()
        )
    calls = Calls(sight=sight, purpose=Call.Purpose.FETCH, source_id=source.pk, run_id=run.pk)
    session = Work(
        sight=sight,
        source=source,
        run=run,
        profile=profile_of(source.profile_id),
        lease=held,
        egress=calls.through(egress),
        calls=calls,
        clock=clock,
        budget=budget,
        client_id=client_id or "",
    )
    try:
        return _worked(session)
    except Exception:
        # What was asked was asked, whatever came of it here.
        with suppress(DatabaseError), sight.open():
            calls.write()
        raise


def _worked(session: Work) -> Outcome:
    try:
        over = _advance(session)
    except Reauthorize as error:
        return _give_up(session, error)
    except NotRegistered:
        return _unregistered(session)
    except PortalError as error:
        # Before any step had its say: the token endpoint, or the first contact.
        return _put_off(session, error)
    if over:
        return _finish(session)
    return _pause(session)


def _advance(work: Work) -> bool:
    """Bring the run forward; say whether it is over."""
    work.authorize()
    steps = planning.steps_of(work)
    crawl.crawl(work, steps=_pending(work, steps, _CRAWLED))
    if searches := planning.in_place_of_everything(work, steps=steps):
        steps += searches
        crawl.crawl(work, steps=_pending(work, searches, _CRAWLED))
    _remember(work, steps)
    # The timeline fills while the rest is still being fetched.
    _project(work)
    if _pending(work, steps, _CRAWLED, deferred=True):
        return False
    for kind, pursue in (
        (Step.Kind.REFERENCES, follow.references),
        (Step.Kind.ATTACHMENTS, follow.fetch_attachments),
    ):
        for step in _pending(work, steps, {kind}):
            if work.out_of_time:
                return False
            pursue(work, step=step)
    over = not _pending(work, steps, set(Step.Kind), deferred=True)
    return over and _project(work)


def _remember(work: Work, steps: list[Step]) -> None:
    with work.writing():
        crawls.remember(work, steps=steps)


def _pending(work: Work, steps: list[Step], kinds: set[Step.Kind], *, deferred: bool = False) -> list[Step]:
    """Return the steps that are not over; without those put off in this session, unless asked for."""
    return [
        step
        for step in steps
        if step.kind in kinds
        and step.state in {Step.State.WAITING, Step.State.RUNNING}
        and (deferred or step.ordinal not in work.deferred)
    ]


def _project(work: Work) -> bool:
    """Read what was stored into events and facts; say whether nothing waits any more."""
    while True:
        with work.writing():
            left = project.project(sight=work.sight, source_id=work.source.pk)
        if not left:
            return True
        if work.out_of_time:
            return False


def _finish(work: Work) -> Outcome:
    now = work.clock()
    with work.writing():
        # Where every query failed there was nothing to follow, which is no success.
        told = Step.objects.filter(run=work.run).exclude(
            kind__in=[Step.Kind.REFERENCES, Step.Kind.ATTACHMENTS], state=Step.State.COMPLETE
        )
        states = list(told.values_list("state", flat=True))
        state = Run.State(decide.of_run(states))
        reason = ""
        if state == Run.State.FAILED:
            reason = Step.objects.filter(run=work.run, state=Step.State.FAILED).values_list(
                "reason", flat=True
            )[0]
        _close(work.run, state=state, reason=reason, now=now, requests=work.requests)
        failures = 0
        if state == Run.State.FAILED:
            failures = work.lease.failures + 1
            due_at = schedule.after_failure(failures=failures, asked=work.asked, now=now)
        else:
            due_at = schedule.after_success(source_id=work.source.pk, now=now)
            Source.objects.filter(pk=work.source.pk).update(last_synced_at=now)
        lease.release(work.lease, due_at=due_at, failures=failures)
    return Outcome.DONE


def _pause(work: Work) -> Outcome:
    """Let go of the source until its next ring: at once when only our time was up, later when the portal was busy."""
    now = work.clock()
    later = bool(work.deferred)
    failures = work.failures if later else work.failures - 1
    due_at = schedule.after_failure(failures=failures, asked=work.asked, now=now) if later else now
    with work.writing():
        _count(work)
        lease.release(work.lease, due_at=due_at, failures=failures)
    return Outcome.LATER if later else Outcome.AGAIN


def _put_off(work: Work, error: PortalError) -> Outcome:
    """Try the whole run again later; after enough of that it failed, and its schedule goes on."""
    now = work.clock()
    failures = work.failures
    asked = error.after if isinstance(error, RetryLater) else None
    over = decide.after_error(error, attempts=failures, pages=0)
    with work.writing():
        _count(work)
        if isinstance(over, decide.End):
            _close(work.run, state=Run.State.FAILED, reason=error.code, now=now)
        lease.release(
            work.lease,
            due_at=schedule.after_failure(failures=failures, asked=asked, now=now),
            failures=failures,
        )
    return Outcome.DONE if isinstance(over, decide.End) else Outcome.LATER


def _give_up(work: Work, error: Reauthorize) -> Outcome:
    """The grant is over: what was fetched stays, and nothing is asked until the person reconnects."""
    _project(work)
    now = work.clock()
    with work.writing():
        Source.objects.filter(pk=work.source.pk, state=Source.State.ACTIVE).update(
            state=Source.State.RECONNECT_NEEDED, state_reason=error.code
        )
        Step.objects.filter(run=work.run, state__in=[Step.State.WAITING, Step.State.RUNNING]).update(
            state=Step.State.FAILED, reason=error.code, checkpoint=None, finished_at=now
        )
        _close(work.run, state=Run.State.FAILED, reason=error.code, now=now, requests=work.requests)
        lease.release(work.lease, due_at=None, failures=0)
    return Outcome.DONE


def _crashed(held: lease.Lease, *, now: datetime) -> None:
    """Set a source aside that made us crash; after three times its run failed, and the others went on."""
    sight = access.for_work(person_id=held.person_id)
    failures = held.failures + 1
    with sight.open():
        lease.hold(held)
        run = open_run(source_id=held.source_id)
        if run is not None and failures >= _CRASHES:
            _close(run, state=Run.State.FAILED, reason="internal_error", now=now)
        lease.release(
            held, due_at=schedule.after_failure(failures=failures, asked=None, now=now), failures=failures
        )


def _unregistered(work: Work) -> Outcome:
    """The grant cannot be renewed here: only the operator can mend that, and then the person reconnects."""
    refresh.require_reconnect(sight=work.sight, source_id=work.source.pk, reason="not_registered")
    with work.writing():
        _close(
            work.run,
            state=Run.State.FAILED,
            reason="not_registered",
            now=work.clock(),
            requests=work.requests,
        )
        lease.release(work.lease, due_at=None, failures=0)
    return Outcome.DONE


def _count(work: Work) -> None:
    work.run.requests += work.requests
    work.run.save(update_fields=["requests"])
    work.requests = 0


def _close(run: Run, *, state: Run.State, reason: str, now: datetime, requests: int = 0) -> None:
    run.state, run.reason, run.finished_at = state, reason, now
    run.requests += requests
    run.save(update_fields=["state", "reason", "finished_at", "requests"])
    Step.objects.filter(run=run, state__in=[Step.State.WAITING, Step.State.RUNNING]).update(
        state=Step.State.FAILED, reason=reason, checkpoint=None, finished_at=now
    )
