"""What no file of the project may be or hold."""

from __future__ import annotations

import re

import pytest

from tests.project.tree import name, of, tracked

LONGEST = 400
# Longer than that, and why. A path that is not longer any more must leave this table.
LONG = {
    "phr/web/samples.py": "the made-up records of the style guide: a table of facts",
    "tests/timeline/merge/test_golden.py": "one golden case after the other: a table of facts",
}

# Pieces, so that this file does not hold what it looks for.
REGISTRIES = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            "python" + "hosted",
            r"--(extra-)?index" + "-url",
            r"--find" + "-links",
            r"registry\.npm" + "js",
            r"^\s*(file|https?)://[^\s/]+/simple",
        ]
    ),
    re.MULTILINE,
)
MACHINE = re.compile(
    "|".join([f"/{folder}/[A-Za-z0-9._-]+" for folder in ("home", "Users", "root", "work", "mnt")])
)
# `make lock` keeps uv from writing the address down; the others say that none is there.
MAY_SPEAK_OF_REGISTRIES = {"Makefile", "tests/project/test_files.py", "tests/project/test_dependencies.py"}
TEXT = (".py", ".md", ".toml", ".txt", ".yml", ".html", ".css", ".js", ".svg", ".json", "")


@pytest.mark.parametrize(
    "suffixes", [(".py",), (".html",), (".css", ".js")], ids=["python", "templates", "static"]
)
def test_no_file_holds_two_ideas(suffixes: tuple[str, ...]) -> None:
    lines = {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in of(*suffixes)
        if "/migrations/" not in name(path)
    }
    assert {path for path, count in lines.items() if count > LONGEST} == {
        path for path in LONG if path.endswith(suffixes)
    }


def test_nothing_names_a_registry() -> None:
    found = [
        f"{name(path)}: {match[0].strip()}"
        for path in of(*TEXT)
        if name(path) not in MAY_SPEAK_OF_REGISTRIES
        for match in REGISTRIES.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_nothing_names_a_path_of_somebodys_machine() -> None:
    found = [
        f"{name(path)}: {match[0]}"
        for path in of(*TEXT)
        if name(path) != "tests/project/test_files.py"
        for match in MACHINE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_no_template_has_script_or_style_of_its_own() -> None:
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
    )
    found = [
        f"{name(path)}: {match[0]}"
        for path in of(".html", under=("templates/", "phr/"))
        for match in inline.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_page_asks_another_host_for_anything() -> None:
    remote = re.compile(
        r"""(?:(?:src|srcset|action|poster)\s*=\s*["']|url\(\s*["']?|@import\s+["']|from\s+["'])(?:https?:)?//"""
    )
    found = [
        f"{name(path)}: {match[0]}"
        for path in of(".html", ".css", ".js", under=("templates/", "phr/"))
        for match in remote.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_secret_or_data_folder_is_committed() -> None:
    kept_apart = re.compile(r"^(var|secrets|\.venv)/|(^|/)\.env$|\.(pem|key|p12|sqlite3?|dump)$")
    assert [name(path) for path in tracked() if kept_apart.search(name(path))] == []
