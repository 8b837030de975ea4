from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.timezone import localtime

from phr.sources import keys
from phr.sources.keys import Rotation

SENTENCES = {
    "made": "There was no {algorithm} key; {kid} is made and signs from now on.",
    "published": "{kid} is published and signs nothing yet. Call this again after {due}: then it takes over.",
    "waiting": "{kid} is published; portals may still hold the list without it. Call this again after {due}.",
    "rotated": "{kid} signs from now on. The old key's private half is erased, and its public half leaves the list "
    "at {due}.",
    "replaced": "{kid} signs from now on, and every older {algorithm} key has left the list at once. Portals that "
    "keep the old list refuse us until they read it anew.",
}


class Command(BaseCommand):
    help = (
        "Let a new key pair follow the one that proves us to portals (private_key_jwt). It takes two calls, a day "
        "apart: the first publishes the new key, the second lets it sign. Safe to call from a timer."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--algorithm", choices=keys.ALGORITHMS, default=keys.ALGORITHMS[0])
        parser.add_argument(
            "--compromised",
            action="store_true",
            help="somebody else may hold the key: drop it from the list now, whatever that breaks",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a sentence")

    def handle(self, *_: object, **options: Any) -> None:
        step = keys.replace_at_once if options["compromised"] else keys.rotate
        done: Rotation = step(algorithm=options["algorithm"], now=timezone.now())
        if options["json"]:
            due_at = done.due_at.isoformat() if done.due_at else None
            self.stdout.write(json.dumps({"step": done.step, "key_id": done.key_id, "due_at": due_at}))
            return
        due = localtime(done.due_at).strftime("%Y-%m-%d %H:%M %Z") if done.due_at else ""
        self.stdout.write(
            SENTENCES[done.step].format(kid=done.key_id, algorithm=options["algorithm"], due=due)
        )
        self.stderr.write(
            f"Published at {keys.jwks_url()}. Where a vendor was given the key itself and not this address, upload "
            "the new one there before it signs."
        )
