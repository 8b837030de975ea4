from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from phr.ops import supervisor


class Command(BaseCommand):
    """Listed by `help`; `manage.py up` itself goes to the supervisor without loading Django."""

    help = (
        "Start everything on this machine: database, broker, web, worker; with --demo also sandbox portals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        supervisor.arguments(parser)

    def handle(self, *_: object, **options: Any) -> None:
        raise SystemExit(supervisor.up(demo=options["demo"], port=options["port"]))
