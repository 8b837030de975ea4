from __future__ import annotations

import argparse
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from connectors.errors import ProfileError
from phr.ops.stack import ROOT
from phr.ops.vendorguides import INTRODUCTION, PLACEHOLDER, guides
from phr.ops.vendortable import conformance_tests, markdown, table, vendors
from phr.sources.profiles import all_profiles


class Command(BaseCommand):
    requires_system_checks = []  # it touches neither the database nor the pages
    help = "The vendors that we know: how far each was tried, how it signs in, what is asked for, its quirks."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="one JSON array in place of the table")
        form.add_argument("--markdown", action="store_true", help="the table as the README has it")
        form.add_argument("--guide", metavar="ID", help="how to register with one vendor, as Markdown")
        form.add_argument("--guides", action="store_true", help="all of them, as docs/vendors.md has them")

    def handle(self, *_: object, **options: Any) -> None:
        try:
            profiles = all_profiles()
        except ProfileError as error:
            raise CommandError(str(error)) from None
        if options["guide"]:
            if options["guide"] not in profiles:
                raise CommandError(f"There is no profile {options['guide']}: see `manage.py vendors`.")
            self.stdout.write(guides([profiles[options["guide"]]], base_url=settings.PHR_BASE_URL), ending="")
            return
        if options["guides"]:
            self.stdout.write(INTRODUCTION + guides(profiles.values(), base_url=PLACEHOLDER), ending="")
            return
        # An installation from a package has no such file; the column then says nothing.
        listed = ROOT / "docs" / "conformance.md"
        tests = conformance_tests(listed.read_text(encoding="utf-8")) if listed.is_file() else {}
        found = vendors(profiles.values(), tests=tests)
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
        else:
            self.stdout.write(markdown(found) if options["markdown"] else table(found))
