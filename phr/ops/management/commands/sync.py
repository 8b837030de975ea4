from __future__ import annotations

import argparse
import json
import time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from phr.accounts import access
from phr.core.network import egress
from phr.sources.models import Source
from phr.sync import requests
from phr.sync.models import Due, Run
from phr.sync.pipeline import session
from phr.sync.report import report

# With --wait a busy portal is waited for this long before the command says that its run goes on without it.
_PATIENCE_SECONDS = 15 * 60.0


class Command(BaseCommand):
    help = "Ask for a sync of sources; with --wait run it here and print what came."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--source", type=UUID, metavar="ID")
        which.add_argument("--person", type=UUID, metavar="ID")
        which.add_argument("--all", action="store_true", help="every source that is connected")
        parser.add_argument("--full", action="store_true", help="ask for everything, not for what is new")
        parser.add_argument("--wait", action="store_true", help="work the run in this process")
        parser.add_argument("--json", action="store_true", help="one JSON object a run")

    def handle(self, *_: object, **options: Any) -> None:
        wanted = _sources(options)
        failed = 0
        for person_id, source_id in wanted:
            sight = access.for_work(person_id=person_id)
            with sight.open():
                run = requests.request(
                    sight=sight,
                    source_id=source_id,
                    trigger=Run.Trigger.COMMAND,
                    full=options["full"],
                    now=timezone.now(),
                )
            if options["wait"]:
                _work(source_id, run=run)
            with sight.open():
                said = report(run_id=run.pk)
            failed += said["state"] == Run.State.FAILED
            self.stdout.write(json.dumps(said) if options["json"] else _words(said))
        if failed:
            raise CommandError(f"{failed} of {len(wanted)} runs failed.")


def _sources(options: dict[str, Any]) -> list[tuple[UUID, UUID]]:
    """Return (person, source) of what was asked for. The ids come from the operator's role, rows from no one's."""
    sources = Source.objects.using("operator")
    if options["source"]:
        sources = sources.filter(pk=options["source"])
    elif options["person"]:
        sources = sources.filter(person_id=options["person"], state=Source.State.ACTIVE)
    else:
        sources = sources.filter(state=Source.State.ACTIVE)
    found = list(sources.filter(kind=Source.Kind.PORTAL).order_by("pk").values_list("person_id", "pk"))
    if not found:
        raise CommandError("There is no such source that could be synced.")
    return found


def _work(source_id: UUID, *, run: Run) -> None:
    """Work a source to the end of its run, as a worker would, waiting where the portal asks for it."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        outcome = session.work(source_id=source_id, egress=egress(), clock=timezone.now)
        if outcome is session.Outcome.DONE or time.monotonic() > end:
            return
        if outcome is session.Outcome.AGAIN:
            continue
        if _is_over(run):
            return  # another worker has brought it to its end
        due = Due.objects.filter(pk=source_id).first()
        if due is None or due.due_at is None:
            return
        # Busy: a running worker has it, or a killed one's lease must run out. Later: the portal asked for a pause.
        until = due.leased_until if outcome is session.Outcome.BUSY and due.leased_until else due.due_at
        time.sleep(min(max((until - timezone.now()).total_seconds(), 0.2), 5.0))


def _is_over(run: Run) -> bool:
    with access.for_work(person_id=run.person_id).open():
        run.refresh_from_db()
    return run.finished_at is not None


def _words(said: dict[str, Any]) -> str:
    new = sum(step["created"] for step in said["steps"])
    changed = sum(step["updated"] for step in said["steps"])
    same = sum(step["unchanged"] for step in said["steps"])
    lines = [f"{said['run']}: {said['state']}; {new} new, {changed} changed, {same} as before"]
    lines += [
        f"  {step['type']}: {step['state']}. {step['reason']}"
        for step in said["steps"]
        if step["state"] in {"partial", "refused", "failed"}
    ]
    return "\n".join(lines)
