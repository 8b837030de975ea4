"""The secret files of docker-compose.yml, made once: ``make secrets``. Standard library only; overwrites
nothing.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

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
                (folder / name).write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
                (folder / name).chmod(_FILE_MODE)
                made.append(name)
    return made


if __name__ == "__main__":
    try:
        names = make(Path("secrets"))
    except OSError as error:
        sys.exit(str(error))
    print(f"Made in secrets/: {', '.join(names)}." if names else "secrets/ is complete; nothing was changed.")
    print("Keep a copy of secrets/keyring apart from the data: without it no connection can be restored.")
