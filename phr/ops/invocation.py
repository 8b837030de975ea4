"""One Django command, run so that a failure is a sentence and not a stack of lines."""

from __future__ import annotations

import sys

import django
from django.core.management import (
    CommandError,
    ManagementUtility,
    call_command,
    get_commands,
    handle_default_options,
)
from django.db import OperationalError, connections

_FAILED, _WRONG_USAGE = 1, 2


def run(name: str, argv: list[str], *, may_be_empty: bool) -> int:
    """Run the command of ``argv``; returns the exit status. ``may_be_empty``: migrate a new database
    first.
    """
    django.setup()
    if name in {"help", "version"}:
        ManagementUtility(argv if len(argv) > 1 else [*argv, "help"]).execute()
        return 0
    if name not in get_commands():
        print(f"There is no command {name}: `manage.py help` lists them.", file=sys.stderr)
        return _WRONG_USAGE
    command = ManagementUtility(argv).fetch_command(name)
    parser = command.create_parser(argv[0], name)
    # What argparse refuses is wrong usage and exits with 2, what a command refuses is a failure (1).
    parser.called_from_command_line = True
    parsed = parser.parse_args(argv[2:])
    handle_default_options(parsed)
    options = vars(parsed)
    try:
        if may_be_empty and name != "migrate" and _is_empty():
            call_command("migrate", interactive=False, verbosity=0)
        command.execute(*options.pop("args", ()), **options)
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.returncode
    except OperationalError as error:
        print(f"The database does not answer: {str(error).splitlines()[0]}", file=sys.stderr)
        return _FAILED
    finally:
        connections.close_all()
    return 0


def _is_empty() -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
        row = cursor.fetchone()
    return row is not None and bool(row[0])
