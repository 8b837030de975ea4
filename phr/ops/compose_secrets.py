"""The secret files of docker-compose.yml, made once: ``make secrets``. Standard library only; overwrites
nothing. One that a newer version wants beside what is there is added.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from phr.core import credentials

# The containers' users differ from yours, so the files are readable, and the folder keeps everybody else out.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o444


def make(folder: Path) -> list[str]:
    """Write the files that are missing; returns their names. Raises FileExistsError for half a pair."""
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    folder.chmod(_FOLDER_MODE)
    database, broker = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    groups = (
        {
            "postgres_password": database,
            "database_url": f"postgresql://phr_owner:{database}@postgres:5432/phr",
        },
        {
            "redis_url": f"redis://:{broker}@valkey:6379/0",
            "valkey_conf": f'requirepass {broker}\nappendonly no\nsave ""\ndir /tmp\nmaxmemory 64mb\n',
        },
        {"secret_key": secrets.token_urlsafe(48)},
        {"keyring": base64.urlsafe_b64encode(os.urandom(32)).decode()},
    )
    made = []
    for group in groups:
        present = [name for name in group if (folder / name).exists()]
        if present and len(present) < len(group):
            missing = sorted(set(group) - set(present))
            raise FileExistsError(f"{folder} holds {present[0]} but not {missing[0]}: they belong together.")
        for name, text in group.items():
            if not present:
                _write(folder / name, text)
                made.append(name)
    # The same database for those that do not migrate, wherever database_url says that it is.
    if not (folder / "application_database_url").exists():
        url = credentials.application_url(
            (folder / "database_url").read_text(encoding="utf-8").strip(),
            secret_key=(folder / "secret_key").read_text(encoding="utf-8").strip(),
        )
        _write(folder / "application_database_url", url)
        made.append("application_database_url")
    return made


def _write(path: Path, text: str) -> None:
    path.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    path.chmod(_FILE_MODE)


if __name__ == "__main__":
    try:
        names = make(Path("secrets"))
    except OSError as error:
        sys.exit(str(error))
    print(f"Made in secrets/: {', '.join(names)}." if names else "secrets/ is complete; nothing was changed.")
    print("Keep a copy of secrets/keyring apart from the data: without it no connection can be restored.")
