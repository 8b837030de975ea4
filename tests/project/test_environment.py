"""`.env.example` documents each setting, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from phr.core.environment import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
# Read by docker compose itself, for where it publishes the web's port.
COMPOSE_ALONE = {"BIND_ADDRESS", "PORT"}


def documented() -> dict[str, str]:
    """Each variable of the file with the comment above it."""
    found, comment = {}, ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        match = re.match(r"#?([A-Z_]+)=", line)
        if match:
            found[match[1]] = comment
        comment = comment + line if line.startswith("# ") else comment if match else ""
    return found


def test_it_documents_each_setting_and_no_other() -> None:
    assert set(documented()) == {variable.name for variable in VARIABLES} | COMPOSE_ALONE


def test_each_is_explained_and_each_secret_marked() -> None:
    comments = documented()
    for variable in VARIABLES:
        assert len(comments[variable.name]) > 20, variable.name
        assert ("(secret)" in comments[variable.name]) == variable.secret, variable.name


def test_the_code_reads_the_environment_in_one_place_alone() -> None:
    stray = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("phr", "connectors")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"""(environ(\.get\(|\[)|getenv\()["'](PHR_|DATABASE_URL|REDIS_URL)""", line)
    ]
    assert stray == []
