"""A vendor is named in its profile, and nowhere in the code."""

from __future__ import annotations

import re

from connectors.registry import load_registry
from phr.ops.vendortable import conformance_tests, markdown, vendors
from tests.project.tree import ROOT, name, of

# Parts of the profiles' names that are words of our trade; they say nothing about a vendor.
PLAIN = frozenset(
    {
        "affairs",
        "another",
        "api",
        "blue",
        "button",
        "data",
        "diagnostics",
        "enterprise",
        "fhir",
        "for",
        "fusion",
        "generic",
        "health",
        "it",
        "launcher",
        "medical",
        "medicare",
        "office",
        "on",
        "one",
        "plan",
        "portal",
        "practice",
        "professional",
        "reference",
        "sandbox",
        "server",
        "services",
        "smart",
        "solutions",
        "va",  # also a state
        "veterans",
    }
)
BEGIN, END = "<!-- vendors: begin -->\n", "\n<!-- vendors: end -->"


def vendor_words() -> list[str]:
    """The ids of the profiles, and the words of their names."""
    found: set[str] = set()
    for profile in load_registry().values():
        words = set(re.findall(r"[a-z]+", f"{profile.id} {profile.name}".lower()))
        found |= words - PLAIN
        if profile.id not in PLAIN:
            found.add(profile.id)
    return sorted(found)


def test_the_word_list_is_one() -> None:
    assert len(vendor_words()) > len(load_registry())


def test_no_vendor_is_named_in_the_code() -> None:
    pattern = re.compile(rf"(?<![a-z])({'|'.join(vendor_words())})(?![a-z])", re.IGNORECASE)
    found = [
        f"{name(path)}:{number}: {match[0]}"
        for path in of(
            ".py", ".html", ".css", ".js", under=("connectors/", "phr/", "templates/", "manage.py")
        )
        # The sandbox plays vendors; what it knows of them comes from the profiles, but its family lives with them.
        if not name(path).startswith("connectors/sandbox/")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in pattern.finditer(line)
    ]
    assert found == []


def test_the_readme_has_the_table_that_the_command_prints() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = ROOT / "docs" / "conformance.md"
    tests = conformance_tests(listed.read_text(encoding="utf-8")) if listed.is_file() else {}
    assert readme.partition(BEGIN)[2].partition(END)[0] == markdown(
        vendors(load_registry().values(), tests=tests)
    ), "put the output of `manage.py vendors --markdown` between the markers"


def test_the_tests_of_a_profile_are_counted_from_the_generated_list() -> None:
    listed = (
        "| profile | checks that pass | nothing there to check | client facts |\n"
        "| --- | --- | --- | --- |\n"
        "| acme_one | 12 | exports, launches | 2 |\n"
        "| acme_two | 9 | none | 0 |\n"
    )
    assert conformance_tests(listed) == {"acme_one": 14, "acme_two": 9}
