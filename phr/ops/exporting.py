"""Working an export from a terminal: until it is over, with a bar where somebody watches."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final, TextIO
from uuid import UUID

from django.core.management.base import OutputWrapper
from django.utils import timezone

from phr.accounts.desk import Desk
from phr.core.network import egress
from phr.exchange import fetch, report, session
from phr.exchange.fetch import Opener
from phr.exchange.models import Export, ExportDue

_WIDTH: Final = 30
# Between two slices the bar moves, so they are short where somebody watches.
_WATCHED_SECONDS: Final = 1.0


def work(
    *,
    desk: Desk,
    connection_id: UUID,
    export_id: UUID | None,
    minutes: float,
    opener: Opener = fetch.from_server,
) -> bool:
    """Work a connection until nothing is left or the time is over; say whether nothing is left.

    What is left goes on with the worker, or with the next call.
    """
    end = time.monotonic() + minutes * 60
    watch = sys.stderr
    watched = watch.isatty()
    budget = _WATCHED_SECONDS if watched else session.BUDGET_SECONDS
    try:
        while True:
            outcome = session.work(
                connection_id=connection_id,
                egress=egress(),
                clock=timezone.now,
                budget=budget,
                opener=opener,
            )
            if watched:
                _draw(desk, export_id, watch)
            if outcome is session.Outcome.DONE:
                return True
            if time.monotonic() > end:
                return False
            if outcome is not session.Outcome.AGAIN and not _wait(connection_id, outcome):
                return True
    finally:
        if watched:
            watch.write("\r\x1b[K")


def _wait(connection_id: UUID, outcome: session.Outcome) -> bool:
    """Wait until the connection is due, or free; say whether it ever will be."""
    due = ExportDue.objects.filter(pk=connection_id).first()
    if due is None or due.due_at is None:
        return False
    busy = outcome is session.Outcome.BUSY and due.leased_until is not None
    until = due.leased_until if busy and due.leased_until is not None else due.due_at
    time.sleep(min(max((until - timezone.now()).total_seconds(), 0.2), 5.0))
    return True


def _draw(desk: Desk, export_id: UUID | None, watch: TextIO) -> None:
    with desk.open():
        export = None if export_id is None else Export.objects.filter(pk=export_id).first()
        if export is None:
            return
        read, total = report.progress(export)
    if export.state in {Export.State.QUEUED, Export.State.ASKED}:
        text = f"{export.get_state_display()} {export.progress}"
    elif total:
        full = min(_WIDTH, _WIDTH * read // total)
        text = f"[{'#' * full}{'.' * (_WIDTH - full)}] {read:,} of {total:,}"
    else:
        text = f"{read:,} records"
    watch.write(f"\r\x1b[K{text}")
    watch.flush()


def say(*, desk: Desk, export_id: UUID, out: OutputWrapper, as_json: bool) -> str:
    """Print what became of an export; return its state."""
    with desk.open():
        said = report.report(Export.objects.get(pk=export_id))
        stands = report.standing(UUID(said["connection"]))
    out.write(json.dumps(said) if as_json else _words(said, stands))
    return str(said["state"])


def _words(said: dict[str, Any], stands: report.Standing) -> str:
    lines = [f"{said['export']}: {said['state']}. {said['reason']}".rstrip()]
    for name, counts in said["types"].items():
        told = ", ".join(f"{n:,} {_NAMES[key]}" for key, n in counts.items() if key in _NAMES and n)
        lines.append(f"  {name or '(unnamed)'}: {told or 'nothing'}")
    lines.append(
        f"Patients: {stands.mapped} mapped, {stands.waiting} waiting (map_patient --list names them), "
        f"{stands.ignored} not wanted."
    )
    if stands.set_aside:
        lines.append(f"{stands.set_aside} lines could not be read and were set aside.")
    return "\n".join(lines)


_NAMES: Final = {
    "created": "new",
    "updated": "changed",
    "unchanged": "as before",
    "landed": "waiting for a person",
    "shared": "of no patient",
    "declined": "not wanted",
    "set_aside": "set aside",
}
