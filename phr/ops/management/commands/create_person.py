from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from phr.accounts import access
from phr.accounts.models import User


class Command(BaseCommand):
    help = "Start a person's record, owned by a user; prints the id of the person."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--user", required=True, metavar="EMAIL", help="made, without a password, where there is none"
        )
        parser.add_argument("--name", required=True)
        parser.add_argument("--birth-date", type=date.fromisoformat, metavar="YYYY-MM-DD")

    def handle(self, *_: object, **options: Any) -> None:
        email, name = options["user"].strip(), options["name"].strip()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address.") from None
        if not name or len(name) > 200 or "\x00" in name:
            raise CommandError("A person's name has 1 to 200 characters.")
        user = User.objects.get_queryset().with_email(email).first()
        if user is None:
            user = User.objects.create_user(email)
            self.stderr.write(
                f"There was no user {email}; there is now, without a password (`changepassword` sets one)."
            )
        sight = access.create_person(user=user, name=name, birth_date=options["birth_date"])
        self.stdout.write(str(sight.person_id))
