from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from phr.accounts import desk as desks
from phr.exchange import connections
from phr.exchange.models import Export, SystemConnection
from phr.ops import exporting


class Command(BaseCommand):
    help = (
        "Export from whole systems that system_connect knows, here and now, and print what came. Ended midway, the "
        "worker or the next call goes on. Without --connection, every active one."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--connection", type=UUID, metavar="ID")
        parser.add_argument(
            "--since",
            metavar="MOMENT",
            help="what changed after it, as 2026-11-20T09:00Z (default: since the last)",
        )
        parser.add_argument("--full", action="store_true", help="ask for everything, not for what is new")
        parser.add_argument("--minutes", type=float, default=60.0, help="end after so long (default: 60)")
        parser.add_argument("--json", action="store_true", help="one JSON object an export")

    def handle(self, *_: object, **options: Any) -> None:
        desk = desks.for_errand()
        since = _moment(options["since"])
        found = SystemConnection.objects.filter(kind=SystemConnection.Kind.PORTAL)
        if options["connection"]:
            found = found.filter(pk=options["connection"])
        else:
            found = found.filter(state=SystemConnection.State.ACTIVE)
        wanted = list(found.order_by("created_at"))
        if not wanted:
            raise CommandError("There is no such connection: system_connect makes one.")
        failed = 0
        for connection in wanted:
            after = None if options["full"] else since or connection.since
            export = connections.request(desk=desk, connection=connection, since=after, now=timezone.now())
            over = exporting.work(
                desk=desk,
                connection_id=connection.pk,
                export_id=export.pk,
                minutes=options["minutes"],
            )
            state = exporting.say(desk=desk, export_id=export.pk, out=self.stdout, as_json=options["json"])
            failed += state == Export.State.FAILED
            if not over:
                self.stderr.write("It is not over; the worker, or the next call, goes on.")
        if failed:
            raise CommandError(f"{failed} of {len(wanted)} exports failed.")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError("--since takes a moment with its zone, as 2026-11-20T09:00:00Z.")
    return moment
