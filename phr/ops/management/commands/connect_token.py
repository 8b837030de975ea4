from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.errors import PortalError
from phr.accounts import access
from phr.core.network import egress
from phr.ops.secretfiles import read_secret
from phr.sources.flows.from_tokens import from_tokens
from phr.sources.models import Grant
from phr.sources.portals import BadAddress
from phr.sources.profiles import UnknownProfile
from phr.sync import requests
from phr.sync.models import Run


class Command(BaseCommand):
    help = (
        "Connect a person's chart with tokens that were obtained elsewhere; prints the id of the source. "
        "A running worker then syncs it, or `manage.py sync --source ID --wait`."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--person", required=True, type=UUID, metavar="ID")
        parser.add_argument("--portal-url", required=True, metavar="URL", help="the FHIR base address")
        parser.add_argument("--vendor", required=True, metavar="ID")
        parser.add_argument(
            "--patient", required=True, metavar="ID", help="the id of the Patient resource there"
        )
        parser.add_argument("--access-token-file", required=True, type=Path, metavar="FILE")
        parser.add_argument("--refresh-token-file", type=Path, metavar="FILE")
        parser.add_argument("--name", default="", help="of the portal, where it is new to the directory")
        parser.add_argument(
            "--scope", default="", help="what the tokens allow (default: all we would ask for)"
        )
        parser.add_argument(
            "--context",
            action="append",
            default=[],
            type=_pair,
            metavar="NAME=VALUE",
            help="what else the token endpoint said, such as the practice that every search must name",
        )
        parser.add_argument(
            "--expires-in", type=int, metavar="SECONDS", help="of the access token (default: unknown)"
        )

    def handle(self, *_: object, **options: Any) -> None:
        now = timezone.now()
        refresh_file = options["refresh_token_file"]
        patient = options["patient"].removeprefix("Patient/")
        if not patient or len(patient) > 200 or not patient.isprintable():
            raise CommandError("The id of a patient has 1 to 200 characters.")
        try:
            sight = access.for_work(person_id=options["person"])
            source, created = from_tokens(
                sight=sight,
                profile_id=options["vendor"],
                base_url=options["portal_url"],
                name=options["name"],
                patient=patient,
                access_token=read_secret(options["access_token_file"]),
                refresh_token=None if refresh_file is None else read_secret(refresh_file),
                scope=options["scope"],
                expires_in=options["expires_in"],
                context=dict(options["context"]),
                egress=egress(),
                now=now,
            )
        except access.NotVisible:
            raise CommandError("There is no person with this id.") from None
        except (UnknownProfile, BadAddress) as error:
            raise CommandError(str(error)) from None
        except PortalError as error:
            raise CommandError(f"The portal cannot be connected: {error}.") from None
        with sight.open():
            requests.request(sight=sight, source_id=source.pk, trigger=Run.Trigger.COMMAND, now=now)
            unregistered = Grant.objects.filter(source=source, registration=None).exists()
        if refresh_file is not None and unregistered:
            self.stderr.write(
                "There is no client id for this vendor, so the tokens cannot be renewed: see register_client."
            )
        if not created:
            self.stderr.write("This chart was connected already; it has the new tokens.")
        self.stdout.write(str(source.pk))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError("NAME=VALUE is due")
    return name, value
