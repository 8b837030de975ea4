from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connectors.errors import PortalError
from connectors.smart.discovery import discover
from connectors.smart.keys import ALGORITHMS
from phr.core.network import egress
from phr.ops.secretfiles import read_secret
from phr.sources import dynamic, keys, registrations, removal
from phr.sources.models import Portal, Registration
from phr.sources.portals import BadAddress, bare_url
from phr.sources.profiles import UnknownProfile, profile_of

_OF_A_REGISTRATION = {
    "client_id",
    "client_secret_file",
    "method",
    "algorithm",
    "redirect_uri",
    "dynamic",
    "initial_access_token_file",
}


class Command(BaseCommand):
    help = (
        "Keep the client id that a vendor, or one portal, gave this installation; prints the redirect URI "
        "that must be registered there, to the letter. A second call replaces id and secret; --remove takes "
        "them out again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--vendor", required=True, metavar="ID", help="of the profile: see `manage.py vendors`"
        )
        parser.add_argument(
            "--portal-url", metavar="URL", help="for this portal alone, which add_portal put in"
        )
        parser.add_argument("--client-id", metavar="ID", help="that the vendor gave (not with --dynamic)")
        parser.add_argument("--client-secret-file", type=Path, metavar="FILE", help="none: a public client")
        parser.add_argument(
            "--method", choices=["public", "client_secret_basic", "client_secret_post", "private_key_jwt"]
        )
        parser.add_argument(
            "--algorithm",
            choices=ALGORITHMS,
            help="of private_key_jwt (default: RS384, which every vendor takes)",
        )
        parser.add_argument(
            "--redirect-uri",
            metavar="URL",
            help="the address registered there, where it is not this server's callback: people then paste "
            'the address that their browser ends on ("" goes back to the callback)',
        )

        parser.add_argument(
            "--dynamic",
            action="store_true",
            help="let the portal make the registration (RFC 7591); needs --portal-url",
        )
        parser.add_argument(
            "--initial-access-token-file",
            type=Path,
            metavar="FILE",
            help="where the portal wants one for that",
        )
        parser.add_argument(
            "--remove",
            action="store_true",
            help="forget the registration, and its secret; refused while anybody is connected by it",
        )

    def handle(self, *_: object, **options: Any) -> None:
        if options["remove"]:
            self._remove(options)
            return
        if options["dynamic"]:
            self._dynamic(options)
            return
        if not options["client_id"]:
            raise CommandError("Name the client id that the vendor gave (--client-id), or use --dynamic.")
        file = options["client_secret_file"]
        try:
            registration, created = registrations.register(
                profile_id=options["vendor"],
                client_id=options["client_id"],
                portal=_portal(options["portal_url"]),
                secret=None if file is None else read_secret(file),
                method=options["method"],
                algorithm=options["algorithm"],
                redirect_uri=options["redirect_uri"],
            )
        except (UnknownProfile, BadAddress, registrations.BadRegistration) as error:
            raise CommandError(str(error)) from None
        self._told(registration, created=created)

    def _remove(self, options: dict[str, Any]) -> None:
        if any(value not in {None, False} for name, value in options.items() if name in _OF_A_REGISTRATION):
            raise CommandError("--remove goes with --vendor and --portal-url alone.")
        try:
            portal = _portal(options["portal_url"])
            slug = removal.remove(profile_id=options["vendor"], portal=portal)
        except BadAddress as error:
            raise CommandError(str(error)) from None
        except registrations.NotRegistered:
            raise CommandError("There is no such registration.") from None
        except removal.StillNeeded as held:
            raise CommandError(_needed(held)) from None
        self.stderr.write(
            "What stands at the vendor stays there: delete the app on its registration page as well."
        )
        self.stdout.write(f"Removed {slug}.")

    def _dynamic(self, options: dict[str, Any]) -> None:
        portal = _portal(options["portal_url"])
        if portal is None or options["client_id"] or options["client_secret_file"]:
            raise CommandError("--dynamic goes with --portal-url, and with neither client id nor secret.")
        if portal.profile_id != options["vendor"]:
            raise CommandError(f"That portal belongs to the vendor {portal.profile_id}.")
        file = options["initial_access_token_file"]
        try:
            server = discover(
                egress=egress(), base_url=portal.base_url, profile=profile_of(portal.profile_id)
            )
            registration = dynamic.register_at(
                portal=portal,
                server=server,
                initial_access_token=None if file is None else read_secret(file),
                egress=egress(),
                now=timezone.now(),
            )
        except registrations.NotRegistered:
            raise CommandError(
                "This portal offers no registration by itself. Where its vendor makes a client for each consent, "
                "register the vendor's client id in the ordinary way: the rest happens when somebody connects."
            ) from None
        except PortalError as error:
            raise CommandError(f"The portal did not register this server: {error}.") from None
        except registrations.BadRegistration as error:
            raise CommandError(str(error)) from None
        self._told(registration, created=True)

    def _told(self, registration: Registration, *, created: bool) -> None:
        done = "Registered" if created else "Replaced"
        if registration.method == Registration.Method.PRIVATE_KEY_JWT:
            self.stderr.write(
                f"Give the vendor the address of our keys, {keys.jwks_url()}; where it must reach no address of ours, "
                "upload this public key:"
            )
            public = keys.public_key(algorithm="ES384" if registration.algorithm == "ES384" else "RS384")
            self.stderr.write(json.dumps({"keys": [public]}))
        if not registrations.comes_back_here(registration=registration):
            self.stderr.write("People will paste the address that their browser ends on.")
        self.stderr.write(f"{done} {registration.slug} ({registration.method}). Its redirect URI is:")
        self.stdout.write(registrations.redirect_uri_of(registration=registration))


def _needed(held: removal.StillNeeded) -> str:
    """Say how many connections need the registration; whose they are is not the operator's to read here."""
    kinds = (
        (held.people, "connection of a person", "connections of people"),
        (held.systems, "system connection", "system connections"),
    )
    counted = " and ".join(f"{n} {one if n == 1 else many}" for n, one, many in kinds if n)
    verb = "holds" if held.people + held.systems == 1 else "hold"
    return f"It is still needed: {counted} {verb} on to it. Nothing was removed; disconnect them first."


def _portal(url: str | None) -> Portal | None:
    if url is None:
        return None
    portal = Portal.objects.filter(base_url=bare_url(url)).first()
    if portal is None:
        raise CommandError("There is no portal with this address in the directory: add_portal puts it in.")
    return portal
