from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from phr.ops import demo, scratch, shots
from phr.ops.browser import NoBrowser, chromium
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.stack import ROOT


class Command(BaseCommand):
    requires_system_checks = []  # it touches neither the database nor the settings of this server
    help = (
        "Take pictures of every page, phone and desktop, light and dark, of a demo of its own (or of the one "
        "at --url, which must be a demo)."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: shots in PHR_DATA_DIR")
        parser.add_argument("--url", help="a demo that is running already")
        parser.add_argument("--only", default="", metavar="PART", help="pictures whose name holds this")
        parser.add_argument("--docs", action="store_true", help="the pictures of docs/ and no others")

    def handle(self, *_: object, **options: Any) -> None:
        out: Path = options["out"] or (
            ROOT / "docs" / "pictures" if options["docs"] else settings.PHR_DATA_DIR / "shots"
        )
        login = shots.Login(email=demo.EMAIL, password=demo.PASSWORD)
        url = options["url"]
        try:
            with chromium() as browser, nullcontext(url.rstrip("/")) if url else scratch.demo() as base_url:
                if options["docs"]:
                    taken = shots.take_for_docs(browser=browser, base_url=base_url, login=login, out=out)
                else:
                    taken = shots.take(
                        browser=browser, base_url=base_url, login=login, out=out, only=options["only"]
                    )
                count = 0
                for line in taken:
                    self.stdout.write(line)
                    count += 1
        except (NoBrowser, EmbeddedError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} pictures in {out}")
