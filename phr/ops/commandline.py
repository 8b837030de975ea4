"""From a command line to a command: its settings, its database, one sentence where it fails."""

from __future__ import annotations

import os
import sys

from phr.core import environment
from phr.core.environment import WrongSetting
from phr.ops import keyfiles, runtime
from phr.ops.embedded.errors import EmbeddedError

# These neither read nor write a record: they run without a database, and with keys of the moment.
_WITHOUT_DATA = frozenset(
    {
        "bench",
        "build_snapshot",
        "check",
        "check_portal",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "help",
        "makemessages",
        "makemigrations",
        "sandbox",
        "shots",
        "vendors",
        "version",
    }
)
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def main(argv: list[str]) -> int:
    """Run one command line; returns the exit status: 0 done, 1 failed (one sentence said so), 2 wrong
    usage.
    """
    try:
        return _run(argv)
    except (WrongSetting, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # `manage.py facts | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv: list[str]) -> int:
    name = argv[1] if len(argv) > 1 and not argv[1].startswith("-") else "help"
    if name == "up":
        # Supervises others and needs no Django itself: everything is there half a second sooner.
        from phr.ops import supervisor  # noqa: PLC0415

        return supervisor.main(argv[2:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "phr.settings")
    if name in _WITHOUT_DATA or {"-h", "--help"} & set(argv[2:]):
        environment.read()
        os.environ.update(keyfiles.passing(os.environ))
        return _django(name, argv, may_be_empty=False)
    embedded = environment.read().database is None
    give_back = runtime.prepare(os.environ)
    try:
        return _django(name, argv, may_be_empty=embedded)
    finally:
        give_back()


def _django(name: str, argv: list[str], *, may_be_empty: bool) -> int:
    # Loads the settings, which by now have all they need.
    from phr.ops import invocation  # noqa: PLC0415

    return invocation.run(name, argv, may_be_empty=may_be_empty)
