from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.errors import ProfileError
from connectors.registry import load_registry
from connectors.sandbox.serve import Running, json_line, serve
from phr.ops import portals
from phr.ops.embedded.processes import port_is_free, write_private


class Command(BaseCommand):
    requires_system_checks = []  # it touches neither the database nor the pages
    help = (
        "Serve SMART-on-FHIR portals on loopback, one a vendor profile: the demo family, or any FHIR Bundle "
        "or NDJSON, split over them. Prints one JSON line with each base URL, then runs until it is stopped."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, help="the first portal's port; the others follow (default: any)"
        )
        parser.add_argument("--vendor", action="append", nargs="+", default=[], metavar="ID")
        parser.add_argument("--records", action="append", nargs="+", default=[], type=Path, metavar="PATH")
        parser.add_argument("--latency-ms", type=int, default=0, metavar="N")
        parser.add_argument(
            "--shared",
            type=float,
            default=0.25,
            metavar="PART",
            help="of the records, in two or more portals",
        )
        parser.add_argument("--seed", type=int, default=1, metavar="N")
        parser.add_argument(
            "--state", type=Path, metavar="FOLDER", help="where the portals keep what changes"
        )
        parser.add_argument(
            "--redirect-uri",
            action="append",
            metavar="URI",
            help="of the client; {vendor} and {slug} are filled in",
        )
        parser.add_argument(
            "--announce", type=Path, metavar="FILE", help="write the JSON there too (mode 0600)"
        )
        parser.add_argument(
            "--pairs", type=Path, metavar="FILE", help="write which resources of different portals are one"
        )
        parser.add_argument("--demo", action="store_true", help="the demo's portals")

    def handle(self, *_: object, **options: Any) -> None:
        plan = _plan(options)
        state = options["state"] or settings.PHR_DATA_DIR / "sandbox" / "_".join(s.slug for s in plan.specs)
        ports = _ports(options["port"], len(plan.specs))
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            with serve(plan.specs, state_dir=state, ports=ports) as running:
                self._announce(running, plan, options)
                signal.pause()
        except KeyboardInterrupt:
            return
        except OSError as error:
            raise CommandError(f"The sandbox cannot be served: {error.strerror or error}.") from error

    def _announce(self, running: Running, plan: portals.Plan, options: dict[str, Any]) -> None:
        if options["pairs"]:
            write_private(options["pairs"], json.dumps(plan.pairs, indent=1) + "\n")
        if options["announce"]:
            write_private(
                options["announce"], json.dumps([each.as_dict() for each in running.portals]) + "\n"
            )
        self.stdout.write(json_line(running))
        sys.stdout.flush()


def _plan(options: dict[str, Any]) -> portals.Plan:
    records = [path for group in options["records"] for path in group]
    named = [vendor for group in options["vendor"] for vendor in group]
    redirects = options["redirect_uri"] or [f"{settings.PHR_BASE_URL}/callback/{{vendor}}/"]
    if options["latency_ms"] < 0 or not 0 <= options["shared"] <= 1:
        raise CommandError("--latency-ms is 0 or more, --shared a part from 0 to 1.")
    try:
        registry = load_registry(settings.PHR_PROFILES_DIR)
        profiles = portals.profiles_of(named or portals.demo_vendors(), registry=registry)
        if records:
            return portals.of_records(
                records,
                profiles=profiles,
                redirect_uris=redirects,
                latency_ms=options["latency_ms"],
                shared=options["shared"],
                seed=options["seed"],
            )
        return portals.of_family(
            profiles=profiles,
            redirect_uris=redirects,
            latency_ms=options["latency_ms"],
            seed=options["seed"],
            until=timezone.now().date(),
        )
    except (portals.PortalsError, ProfileError) as error:
        raise CommandError(str(error)) from error


def _ports(first: int | None, count: int) -> Sequence[int]:
    if first is None:
        return ()
    wanted = range(first, first + count)
    for port in wanted:
        if not 0 < port < 65536 or not port_is_free(port):
            raise CommandError(f"Port {port} is taken or no port: choose another --port.")
    return wanted


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
