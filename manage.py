#!/usr/bin/env python3
"""Every command of phr. Exit status 0: done; 1: failed, with one sentence on stderr; 2: wrong usage."""

from __future__ import annotations

import os
import sys

# These neither read nor write a record: they run without a database, and with keys of the moment.
_WITHOUT_DATA = frozenset(
    {
        "help",
        "version",
        "check",
        "vendors",
        "check_portal",
        "sandbox",
        "makemigrations",
        "makemessages",
        "compilemessages",
        "collectstatic",
        "findstatic",
        "diffsettings",
        "startapp",
    }
)


def main(argv: list[str]) -> int:
    """Run one command line; returns the exit status."""
    from phr.core.environment import WrongSetting
    from phr.ops.embedded.errors import EmbeddedError

    try:
        return _run(argv)
    except (WrongSetting, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `manage.py facts | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(argv: list[str]) -> int:
    name = argv[1] if len(argv) > 1 and not argv[1].startswith("-") else "help"
    if name == "up":  # supervises others and needs no Django itself: half a second sooner
        from phr.ops import supervisor

        return supervisor.main(argv[2:])
    from phr.core import environment
    from phr.ops import keyfiles, runtime

    environ = os.environ
    environ.setdefault("DJANGO_SETTINGS_MODULE", "phr.settings")
    asks_only = name in _WITHOUT_DATA or bool({"-h", "--help"} & set(argv[2:]))
    if asks_only:
        environment.read(environ)
        environ.update(keyfiles.passing(environ))
        return _django(name, argv, embedded=False)
    embedded = not environ.get("DATABASE_URL") and not environ.get("DATABASE_URL_FILE")
    give_back = runtime.prepare(environ)
    try:
        return _django(name, argv, embedded=embedded)
    finally:
        give_back()


def _django(name: str, argv: list[str], *, embedded: bool) -> int:
    import django
    from django.core.management import (
        CommandError,
        ManagementUtility,
        call_command,
        get_commands,
        handle_default_options,
    )
    from django.db import OperationalError, connections

    django.setup()
    if name == "help" or name == "version":
        ManagementUtility(argv if len(argv) > 1 else [*argv, "help"]).execute()
        return 0
    if name not in get_commands():
        print(f"There is no command {name}: `manage.py help` lists them.", file=sys.stderr)
        return 2
    command = ManagementUtility(argv).fetch_command(name)
    parser = command.create_parser(argv[0], name)
    # What argparse calls an error is wrong usage (2); what a command calls one is a failure (1).
    options = vars(parser.parse_args(argv[2:]))
    arguments = options.pop("args", ())
    handle_default_options(parser.parse_args(argv[2:]))
    try:
        if embedded and name != "migrate" and _is_empty():
            call_command("migrate", interactive=False, verbosity=0)
        command.execute(*arguments, **options)
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.returncode
    except OperationalError as error:
        print(f"The database does not answer: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    finally:
        connections.close_all()
    return 0


def _is_empty() -> bool:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
        return bool(cursor.fetchone()[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
