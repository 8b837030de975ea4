from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections

from phr.core import roles


class Command(migrate.Command):
    help = "Migrates the database as its owner, and gives the application's roles what they need."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
        parser.add_argument(
            "--with-directory",
            action="store_true",
            help="then the facts that ship with phr into the directory, where they are not in it yet",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        try:
            # Before the tables: their policies name a role.
            roles.ensure(connection, secret_key=settings.SECRET_KEY)
        except roles.RolesError as error:
            raise CommandError(str(error)) from error
        super().handle(*args, **options)
        roles.grant(connection)
        if options["with_directory"]:
            call_command("refresh_directory", shipped=True, stdout=self.stdout)
