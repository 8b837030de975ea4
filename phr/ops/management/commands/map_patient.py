from __future__ import annotations

import argparse
import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from phr.accounts import desk as desks
from phr.exchange import identity, patients
from phr.exchange.models import ExportedPatient
from phr.ops import exporting


class Command(BaseCommand):
    help = (
        "Say whose record a patient of an export is, or list those who wait. What waited then moves into that record, "
        "here and now. Nobody is mapped by a machine."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--list", action="store_true", help="everybody, with name and birth date as exported"
        )
        what.add_argument("--patient", type=UUID, metavar="ID", help="as --list prints it")
        parser.add_argument("--person", type=UUID, metavar="ID", help="whose record it becomes")
        parser.add_argument(
            "--sure", action="store_true", help="though name or birth date differ, or are not known"
        )
        parser.add_argument(
            "--undo", action="store_true", help="take a mapping back: the chart leaves the record"
        )
        parser.add_argument(
            "--ignore", action="store_true", help="keep nothing of this patient, now and later"
        )
        parser.add_argument("--json", action="store_true", help="with --list: a line a patient")

    def handle(self, *_: object, **options: Any) -> None:
        desk = desks.for_errand()
        if options["list"]:
            self._list(desk, as_json=options["json"])
            return
        if sum([options["person"] is not None, options["undo"], options["ignore"]]) != 1:
            raise CommandError("Give one of --person ID, --undo and --ignore.")
        now = timezone.now()
        try:
            if options["undo"]:
                patient = patients.unmap_patient(desk=desk, patient_id=options["patient"], now=now)
            elif options["ignore"]:
                patient = patients.ignore_patient(desk=desk, patient_id=options["patient"])
            else:
                patient = patients.map_patient(
                    desk=desk,
                    patient_id=options["patient"],
                    person_id=options["person"],
                    sure=options["sure"],
                    now=now,
                )
        except patients.NotThere as error:
            raise CommandError(str(error)) from None
        except patients.Doubtful as error:
            raise CommandError(f"{error} With --sure it is done all the same.") from None
        if patient.state == ExportedPatient.State.MAPPED:
            exporting.work(desk=desk, connection_id=patient.connection_id, export_id=None, minutes=60)
        self.stdout.write(f"{patient.pk} is {patient.get_state_display()}.")

    def _list(self, desk: desks.Desk, *, as_json: bool) -> None:
        with desk.open():
            rows = list(
                ExportedPatient.objects.select_related("connection").order_by(
                    "connection__name", "state", "fhir_id"
                )
            )
            for row in rows:
                facts = identity.facts_of(row)
                line = {
                    "patient": str(row.pk),
                    "connection": row.connection.name,
                    "state": row.state,
                    "name": facts.name,
                    "birth_date": facts.birth_date,
                    "number": facts.number,
                    "person": None if row.person_id is None else str(row.person_id),
                }
                self.stdout.write(
                    json.dumps(line) if as_json else "  ".join(str(each or "-") for each in line.values())
                )
