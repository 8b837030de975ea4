from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.errors import PortalError
from phr.core.network import egress
from phr.sources import checking
from phr.sources.models import Source
from phr.sources.portals import BadAddress
from phr.sources.profiles import UnknownProfile, profile_of

Status = Literal["documented", "sandbox", "production"]
_ORDER: tuple[Status, ...] = ("documented", "sandbox", "production")


class Command(BaseCommand):
    help = (
        "Look at a portal without anybody's record: what it says of itself, held against the profile of its vendor; "
        "the change to the profile that would follow, and what is still missing to connect. Changes nothing."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("url", metavar="URL", help="the FHIR address of the portal")
        parser.add_argument(
            "--vendor", metavar="ID", help="told from directory and address, where it is left out"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")

    def handle(self, *_: object, **options: Any) -> None:
        now = timezone.now()
        try:
            found = checking.check(url=options["url"], profile_id=options["vendor"], egress=egress(), now=now)
        except (BadAddress, UnknownProfile) as error:
            raise CommandError(str(error)) from None
        except PortalError as error:
            raise CommandError(checking.why(error)) from None
        proposal = _proposal(found, now=now)
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(found), "proposal": proposal}, indent=2))
            return
        for line in _lines(found, proposal):
            self.stdout.write(line)


def _proposal(found: checking.Check, *, now: datetime) -> str:
    """Return the lines of TOML that this look gives reason for; "" for none.

    The status is raised by records that came, and by nothing less: a sign-in page proves no sync.
    """
    changes = [each.change for each in found.findings if each.change and each.severity != "note"]
    profile = profile_of(found.profile_id)
    seen = _seen(found, sandbox=profile.addresses.sandbox)
    if _ORDER.index(seen) > _ORDER.index(profile.status):
        changes.insert(0, f'status = "{seen}"\nchecked_on = {now.date().isoformat()}')
    return "\n\n".join(changes)


def _seen(found: checking.Check, *, sandbox: str) -> Status:
    """Say how far this installation came with the portal: at the vendor's sandbox, or at a real one."""
    # Crosses persons, for a yes or no: whether anybody's records came from there.
    synced = Source.objects.using("operator").filter(
        base_url=found.url, profile_id=found.profile_id, last_synced_at__isnull=False
    )
    if not found.url.startswith("https://") or not synced.exists():
        return "documented"
    return "sandbox" if found.url == sandbox.rstrip("/") else "production"


def _lines(found: checking.Check, proposal: str) -> list[str]:
    lines = [
        f"{found.url}, held against the profile {found.profile_id} ({found.profile_name})",
        found.verdict,
    ]
    if found.missing:
        lines += ["", "Still missing:", *(f"  - {text}" for text in found.missing)]
    if found.advice:
        lines += ["", "The sign-in page:", *(f"  - {text}" for text in found.advice)]
    lines += ["", "Differences:" if found.findings else "No differences."]
    for each in found.findings:
        lines += [
            f"  - [{each.severity_text}] {each.sentence}",
            f"      {each.field}: the profile says {each.expected}; seen: {each.seen}",
        ]
    if proposal:
        lines += [
            "",
            "The profile would then say:",
            *(f"  {line}".rstrip() for line in proposal.splitlines()),
        ]
    return lines
