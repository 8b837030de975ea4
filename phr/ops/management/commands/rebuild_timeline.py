from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from phr.accounts import access
from phr.accounts.models import Person
from phr.timeline.project import project, rebuild


class Command(BaseCommand):
    help = "Make events and facts anew from the stored resources, from nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--person", type=UUID, metavar="ID", help="one person (default: everybody)")

    def handle(self, *_: object, **options: Any) -> None:
        people = Person.objects.using("operator").order_by("pk")
        if options["person"]:
            people = people.filter(pk=options["person"])
        ids = list(people.values_list("pk", flat=True))
        if not ids:
            raise CommandError("There is no such person.")
        for person_id in ids:
            sight = access.for_work(person_id=person_id)
            with sight.open():
                rebuild(sight=sight)
            left = 1
            while left:
                with sight.open():
                    left = project(sight=sight)
                self.stdout.write(f"Person {person_id}: {left} resources left to read", ending="\r")
            self.stdout.write(f"Person {person_id}: rebuilt" + " " * 30)
