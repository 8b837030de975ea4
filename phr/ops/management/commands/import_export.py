from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from phr.accounts import desk as desks
from phr.exchange import connections, disk, intake
from phr.exchange.models import Export, SystemConnection
from phr.ops import exporting
from phr.sources.profiles import UnknownProfile


class Command(BaseCommand):
    help = (
        "Take files of an EHI export or a bulk export: NDJSON, Bundles and single resources, also .gz and .zip, or "
        "folders of them. Their patients wait to be mapped (map_patient) like those of an export from a server. "
        "Ended midway, the same call goes on."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
        parser.add_argument(
            "--name", default="Export files", help="of where they come from, as a patient will read it"
        )
        parser.add_argument("--vendor", default="generic", metavar="ID", help="see `manage.py vendors`")
        parser.add_argument(
            "--base-url",
            default="",
            metavar="URL",
            help="FHIR base of the server that made them: else absolute references name nobody",
        )
        parser.add_argument(
            "--connection", type=UUID, metavar="ID", help="else one of that name, made where it is new"
        )
        parser.add_argument("--minutes", type=float, default=600.0, help="end after so long (default: 600)")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: object, **options: Any) -> None:
        desk = desks.for_errand()
        name = options["name"].strip()
        if not name or len(name) > 300:
            raise CommandError("A name has 1 to 300 characters.")
        try:
            found = disk.find(options["files"])
            connection = _connection(options["connection"]) or connections.for_files(
                name=name, profile_id=options["vendor"], base_url=options["base_url"].rstrip("/")
            )
        except (connections.BadConnection, disk.NothingToRead, UnknownProfile) as error:
            raise CommandError(str(error)) from None
        export, resumed = intake.begin(desk=desk, connection=connection, found=found, now=timezone.now())
        if resumed:
            self.stderr.write("These files were begun before: going on where that stopped.")
        over = exporting.work(
            desk=desk,
            connection_id=connection.pk,
            export_id=export.pk,
            minutes=options["minutes"],
            opener=disk.Disk({each.name: each for each in found}),
        )
        state = exporting.say(desk=desk, export_id=export.pk, out=self.stdout, as_json=options["json"])
        if not over:
            self.stderr.write("It is not over: the same call goes on.")
        if state == Export.State.FAILED:
            raise CommandError("None of the files could be read.")


def _connection(connection_id: UUID | None) -> SystemConnection | None:
    if connection_id is None:
        return None
    found = SystemConnection.objects.filter(pk=connection_id, kind=SystemConnection.Kind.FILES).first()
    if found is None:
        raise CommandError("There is no such connection for files.")
    return found
