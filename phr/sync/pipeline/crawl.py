"""The crawl: several queries of one source at once, each page stored together with its checkpoint.

Threads do HTTP and nothing else. The page after is already being fetched while this one is stored; if we die in
between, it is fetched again, and what it holds is found unchanged.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from connectors.errors import PortalError, Reauthorize
from connectors.fhir.bundle import Page
from connectors.fhir.client import FhirClient
from connectors.fhir.clock import not_after
from connectors.secret import Secret
from phr.core import crypto
from phr.records import store
from phr.sync import decide
from phr.sync.models import Step
from phr.sync.pipeline.context import Work


@dataclass(slots=True)
class _Active:
    """A step under way, and the links that it followed in this session."""

    step: Step
    url: str
    # The token it is sent with.
    bearer: Secret | None = None
    seen: set[str] = field(default_factory=set)


def crawl(work: Work, *, steps: list[Step]) -> None:
    """Work the given steps until they are over, deferred, or the time is; raises Reauthorize, Fenced."""
    client = work.client()
    waiting = list(steps)
    active: dict[Future[Page], _Active] = {}
    retried: set[int] = set()
    with ThreadPoolExecutor(max_workers=work.profile.limits.connections, thread_name_prefix="fetch") as pool:
        try:
            while True:
                while waiting and len(active) < work.profile.limits.connections and not work.stopped:
                    begun = _begin(work, step=waiting.pop(0))
                    active[pool.submit(_fetch, client, begun)] = begun
                if not active:
                    return
                for future in work.wait(active):
                    current = active.pop(future)
                    _answered(
                        work,
                        client=client,
                        pool=pool,
                        active=active,
                        current=current,
                        future=future,
                        retried=retried,
                    )
        finally:
            for future in active:
                future.cancel()


def _fetch(client: FhirClient, current: _Active) -> Page:
    step = current.step
    if step.kind == Step.Kind.READ:
        return Page(entries=(client.read(current.url),))
    return client.page(current.url, resource_type=step.resource_type)


def _begin(work: Work, *, step: Step) -> _Active:
    checkpoint = crypto.unseal(step, "checkpoint")
    idle = (work.clock() - step.checkpoint_at).total_seconds() if step.checkpoint_at is not None else None
    if decide.begins_anew(expires=work.profile.paging.expires, idle_seconds=idle):
        checkpoint = None
        _begin_anew(step)
    url = checkpoint.reveal() if checkpoint is not None else _first_url(work, step)
    if step.state == Step.State.WAITING:
        with work.writing():
            step.state, step.started_at = Step.State.RUNNING, work.clock()
            step.save(update_fields=["state", "started_at"])
    return _Active(step=step, url=url, bearer=work.bearer)


def _first_url(work: Work, step: Step) -> str:
    if step.kind == Step.Kind.READ:
        return step.query
    if step.kind == Step.Kind.EVERYTHING:
        return f"{work.source.base_url}/{step.query}"
    return f"{work.source.base_url}/{step.resource_type}?{step.query}"


def _answered(
    work: Work,
    *,
    client: FhirClient,
    pool: ThreadPoolExecutor,
    active: dict[Future[Page], _Active],
    current: _Active,
    future: Future[Page],
    retried: set[int],
) -> None:
    work.requests += 1
    step = current.step
    try:
        page = future.result()
    except Reauthorize as error:
        work.reauthorize(error, sent=current.bearer, once=retried, ordinal=step.ordinal)
        current.bearer = work.bearer
        active[pool.submit(_fetch, client, current)] = current
        return
    except PortalError as error:
        if step.kind == Step.Kind.SEARCH:
            other = decide.rewording(
                error,
                resource_type=step.resource_type,
                query=step.query,
                mode="changes" if step.mode == Step.Mode.CHANGES else "full",
                pages=step.pages,
                profile=work.profile,
            )
            if other is not None:
                _reword(work, step=step, other=other)
                current = _Active(step=step, url=_first_url(work, step), bearer=work.bearer)
                active[pool.submit(_fetch, client, current)] = current
                return
        step.attempts += 1
        _settle(work, step=step, verdict=decide.after_error(error, attempts=step.attempts, pages=step.pages))
        return
    current.seen.add(current.url)
    # What came along would otherwise make up for what is missing.
    searched = step.resource_type if step.kind == Step.Kind.SEARCH else ""
    matched = step.matched + page.matched(searched)
    verdict = decide.after_page(
        next_url=page.next_url,
        seen_urls=frozenset(current.seen),
        pages=step.pages + 1,
        matched=matched,
        total=page.total,
        total_means=work.profile.search.total,
    )
    if isinstance(verdict, decide.NextPage) and not work.stopped:
        following = _Active(step=step, url=verdict.url, bearer=work.bearer, seen=current.seen)
        active[pool.submit(_fetch, client, following)] = following
    _store(work, step=step, page=page, matched=matched, verdict=verdict)


def _store(
    work: Work,
    *,
    step: Step,
    page: Page,
    matched: int,
    verdict: decide.NextPage | decide.End,
) -> None:
    """Commit a page, its counts and its checkpoint as one."""
    with work.writing():
        stored = store.apply(
            sight=work.sight,
            source=work.source,
            entries=page.entries,
            volatile=work.profile.store.volatile,
            now=work.clock(),
        )
        if not step.pages:
            # Of the first page: what changes while we read is not in all of the others.
            step.instant = not_after(page.instant, step.started_at or work.clock())
        step.pages += 1
        step.matched = matched
        if step.reason != decide.PAGING_EXPIRED:
            # Of a step that was begun anew the tries are counted to its end, or it would be begun anew for ever.
            step.attempts, step.reason = 0, ""
        if page.total is not None and work.profile.search.total == "result":
            step.total_claimed = page.total
        for name in ("fetched", "created", "updated", "unchanged", "quarantined"):
            setattr(step, name, getattr(step, name) + getattr(stored, name))
        if isinstance(verdict, decide.NextPage):
            step.checkpoint = crypto.seal(step, "checkpoint", Secret(verdict.url))
            step.checkpoint_at = work.clock()
        else:
            _end(work, step=step, state=verdict.state, reason=verdict.reason)
        step.save()
    work.progressed = True


def _settle(work: Work, *, step: Step, verdict: decide.End | decide.Later | decide.Again) -> None:
    """Write down what became of a step whose request failed."""
    with work.writing():
        match verdict:
            case decide.End():
                _end(work, step=step, state=verdict.state, reason=verdict.reason)
            case decide.Later():
                if step.reason != decide.PAGING_EXPIRED:
                    step.reason = verdict.reason
                work.deferred.add(step.ordinal)
                work.slowed = work.slowed or verdict.reason == "rate_limited"
                work.asked = max(work.asked or 0, verdict.after) if verdict.after is not None else work.asked
            case decide.Again():
                step.reason = verdict.reason
                _begin_anew(step)
                work.deferred.add(step.ordinal)
        step.save()


def _reword(work: Work, *, step: Step, other: decide.Reworded) -> None:
    """Ask the same in other words from now on, also after a restart."""
    with work.writing():
        step.query, step.reworded = other.query, Step.Reworded(other.how)
        if step.reworded == Step.Reworded.WHOLE:
            step.mode = Step.Mode.FULL
        step.save(update_fields=["query", "reworded", "mode"])


def _begin_anew(step: Step) -> None:
    """Forget how far the step was; what it brought is found unchanged."""
    step.checkpoint = step.checkpoint_at = None
    step.pages = step.matched = step.fetched = step.created = step.updated = step.unchanged = (
        step.quarantined
    ) = 0


def _end(
    work: Work,
    *,
    step: Step,
    state: Literal["complete", "partial", "refused", "unsupported", "failed"],
    reason: str,
) -> None:
    step.state, step.reason, step.finished_at = state, reason, work.clock()
    step.checkpoint = step.checkpoint_at = None
