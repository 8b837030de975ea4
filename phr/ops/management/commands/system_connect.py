from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from phr.accounts import desk as desks
from phr.exchange import connections, lease
from phr.exchange.models import SystemConnection
from phr.sources import keys
from phr.sources.models import Portal, Registration
from phr.sources.portals import BadAddress, bare_url
from phr.sources.profiles import UnknownProfile


class Command(BaseCommand):
    help = (
        "Connect our own program to a whole system, from which `export` then fetches many patients (SMART Backend "
        "Services, Bulk Data). Prints the id of the connection. A second call for the same portal, level and group "
        "takes the new settings."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--portal-url", metavar="URL", help="of a portal that add_portal put in")
        parser.add_argument(
            "--level", choices=["system", "patient", "group"], help="default: the narrowest there"
        )
        parser.add_argument("--group", default="", metavar="ID", help="of the group, for that level")
        parser.add_argument("--registration", metavar="SLUG", help="else the portal's or its vendor's")
        parser.add_argument(
            "--client-id",
            default="",
            metavar="ID",
            help="of our program, where it has one of its own; it signs",
        )
        parser.add_argument("--algorithm", choices=["RS384", "ES384"], default="RS384")
        parser.add_argument("--type", action="append", default=[], metavar="TYPE", help="only these types")
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="SEARCH",
            help='as "Observation?category=laboratory"',
        )
        parser.add_argument("--every", type=int, metavar="HOURS", help="export on schedule; else when asked")
        parser.add_argument("--name", default="", help="else that of the portal")
        parser.add_argument(
            "--forget", type=UUID, metavar="ID", help="let a connection go, with all that waits of it"
        )

    def handle(self, *_: object, **options: Any) -> None:
        desk = desks.for_errand()
        if options["forget"]:
            _forget(desk, options["forget"])
            return
        if not options["portal_url"]:
            raise CommandError("Which portal? Give --portal-url.")
        if options["every"] is not None and not 1 <= options["every"] <= 24 * 366:
            raise CommandError("--every takes hours, from 1 to 8784.")
        now = timezone.now()
        try:
            connection, created = connections.connect(
                portal=_portal(options["portal_url"]),
                level=options["level"],
                group_id=options["group"],
                registration=_registration(options["registration"]),
                client_id=options["client_id"],
                algorithm=options["algorithm"],
                types=options["type"],
                type_filters=options["filter"],
                every_hours=options["every"],
                name=options["name"],
                now=now,
            )
        except (UnknownProfile, BadAddress, connections.BadConnection) as error:
            raise CommandError(str(error)) from None
        if options["every"] is not None:
            SystemConnection.objects.filter(pk=connection.pk).update(next_export_at=now)
            lease.ask(connection_id=connection.pk, due_at=now)
        self.stderr.write("Connected." if created else "It was connected already; it has the new settings.")
        if options["client_id"]:
            self.stderr.write(f"Its public key is at {keys.jwks_url()}.")
        self.stdout.write(str(connection.pk))


def _portal(url: str) -> Portal:
    portal = Portal.objects.filter(base_url=bare_url(url)).first()
    if portal is None:
        raise CommandError("There is no portal with this address in the directory: add_portal puts it in.")
    return portal


def _registration(slug: str | None) -> Registration | None:
    if slug is None:
        return None
    found = Registration.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError("There is no registration with this slug.")
    return found


def _forget(desk: desks.Desk, connection_id: UUID) -> None:
    if not SystemConnection.objects.filter(pk=connection_id).exists():
        raise CommandError("There is no such connection.")
    connections.forget(desk=desk, connection_id=connection_id)
