"""Up to when each type was read, by the portal's own clock: what lets the next run ask for changes alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from connectors.fhir.plan import PlanStep
from connectors.fhir.plan.changes import full_every
from connectors.profile import Profile
from phr.sync.models import Crawl, Step
from phr.sync.pipeline.context import Work

# What an answer is that says all there is to say: it was given, or is not given to us.
_ANSWERED = {Step.State.COMPLETE, Step.State.REFUSED, Step.State.UNSUPPORTED}


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


def remember(work: Work, *, steps: Sequence[Step]) -> None:
    """Write down up to when each type of this run was read; the tenant is open, the lease held.

    A type of which a step failed or broke off keeps what it had.
    """
    of_type: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.kind in {Step.Kind.SEARCH, Step.Kind.EVERYTHING}:
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
