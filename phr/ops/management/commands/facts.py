from __future__ import annotations

import argparse
import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from phr.accounts import access
from phr.accounts.models import Person
from phr.timeline.export import excluded, facts


class Command(BaseCommand):
    help = "Print the timeline as data, one JSON object a line; what is left out comes as lines of kind `excluded`."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--person", type=UUID, metavar="ID", help="one person (default: everybody)")
        parser.add_argument("--json", action="store_true", help="JSON, a line a fact")

    def handle(self, *_: object, **options: Any) -> None:
        people = Person.objects.using("operator").order_by("pk")
        if options["person"]:
            people = people.filter(pk=options["person"])
        for person_id in people.values_list("pk", flat=True):
            sight = access.for_work(person_id=person_id)
            with sight.open():
                for line in (*facts(sight=sight), *excluded(sight=sight)):
                    self.stdout.write(json.dumps(line) if options["json"] else _words(line))


def _words(line: dict[str, Any]) -> str:
    if line["kind"] == "excluded":
        return f"            excluded ({line['reason']}): {line['title']}"
    value = f"{line['value']} {line['unit']}".strip()
    return f"{line['date'] or 'undated':<11.11} {line['kind']}: {line['title']} {value}".rstrip()
