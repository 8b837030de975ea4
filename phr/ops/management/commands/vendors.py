from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connectors.errors import ProfileError
from phr.ops.vendortable import markdown, table, vendors
from phr.sources.profiles import all_profiles


class Command(BaseCommand):
    requires_system_checks = []  # it touches neither the database nor the pages
    help = "The vendors that we know: how far each was tried, how it signs in, what is asked for, its quirks."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="one JSON array in place of the table")
        form.add_argument("--markdown", action="store_true", help="the table as the README has it")

    def handle(self, *_: object, **options: Any) -> None:
        try:
            found = vendors(all_profiles().values())
        except ProfileError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
        else:
            self.stdout.write(markdown(found) if options["markdown"] else table(found))
