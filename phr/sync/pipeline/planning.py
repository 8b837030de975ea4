"""The steps of a run: planned once, when it starts, and rows from then on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from connectors.errors import BadReply, EgressRefused, SkipResource
from connectors.fhir.capability import Capability
from connectors.fhir.plan import plan
from connectors.fhir.query import Query
from connectors.scopes import ScopeSet
from phr.sources.flows import grants
from phr.sources.models import Grant
from phr.sync import lease
from phr.sync.models import Step
from phr.sync.pipeline.context import Work


def steps_of(work: Work) -> list[Step]:
    """Return the steps of the run in order, planning them first if it is new; raises RetryLater, Fenced."""
    with work.sight.open():
        steps = list(Step.objects.filter(run=work.run).order_by("ordinal"))
        scope = Grant.objects.values_list("scope", flat=True).get(source=work.source)
        standing = grants.standing_parameters(source_id=work.source.pk)
    return steps or _plan(work, scope=scope, standing=standing)


def _plan(work: Work, *, scope: str, standing: Query) -> list[Step]:
    planned = plan(
        profile=work.profile,
        granted=ScopeSet.parse(scope),
        capability=_capability(work),
        patient_id=work.source.patient_fhir_id,
        standing=standing,
    )
    whose = {"person_id": work.sight.person_id, "run": work.run}
    steps = [
        Step(
            **whose,
            ordinal=item.ordinal,
            kind=item.kind,
            resource_type=item.resource_type,
            query=item.text,
            state=Step.State.WAITING if item.state == "run" else item.state,
            reason=item.reason,
            finished_at=None if item.state == "run" else work.clock(),
        )
        for item in planned
    ]
    steps += [
        Step(**whose, ordinal=number, kind=kind, resource_type="")
        for number, kind in enumerate((Step.Kind.REFERENCES, Step.Kind.ATTACHMENTS), start=len(planned))
    ]
    with work.sight.open():
        lease.hold(work.lease)
        Step.objects.bulk_create(steps)
    return steps


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
