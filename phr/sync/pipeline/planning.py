"""The steps of a run: planned once, when it starts, and rows from then on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from connectors.errors import BadReply, EgressRefused, SkipResource
from connectors.fhir.capability import Capability
from connectors.fhir.plan import plan
from connectors.profile import Profile
from connectors.scopes import ScopeSet
from phr.sources.flows import grants
from phr.sources.models import Grant
from phr.sync.models import Crawl, Step
from phr.sync.pipeline import crawls
from phr.sync.pipeline.context import Work


def steps_of(work: Work) -> list[Step]:
    """Return the steps of the run in order, planning them first if it is new; raises RetryLater, Fenced."""
    with work.sight.open():
        steps = list(Step.objects.filter(run=work.run).order_by("ordinal"))
    return steps or _plan(work)


def in_place_of_everything(work: Work, *, steps: list[Step]) -> list[Step]:
    """Return the searches by type that are due because the portal no longer answers for everything at once."""
    asked = [step for step in steps if step.kind == Step.Kind.EVERYTHING]
    given_up = asked and all(step.state in {Step.State.REFUSED, Step.State.UNSUPPORTED} for step in asked)
    searched = any(step.kind == Step.Kind.SEARCH and step.reason != "not_granted" for step in steps)
    if not given_up or searched:
        return []
    told = {step.resource_type for step in steps if step.kind == Step.Kind.SEARCH}
    profile = replace(work.profile, search=replace(work.profile.search, everything=False))
    found = [
        step
        for step in _planned(work, profile=profile)
        if step.kind == Step.Kind.SEARCH and step.resource_type not in told
    ]
    for number, step in enumerate(found, start=len(steps)):
        step.ordinal = number
    _write(work, steps=found)
    return found


def _plan(work: Work) -> list[Step]:
    steps = _planned(work, profile=work.profile)
    for kind in (Step.Kind.REFERENCES, Step.Kind.ATTACHMENTS):
        steps.append(
            Step(
                person_id=work.sight.person_id,
                run=work.run,
                ordinal=len(steps),
                kind=kind,
                resource_type="",
            )
        )
    _write(work, steps=steps)
    return steps


def _write(work: Work, *, steps: list[Step]) -> None:
    with work.writing():
        Step.objects.bulk_create(steps)


def _planned(work: Work, *, profile: Profile) -> list[Step]:
    """Return the steps of the crawl, unsaved: of types that were read before, for their changes alone."""
    with work.sight.open():
        grant = Grant.objects.only("scope", "obtained_at").get(source=work.source)
        standing = grants.standing_parameters(source_id=work.source.pk)
        known = {crawl.resource_type: crawl for crawl in Crawl.objects.filter(source=work.source)}
    now = work.clock()
    make = partial(
        plan,
        profile=profile,
        granted=ScopeSet.parse(grant.scope),
        capability=_capability(work),
        patient_id=work.source.patient_fhir_id,
        standing=standing,
        now=now,
    )
    # What a person consents to at the portal, by ticking boxes there, need not show in the scopes.
    allowed = " ".join((profile.id, grant.obtained_at.isoformat(), *sorted(grant.scope.split())))
    basis = crawls.bases(make(), allowed=allowed)
    told = {name: crawl for name, crawl in known.items() if bytes(crawl.basis) == basis.get(name)}
    with_status = {name for name, crawl in told.items() if crawl.with_status}
    since = {} if work.run.full else crawls.since(told, profile=profile, now=now)
    with work.sight.open():
        read = crawls.completed(
            {name: told[name] for name in since},
            source_id=work.source.pk,
        )
    planned = [
        whole if narrow.mode == "changes" and place not in read else narrow
        for (place, narrow), whole in zip(
            crawls.placed(make(since=since, with_status=with_status)),
            make(with_status=with_status),
            strict=True,
        )
    ]
    return [
        Step(
            person_id=work.sight.person_id,
            run=work.run,
            ordinal=item.ordinal,
            kind=item.kind,
            resource_type=item.resource_type,
            query=item.text,
            mode=item.mode,
            note=item.note,
            basis=basis.get(item.resource_type),
            state=Step.State.WAITING if item.state == "run" else item.state,
            reason=item.reason,
            finished_at=None if item.state == "run" else now,
        )
        for item in planned
    ]


def _capability(work: Work) -> Capability | None:
    """Ask what the server offers; one that does not say so usably is asked for everything."""
    work.requests += 1
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="metadata") as pool:
        asked = pool.submit(work.client().capability)
        # A portal may take longer to answer than a lease lasts.
        work.wait([asked])
    try:
        return asked.result()
    except (BadReply, SkipResource, EgressRefused):
        return None
