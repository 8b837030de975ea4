"""The sandbox plays the server's half of a profile: all of it, and nothing of the client's."""

import re
from dataclasses import fields
from pathlib import Path

from connectors import sandbox
from connectors.profile import Profile, Server

SOURCES = {path.name: path.read_text() for path in Path(sandbox.__file__).parent.glob("*.py")}
# How ids look, and what a chart holds, is up to whoever fills a portal.
OF_THE_CONTENT = {"holds", "id_style"}


def test_every_line_of_a_servers_block_is_played() -> None:
    named = {field.name for field in fields(Server)} - OF_THE_CONTENT
    read = set(re.findall(r"\b_?server\.(?!server\.)(\w+)", " ".join(SOURCES.values())))
    assert named - read == set()


def test_nothing_of_the_clients_half_is_looked_at() -> None:
    client = {field.name for field in fields(Profile)} - {"id", "name", "server"}
    for name, text in SOURCES.items():
        assert not client & set(re.findall(r"\bprofile\.(\w+)", text)), name
