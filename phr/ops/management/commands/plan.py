from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.errors import BadReply, PortalError
from connectors.fhir.capability import Capability, read_capability
from connectors.fhir.client import FhirClient
from connectors.fhir.plan import plan
from connectors.profile import Profile
from connectors.scopes import ScopeSet
from phr.core.network import egress
from phr.ops import fetchplan
from phr.sources.models import Portal
from phr.sources.profiles import UnknownProfile, profile_of


class Command(BaseCommand):
    requires_system_checks = []  # without --portal it touches no database
    help = (
        "Show what a portal would be asked for, from its CapabilityStatement and the profile of its vendor: "
        "which searches, which are left out and why. Asks for nobody's record."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a CapabilityStatement as JSON")
        whose.add_argument(
            "--portal", type=int, metavar="ID", help="ask a portal of the directory for it now"
        )
        parser.add_argument(
            "--vendor", metavar="ID", help="whose profile (default: the portal's, or generic)"
        )
        parser.add_argument(
            "--scope", metavar="TEXT", help="what is granted (default: all that the profile asks for)"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")

    def handle(self, *_: object, **options: Any) -> None:
        try:
            profile, capability = self._subject(options)
        except UnknownProfile as error:
            raise CommandError(str(error)) from None
        granted = ScopeSet.parse(
            options["scope"] or fetchplan.asked_for(profile=profile, capability=capability)
        )
        steps = plan(
            profile=profile,
            granted=granted,
            capability=capability,
            patient_id=fetchplan.PATIENT,
            now=timezone.now(),
        )
        found = fetchplan.told(steps, profile=profile, granted=granted, capability=capability)
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for line in fetchplan.text(found):
            self.stdout.write(line)

    @staticmethod
    def _subject(options: dict[str, Any]) -> tuple[Profile, Capability]:
        """Return the profile and what the server says of itself; raises UnknownProfile, CommandError."""
        try:
            if options["portal"] is None:
                body = options["file"].read_bytes()
                return profile_of(options["vendor"] or "generic"), read_capability(body)
            portal = Portal.objects.get(pk=options["portal"])
            profile = profile_of(options["vendor"] or portal.profile_id)
            client = FhirClient(
                egress=egress(), base_url=portal.base_url, profile=profile, bearer=lambda: None
            )
            return profile, client.capability()
        except OSError:
            raise CommandError("The file cannot be read.") from None
        except BadReply:
            raise CommandError("That is no CapabilityStatement.") from None
        except Portal.DoesNotExist:
            raise CommandError("There is no portal with this number.") from None
        except PortalError as error:
            raise CommandError(str(error)) from None
