from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connectors.directory import BadList, Listing, read, snapshot
from phr.sources import lists


class Command(BaseCommand):
    requires_system_checks = []
    help = "The facts of endpoint lists as one packed file, as it ships with phr: name, place, base address, vendor."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("lists", nargs="+", type=Path, metavar="FILE", help="lists that may be passed on")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE")

    def handle(self, *_: object, **options: Any) -> None:
        packed = snapshot.pack(self._listings(options["lists"]))
        options["out"].write_bytes(packed)
        found = list(snapshot.unpack(packed, vendors=lists.vendors()))
        portals = {each.base_url for each in found if isinstance(each, Listing)}
        self.stdout.write(f"{len(found):,} names at {len(portals):,} addresses in {len(packed):,} bytes")

    def _listings(self, paths: list[Path]) -> Iterator[Listing]:
        vendors = lists.vendors()
        for path in sorted(paths):
            try:
                with path.open("rb") as stream:
                    for each in read(stream, vendors=vendors, list_name=path.name):
                        if isinstance(each, Listing):
                            yield each
            except BadList as error:
                self.stderr.write(f"{path.name}: {error}")
            except OSError as error:
                raise CommandError(f"{path.name} cannot be read: {error.strerror}.") from None
