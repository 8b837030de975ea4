"""The locks: each package with its hashes, and no registry's address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_each_package_is_pinned_and_hashed_and_no_registry_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    packages = re.split(r"(?m)^(?=[a-zA-Z0-9])", text)[1:]
    assert len(packages) > 50
    for package in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", package), package[:60]
        assert "--hash=sha256:" in package, package[:60]


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = {
        name.replace(".", "-")
        for name in re.findall(r"(?m)^([a-z0-9._-]+)", (ROOT / "requirements.txt").read_text())
    }
    asked = {
        re.split(r"[\[<>=!;~ ]", requirement)[0].lower().replace("_", "-").replace(".", "-")
        for requirement in project["project"]["dependencies"]
    }
    assert asked <= locked
