from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from phr.sources import portals
from phr.sources.profiles import UnknownProfile


class Command(BaseCommand):
    help = "Put one portal into the directory, or set its name and vendor right; prints its id."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--vendor", required=True, metavar="ID", help="of its profile: see `manage.py vendors`"
        )
        parser.add_argument("--name", required=True)
        parser.add_argument("--url", required=True, help="the FHIR base address")
        parser.add_argument("--place", default="", help="city and state, to tell it from others of its name")

    def handle(self, *_: object, **options: Any) -> None:
        name = options["name"].strip()
        if not name or len(name) > 300:
            raise CommandError("The name of a portal has 1 to 300 characters.")
        try:
            portal, created = portals.add_portal(
                profile_id=options["vendor"],
                name=name,
                base_url=options["url"],
                place=options["place"].strip(),
            )
        except (UnknownProfile, portals.BadAddress) as error:
            raise CommandError(str(error)) from None
        if not created:
            self.stderr.write("It was in the directory already; name and vendor are now as given.")
        self.stdout.write(str(portal.pk))
