from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from phr.ops import demo


class Command(BaseCommand):
    help = "Make the demo's user and family, and connect them to the sandbox portals; `up --demo` calls it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "portals", type=Path, metavar="PORTALS.json", help="what `sandbox --announce` wrote"
        )

    def handle(self, *_: object, **options: Any) -> None:
        demo.seed(json.loads(options["portals"].read_text(encoding="utf-8")))
        self.stdout.write(f"Sign in with {demo.EMAIL} and {demo.PASSWORD}")
