from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.directory import BadList
from connectors.errors import PortalError
from phr.core.network import egress
from phr.ops.shipped import say_that_it_is_there
from phr.sources import brandwords, lists
from phr.sources.models import EndpointList


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "The directory up to date: the facts that ship with phr, where they are not in it yet, and every list that"
        " was loaded from an address, asked for what changed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--shipped", action="store_true", help="only the facts that ship with phr")
        parser.add_argument("--mark", type=Path, help=argparse.SUPPRESS)

    def handle(self, *_: object, **options: Any) -> None:
        if options["mark"]:
            os.nice(10)  # beside a stack that somebody waits for
        now, failed = timezone.now(), 0
        began = time.perf_counter()
        loaded = lists.load_shipped(now=now)
        changed = loaded is not None
        if loaded is not None:
            seconds = time.perf_counter() - began
            self.stdout.write(
                f"shipped with phr: {loaded.brands_made:,} names made, {loaded.brands_updated:,} updated,"
                f" {loaded.portals_made:,} portals made, in {seconds:.1f} s"
            )
        names = (
            [] if options["shipped"] else EndpointList.objects.order_by("name").values_list("name", "vendor")
        )
        for name, vendor in list(names):
            if not lists.is_address(name):
                continue
            try:
                found = lists.load_list(where=name, vendor=vendor, egress=egress(), now=now)
            except (BadList, PortalError) as error:
                failed += 1
                self.stderr.write(f"{name}: {error}")
                continue
            changed = changed or found is not None
            self.stdout.write(
                f"{name}: as it was the last time"
                if found is None
                else f"{name}: {found.brands_made:,} names made, {found.brands_updated:,} updated,"
                f" {found.unlisted:,} no longer listed"
            )
        if changed:
            brandwords.refresh()
        if options["mark"]:
            say_that_it_is_there(options["mark"])
        if failed:
            raise CommandError(f"{failed} lists could not be refreshed; what they said before stays.")
