"""What the crawl left to fetch: resources that others refer to, and bytes that they point at.

Both are recomputed from what is stored, so a worker that takes over needs no list of its predecessor's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from django.db.models import QuerySet

from connectors.errors import PortalError, Reauthorize, RetryLater
from connectors.fhir.bundle import Entry
from connectors.fhir.client import Content
from connectors.fhir.references import attachments, literal_references, missing_references
from phr.records import attachments as attachment_store
from phr.records import queries, store
from phr.records.models import Attachment
from phr.sync.decide import DAILY_LIMIT, PASSING, passes
from phr.sync.models import Run, Step
from phr.sync.pipeline.context import Work

T = TypeVar("T")

# Stored together: small enough that a killed worker loses little, large enough that commits cost little.
_BATCH = 25
# A practitioner's role names an organization, which names another above it: deeper chains say nothing to a patient.
_ROUNDS = 3
_DAY = timedelta(days=1)


def references(work: Work, *, step: Step) -> None:
    """Read the supporting resources that are referred to and not held; raises Reauthorize, Fenced."""
    _start(work, step=step)
    client = work.client()
    refused: dict[str, str] = {}
    for _ in range(_ROUNDS):
        wanted = [reference for reference in _referred(work, step=step) if reference not in refused]
        if not wanted:
            break
        for batch in _batches(wanted):
            if work.out_of_time:
                return
            answers = _together(work, ask=client.read, items=batch, ordinal=step.ordinal)
            entries: list[Entry] = []
            for reference, answer in answers:
                if isinstance(answer, PortalError):
                    refused[reference] = answer.code
                else:
                    entries.append(answer)
            if any(isinstance(answer, RetryLater) for _, answer in answers) and _defer(
                work, step=step, answers=answers
            ):
                _store(work, step=step, entries=entries)
                return
            _store(work, step=step, entries=entries)
    _finish(work, step=step, refused=refused, lasting=_never_given(work, step=step))


def fetch_attachments(work: Work, *, step: Step) -> None:
    """Fetch the bytes that documents and reports point at; raises Reauthorize, Fenced."""
    _start(work, step=step)
    client = work.client()
    accept, wanted = _pointed_at(work, step=step)
    wanted, refused = _of_today(work, wanted=wanted)

    def ask(url: str) -> Content:
        return client.binary(url, accept=accept[url])

    for batch in _batches(wanted):
        if work.out_of_time:
            return
        answers = _together(work, ask=ask, items=batch, ordinal=step.ordinal)
        postponed = any(isinstance(answer, RetryLater) for _, answer in answers) and _defer(
            work, step=step, answers=answers
        )
        with work.writing():
            for url, answer in answers:
                if isinstance(answer, PortalError):
                    refused[url] = answer.code
                    if not postponed:
                        attachment_store.refuse(
                            sight=work.sight,
                            source_id=work.source.pk,
                            url=url,
                            state=Attachment.State.REFUSED,
                            reason=answer.code,
                            now=work.clock(),
                        )
                    continue
                attachment_store.keep(
                    sight=work.sight,
                    source_id=work.source.pk,
                    url=url,
                    content_type=answer.content_type,
                    body=answer.body,
                    now=work.clock(),
                )
                step.fetched += 1
                step.created += 1
            step.save(update_fields=["attempts", "fetched", "created"])
        if postponed:
            return
    _finish(work, step=step, refused=refused, lasting=_refused_before(work, refused=refused))


def _referred(work: Work, *, step: Step) -> list[str]:
    with work.sight.open():
        since = _since(work, step=step)
        found: set[str] = set()
        for _, _, raw in queries.changed_since(sight=work.sight, source_id=work.source.pk, since=since):
            found |= literal_references(
                raw, base_url=work.source.base_url, ignore_case=work.profile.paging.ignore_case
            )
        supporting = missing_references(found, known=())
        return store.missing(sight=work.sight, source=work.source, references=supporting)


def _since(work: Work, *, step: Step) -> datetime:
    """Return from when on what was stored has not been followed: after the last run that asked for all of it."""
    settled = None
    if not work.run.full:
        settled = _settled(work, step=step).values_list("run__created_at", flat=True).first()
    unsettled = Run.objects.filter(source=work.source)
    if settled is not None:
        unsettled = unsettled.filter(created_at__gt=settled)
    return unsettled.earliest("created_at").created_at


def _settled(work: Work, *, step: Step) -> QuerySet[Step]:
    """Return the steps of this kind that asked for everything, the latest first."""
    return (
        Step.objects.filter(
            run__source=work.source, kind=step.kind, state__in=[Step.State.COMPLETE, Step.State.PARTIAL]
        )
        .exclude(reason__in=PASSING)
        .exclude(reason__startswith=f"{DAILY_LIMIT}:")
        .order_by("-run__created_at")
    )


def _pointed_at(work: Work, *, step: Step) -> tuple[dict[str, str], list[str]]:
    """Return what to accept for each URL, and the URLs whose bytes are missing."""
    accept: dict[str, str] = {}
    with work.sight.open():
        since = _since(work, step=step)
        for _, _, raw in queries.changed_since(sight=work.sight, source_id=work.source.pk, since=since):
            for found in attachments(raw, not_urls=work.profile.attachments.not_urls):
                if found.url is not None and not found.inline:
                    accept[found.url] = found.content_type
        wanted = attachment_store.missing(sight=work.sight, source_id=work.source.pk, urls=accept)
    return accept, wanted


def _of_today(work: Work, *, wanted: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return what may be asked for today, and the reason for each of the others: the portal counts documents.

    Whatever was asked within a day counts, so that whichever hour the portal's day begins, none is asked in vain.
    """
    limit = work.profile.attachments.daily_limit
    if limit is None:
        return wanted, {}
    with work.sight.open():
        asked = attachment_store.asked_since(
            sight=work.sight, source_id=work.source.pk, since=work.clock() - _DAY
        )
    left = max(limit - asked, 0)
    return wanted[:left], dict.fromkeys(wanted[left:], f"{DAILY_LIMIT}:{limit}")


def _together(
    work: Work, *, ask: Callable[[str], T], items: Sequence[str], ordinal: int
) -> list[tuple[str, T | PortalError]]:
    """Ask for all of them at once, refreshing a rejected token once for the batch."""

    def attempt(item: str) -> T | PortalError:
        try:
            return ask(item)
        except PortalError as error:
            return error

    with ThreadPoolExecutor(max_workers=work.profile.limits.connections, thread_name_prefix="follow") as pool:
        sent = work.bearer
        answers = _all(work, pool=pool, attempt=attempt, items=items)
        rejected = [answer for _, answer in answers if isinstance(answer, Reauthorize)]
        if rejected:
            work.reauthorize(rejected[0], sent=sent, once=set(), ordinal=ordinal)
            answers = _all(work, pool=pool, attempt=attempt, items=items)
            for _, answer in answers:
                if isinstance(answer, Reauthorize):
                    raise answer
    return answers


def _all(
    work: Work,
    *,
    pool: ThreadPoolExecutor,
    attempt: Callable[[str], T | PortalError],
    items: Sequence[str],
) -> list[tuple[str, T | PortalError]]:
    futures = {pool.submit(attempt, item): item for item in items}
    answered: dict[str, T | PortalError] = {}
    while len(answered) < len(items):
        for future in work.wait([future for future, item in futures.items() if item not in answered]):
            answered[futures[future]] = future.result()
    work.requests += len(items)
    return [(item, answered[item]) for item in items]


def _defer(work: Work, *, step: Step, answers: Sequence[tuple[str, object]]) -> bool:
    """Count a batch that the portal was too busy for; False once its patience, and ours, is spent."""
    step.attempts += 1
    asked = [
        answer.after for _, answer in answers if isinstance(answer, RetryLater) and answer.after is not None
    ]
    if asked:
        work.asked = max(work.asked or 0, *asked)
    if step.attempts >= 5:
        return False
    work.deferred.add(step.ordinal)
    return True


def _start(work: Work, *, step: Step) -> None:
    if step.state == Step.State.WAITING:
        with work.writing():
            step.state, step.started_at = Step.State.RUNNING, work.clock()
            step.save(update_fields=["state", "started_at"])


def _store(work: Work, *, step: Step, entries: Sequence[Entry]) -> None:
    with work.writing():
        stored = store.apply(
            sight=work.sight,
            source=work.source,
            entries=entries,
            volatile=work.profile.store.volatile,
            now=work.clock(),
        )
        for name in ("fetched", "created", "updated", "unchanged", "quarantined"):
            setattr(step, name, getattr(step, name) + getattr(stored, name))
        step.save()


def _never_given(work: Work, *, step: Step) -> list[str]:
    """Return the reasons for what an earlier run was refused for good: not asked again, and not forgotten."""
    if work.run.full:
        return []
    with work.sight.open():
        before = _settled(work, step=step).first()
    if before is None or before.state != Step.State.PARTIAL:
        return []
    return [before.reason] * max((before.total_claimed or 0) - before.fetched, 0)


def _refused_before(work: Work, *, refused: dict[str, str]) -> list[str]:
    """Return the reasons for the files that are still not here, those of this run aside."""
    with work.sight.open():
        held = attachment_store.refused(sight=work.sight, source_id=work.source.pk)
    return [reason for url, reason in held.items() if url not in refused]


def _finish(work: Work, *, step: Step, refused: dict[str, str], lasting: list[str]) -> None:
    """End the step; what was not to be had is counted against what was wanted, with the commonest reason.

    One that passes goes before those that last: it says that the next run asks again. ``lasting``: the reasons for
    what is not asked again.
    """
    codes = [*refused.values(), *lasting]
    reasons = sorted(codes, key=lambda code: (passes(code), codes.count(code)))
    with work.writing():
        step.total_claimed = step.fetched + len(codes)
        step.state = Step.State.PARTIAL if codes else Step.State.COMPLETE
        step.reason = reasons[-1] if reasons else ""
        step.finished_at = work.clock()
        step.save()


def _batches(items: Sequence[str]) -> Iterator[list[str]]:
    walk = iter(items)
    while batch := list(islice(walk, _BATCH)):
        yield batch
