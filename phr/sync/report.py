"""A run as data: what the command prints and what tests compare."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from phr.sync.models import Run, Step
from phr.sync.reasons import sentence


def report(*, run_id: uuid.UUID) -> dict[str, Any]:
    """Return a run with its steps as JSON-able values; the Sight is open.

    run, source: ids. state: as in Run.State. steps: one object a step, with type, state, mode ("full", or "changes"
    where it asked for those alone), counts, total_claimed (None where the portal claims nothing), reason and note
    (what a complete answer may lack), both sentences. requests: how many. seconds: of the run so far.
    """
    run = Run.objects.get(pk=run_id)
    began = run.started_at or run.created_at
    return {
        "run": str(run.pk),
        "source": str(run.source_id),
        "state": run.state,
        "reason": sentence(run.reason),
        "steps": [
            {
                "type": step.resource_type or step.kind,
                "state": step.state,
                "mode": step.mode,
                "fetched": step.fetched,
                "created": step.created,
                "updated": step.updated,
                "unchanged": step.unchanged,
                "quarantined": step.quarantined,
                "total_claimed": step.total_claimed,
                "reason": sentence(step.reason),
                "note": sentence(step.note),
            }
            for step in Step.objects.filter(run=run).order_by("ordinal")
        ],
        "requests": run.requests,
        "seconds": round(((run.finished_at or timezone.now()) - began).total_seconds(), 3),
    }
