"""Up to when each type was read, by the portal's own clock: what lets the next run ask for changes alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from connectors.fhir.plan import PlanStep
from connectors.fhir.plan.changes import full_every
from connectors.profile import Profile
from phr.sync.models import Crawl, Step
from phr.sync.pipeline.context import Work

# What an answer is that says all there is to say: it was given, or is not given to us. A refusal may pass all the
# same, above all where a profile takes a server error (500) for one, as one vendor's does for every search: the
# type's instant then speaks for its other queries alone (`completed`).
_ANSWERED = {Step.State.COMPLETE, Step.State.REFUSED, Step.State.UNSUPPORTED}
_CRAWLS = (Step.Kind.SEARCH, Step.Kind.EVERYTHING)

# A query of a type: its kind, the type, and which of its queries it is, in the order of the plan.
Place = tuple[str, str, int]
_Asked = TypeVar("_Asked", PlanStep, Step)


def bases(planned: Iterable[PlanStep], *, allowed: str) -> dict[str, bytes]:
    """Return for each type a digest of what is asked of it when everything is asked, and of what is allowed."""
    asked: dict[str, list[str]] = defaultdict(list)
    for step in planned:
        if step.state == "run":
            asked[step.resource_type].append(step.path)
    return {
        name: hashlib.sha256("\n".join((allowed, *sorted(paths))).encode()).digest()
        for name, paths in asked.items()
    }


def since(crawls: Mapping[str, Crawl], *, profile: Profile, now: datetime) -> dict[str, str]:
    """Return by type the instant since which changes are to be asked for; a type that is due whole is not there.

    ``crawls``: of types of which the same was asked and allowed. From time to time all is due whole: what was
    deleted shows in a full crawl alone, and so does what changed where only dates of making are known.
    """
    return {
        name: crawl.instant
        for name, crawl in crawls.items()
        if not crawl.whole and now - crawl.full_at < full_every(name, profile=profile)
    }


def placed(steps: Iterable[_Asked]) -> Iterator[tuple[Place, _Asked]]:
    """Yield each step with its place; `steps` in the order of the plan."""
    count: dict[tuple[str, str], int] = defaultdict(int)
    for step in steps:
        kind, name = str(step.kind), step.resource_type
        yield (kind, name, count[kind, name]), step
        count[kind, name] += 1


def completed(crawls: Mapping[str, Crawl], *, source_id: UUID) -> set[Place]:
    """Return the queries that were answered whole in the run that an instant of ``crawls`` stands for.

    Of these alone changes may be asked for. One that was refused then has brought nothing up to that instant; it
    is asked whole until it is answered. The tenant is open. Where that run is no longer known, nothing is there.
    """
    if not crawls:
        return set()
    # No run before the last full crawl can have set an instant.
    steps = Step.objects.filter(
        run__source_id=source_id,
        run__created_at__gte=min(crawl.full_at for crawl in crawls.values()),
        kind__in=_CRAWLS,
        resource_type__in=crawls,
    )
    found: dict[str, dict[UUID, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for step in steps.order_by("-run__created_at", "-run_id", "ordinal").only(
        "run_id", "ordinal", "kind", "resource_type", "state", "instant", "basis"
    ):
        found[step.resource_type][step.run_id].append(step)
    return {
        place
        for name, crawl in crawls.items()
        for place, step in placed(_that_set(crawl, runs=found[name].values()))
        if step.state == Step.State.COMPLETE
    }


def _that_set(crawl: Crawl, *, runs: Iterable[list[Step]]) -> list[Step]:
    """Return the type's steps in the latest run that read it at the instant, asking the same; [] where none is."""
    for steps in runs:
        for step in steps:
            if step.instant == crawl.instant and bytes(step.basis or b"") == bytes(crawl.basis):
                return steps
    return []


def remember(work: Work, *, steps: Sequence[Step]) -> None:
    """Write down up to when each type of this run was read; the tenant is open, the lease held.

    A type of which a step failed or broke off keeps what it had. One of which a query was refused moves on: that
    query is asked whole next time (`completed`).
    """
    of_type: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.kind in _CRAWLS:
            of_type[step.resource_type].append(step)
    held = {crawl.resource_type: crawl for crawl in Crawl.objects.filter(source=work.source)}
    for name, found in of_type.items():
        complete = [step for step in found if step.state == Step.State.COMPLETE]
        if not complete or any(step.state not in _ANSWERED for step in found):
            continue
        basis = complete[0].basis
        instants = [step.instant for step in complete]
        if basis is None or not all(instants):
            continue
        before = held.get(name)
        same = before if before is not None and bytes(before.basis) == bytes(basis) else None
        partly = any(step.mode == Step.Mode.CHANGES for step in complete)
        if partly and same is None:
            continue
        reworded = {step.reworded for step in complete}
        Crawl.objects.update_or_create(
            person_id=work.sight.person_id,
            source_id=work.source.pk,
            resource_type=name,
            defaults={
                "instant": min(instants),
                "full_at": same.full_at if partly and same is not None else work.run.created_at,
                "basis": basis,
                "with_status": Step.Reworded.STATUS in reworded or (same is not None and same.with_status),
                "whole": Step.Reworded.WHOLE in reworded or (same is not None and same.whole),
            },
        )
