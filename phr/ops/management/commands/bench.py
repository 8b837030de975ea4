from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from phr.ops.bench import BENCHMARKS
from phr.ops.bench.figure import Figure
from phr.ops.bench.scratch import scratch
from phr.ops.embedded.errors import EmbeddedError


class Command(BaseCommand):
    requires_system_checks = []  # its database is made later, and it serves no page
    help = "Measure: each figure beside a reference of the same run, on a database of its own."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)"
        )
        parser.add_argument("--n", type=_positive, help="resources or facts (default: each benchmark's own)")
        parser.add_argument("--json", action="store_true", help="one JSON object a benchmark")

    def handle(self, *_: object, **options: Any) -> None:
        names = options["names"] or list(BENCHMARKS)
        unknown = [name for name in names if name not in BENCHMARKS]
        if unknown:
            raise CommandError(
                f"There is no benchmark {unknown[0]}: they are {', '.join(BENCHMARKS)}.", returncode=2
            )
        for name in names:
            benchmark = BENCHMARKS[name]
            n = options["n"] or benchmark.default_n
            try:
                # Each on an empty database: what one leaves behind slows the next.
                with scratch():
                    figure = benchmark.run(n=n, progress=self._progress(name))
            except EmbeddedError as error:
                raise CommandError(str(error)) from None
            self._over()
            self.stdout.write(json.dumps(figure.as_dict()) if options["json"] else _words(figure))

    def _progress(self, name: str) -> Any:
        def say(what: str, share: float) -> None:
            if self.stderr.isatty():
                self.stderr.write(f"\r\033[K{name}: {what} {share:.0%}", ending="")
                self.stderr.flush()

        return say

    def _over(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _words(figure: Figure) -> str:
    said = figure.as_dict()
    more = ", ".join(f"{key} {value}" for key, value in figure.more.items())
    return (
        f"{said['name']}: {said['n']:,} in {said['seconds']:.3f} s ({said['rate']:,.0f}/s);"
        f" {said['reference']['what']}: {said['reference']['seconds']:.3f} s\n"
        f"  ratio {said['ratio']} ({said['ratio_means']}); {more}; peak {said['peak_rss_mb']:.0f} MB"
    )
