from __future__ import annotations

import argparse
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.directory import MENDED, REASONS, BadList
from connectors.errors import PortalError
from phr.core.network import egress
from phr.sources import brandwords, lists
from phr.sources.loading import Loaded
from phr.sources.profiles import UnknownProfile


class Command(BaseCommand):
    help = (
        "Endpoint lists and brand bundles into the directory, from files or addresses; the same list again takes"
        " the place of what it was. Says what it skipped, and why."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "lists", nargs="+", metavar="FILE|URL", help="SMART brands, FHIR, Lantern, array or CSV"
        )
        parser.add_argument(
            "--vendor", default="", metavar="ID", help="of all of them: see `manage.py vendors`"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a list")

    def handle(self, *_: object, **options: Any) -> None:
        failed = 0
        for where in options["lists"]:
            began = time.perf_counter()
            try:
                loaded = lists.load_list(
                    where=where, vendor=options["vendor"], egress=egress(), now=timezone.now()
                )
            except UnknownProfile as error:
                raise CommandError(str(error), returncode=2) from None
            except (BadList, OSError, PortalError) as error:
                failed += 1
                self._say({"list": where, "error": _sentence(error)}, as_json=options["json"])
                continue
            self._say(_report(where, loaded, time.perf_counter() - began), as_json=options["json"])
        began = time.perf_counter()
        words = brandwords.refresh()
        if not options["json"]:
            self.stdout.write(f"{words:,} words to search by, in {time.perf_counter() - began:.1f} s")
        if failed:
            raise CommandError(f"{failed} of {len(options['lists'])} lists could not be read.")

    def _say(self, report: dict[str, Any], *, as_json: bool) -> None:
        self.stdout.write(json.dumps(report) if as_json else _words(report))


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"It cannot be read: {error.strerror}."
    if isinstance(error, PortalError):
        return f"It could not be fetched: {error.code}" + (f" ({error.status})." if error.status else ".")
    return str(error)


def _report(where: str, loaded: Loaded | None, seconds: float) -> dict[str, Any]:
    if loaded is None:
        return {"list": where, "unchanged": True, "seconds": round(seconds, 2)}
    return {
        "list": where,
        "rows": loaded.rows,
        "portals": {
            "made": loaded.portals_made,
            "updated": loaded.portals_updated,
            "unchanged": loaded.portals_unchanged,
        },
        "brands": {
            "made": loaded.brands_made,
            "updated": loaded.brands_updated,
            "unchanged": loaded.brands_unchanged,
            "unlisted": loaded.unlisted,
        },
        "vendors": dict(loaded.vendors.most_common()),
        "skipped": dict(loaded.skipped.most_common()),
        "examples": loaded.examples,
        "mended": dict(loaded.mended.most_common()),
        "seconds": round(seconds, 2),
    }


def _words(report: dict[str, Any]) -> str:
    if "error" in report:
        return f"{report['list']}: {report['error']}"
    if "unchanged" in report:
        return f"{report['list']}: as it was the last time"
    portals, brands = report["portals"], report["brands"]
    lines = [
        f"{report['list']}: {report['rows']:,} rows in {report['seconds']:.1f} s",
        f"  portals: {portals['made']:,} made, {portals['updated']:,} updated, {portals['unchanged']:,} as they were",
        f"  names: {brands['made']:,} made, {brands['updated']:,} updated, {brands['unchanged']:,} as they were"
        + (f", {brands['unlisted']:,} no longer in any list" if brands["unlisted"] else ""),
    ]
    if report["vendors"]:
        lines.append(
            "  vendors: " + ", ".join(f"{name} {count:,}" for name, count in report["vendors"].items())
        )
    for reason, count in report["skipped"].items():
        examples = ", ".join(filter(None, report["examples"].get(reason, [])))
        lines.append(f"  skipped {count:,}: {REASONS[reason]}" + (f" ({examples})" if examples else ""))
    lines += [
        f"  put right {count:,}: an address that {MENDED[kind]}" for kind, count in report["mended"].items()
    ]
    return "\n".join(lines)
