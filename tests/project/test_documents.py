"""What the documents say is so: their links lead somewhere, and their commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints
from urllib.parse import unquote

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from connectors.profile import Profile, load_profile
from phr.core.environment import VARIABLES
from phr.ops import supervisor
from tests.project.tree import ROOT, name, of

DOCUMENTS = of(".md")
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=name)


def test_the_documents_are_there() -> None:
    wanted = {
        "README",
        "CHANGELOG",
        "architecture",
        "design-notes",
        "adding-a-vendor",
        "threat-model",
        "operating",
        "tables",
    }
    assert wanted <= {path.stem for path in DOCUMENTS}


def prose(path: Path) -> str:
    """The text of a document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as GitHub and Gitea make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_its_links_lead_somewhere(path: Path) -> None:
    dead = []
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path)) + re.findall(
        r"(?:src|srcset|href)=\"([^\"]+)\"", prose(path)
    )
    for target in targets:
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    assert dead == []


@each_document
def test_the_files_that_it_names_exist(path: Path) -> None:
    named = re.findall(r"`((?:connectors|phr|templates|tests|docs)/[\w./-]+?)/?`", prose(path))
    assert [file for file in named if not (ROOT / file).exists()] == []


@each_document
def test_its_commands_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {*get_commands(), "up", "help"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for command, rest in re.findall(r"manage\.py ([a-z_]+)((?: [^\n`|]*)?)", text):
        assert command in known, command
        options = _options(command)
        assert {word.partition("=")[0] for word in re.findall(r"(?<= )--[a-z][a-z-]*", rest)} <= options, (
            command,
            rest,
        )
    for line in _shell(text):
        words = shlex.split(line, comments=True)
        if "make" in words[:2]:
            goals = [word for word in words[words.index("make") + 1 :] if "=" not in word]
            assert goals, line
            assert set(goals) <= targets, line
    for target in re.findall(r"`(?:[A-Z]+=\S+ )?make ([a-z-]+)", text):
        assert target in targets, target


def _shell(text: str) -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())


def _options(command: str) -> set[str]:
    if command == "help":
        return set()
    if command == "up":
        import argparse  # noqa: PLC0415 - for this one command, which Django does not load

        parser = argparse.ArgumentParser()
        supervisor.arguments(parser)
    else:
        owner = get_commands()[command]
        parser = load_command_class(owner, command).create_parser("manage.py", command)
    return set(parser._option_string_actions)


@each_document
def test_the_services_and_settings_that_it_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    named = re.findall(
        r"docker compose (?:exec|run|logs|restart|stop|start)(?: -{1,2}[a-zA-Z-]+)* ([a-z]+)", text
    )
    assert set(named) <= set(services)
    settings = {variable.name for variable in VARIABLES}
    assert set(re.findall(r"\bPHR_[A-Z_]+[A-Z]\b", text)) <= settings | {f"{each}_FILE" for each in settings}


@each_document
def test_its_shell_is_shell(path: Path) -> None:
    for block in re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        checked = subprocess.run(["sh", "-n"], input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_the_changelog_tells_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert version in headings


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_profile_of_the_walk_through_loads(tmp_path: Path) -> None:
    profile = load_profile(_example(tmp_path))
    given = tomllib.loads(_example(tmp_path).read_text(encoding="utf-8"))
    assert profile.name == given["name"]
    # Every section a profile may have is walked through.
    sections = {each.name for each in fields(Profile) if is_dataclass(get_type_hints(Profile)[each.name])}
    assert sections | {"errors"} <= set(given)


def test_every_key_of_a_profile_is_explained() -> None:
    text = (ROOT / "docs" / "adding-a-vendor.md").read_text(encoding="utf-8")
    hints = get_type_hints(Profile)
    missing = [
        f"{section.name}.{key.name}"
        for section in fields(Profile)
        if is_dataclass(hints[section.name])
        for key in fields(hints[section.name])
        if f"`{key.name}`" not in text.partition(f"### `[{section.name}]`")[2].partition("\n###")[0]
    ]
    assert missing == []


def _example(folder: Path) -> Path:
    text = (ROOT / "docs" / "adding-a-vendor.md").read_text(encoding="utf-8")
    found = re.search(r"^```toml title=([a-z_]+\.toml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    path = folder / found[1]
    path.write_text(found[2], encoding="utf-8")
    return path
