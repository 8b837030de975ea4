"""What must be done between the database's start and the web's: migrations and static files, in one
process.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import django
from django.core.management import CommandError, call_command


def main() -> int:
    """Migrate, and gather static files where they changed; returns the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "phr.settings")
    django.setup()
    try:
        call_command("migrate", interactive=False, verbosity=1)
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    gather_static()
    return 0


def gather_static() -> bool:
    """Run collectstatic unless no file of its sources changed since; returns whether it ran."""
    from django.conf import settings  # noqa: PLC0415 - after setup
    from django.contrib.staticfiles.finders import get_finders  # noqa: PLC0415

    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name} {state.st_size} {state.st_mtime_ns}\n".encode())
    root = Path(settings.STATIC_ROOT)
    stamp = root / ".gathered"
    with suppress(OSError):
        if stamp.read_text(encoding="ascii") == digest.hexdigest():
            return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest.hexdigest(), encoding="ascii")
    return True


if __name__ == "__main__":
    sys.exit(main())
