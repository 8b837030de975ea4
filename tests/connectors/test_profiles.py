"""What holds for every vendor's profile, whatever is in it."""

import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from connectors.profile import Profile
from connectors.registry import PROFILES, load_registry
from connectors.scopes import ScopeSet, requested
from connectors.smart.authorize import authorization_request
from connectors.smart.discovery import Server

REGISTRY = load_registry()
FREE = {"id", "name", "status", "checked_on", "documentation"}
ASSIGNMENT = re.compile(r"^[A-Za-z_\"-]+ = ")

each_profile = pytest.mark.parametrize("profile", REGISTRY.values(), ids=REGISTRY)
each_file = pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)

SERVER = Server(
    authorization_endpoint="https://as.example/authorize", token_endpoint="https://as.example/token"
)


@each_file
def test_every_line_says_where_it_comes_from(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    silent = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if ASSIGNMENT.match(line)
        and line.split(" = ")[0] not in FREE
        and "# " not in line
        and not before.startswith("# ")
    ]

    assert silent == []


@each_file
def test_no_line_repeats_a_default(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))

    assert list(_repeated(table, Profile, "")) == []


def _repeated(table: dict[str, Any], kind: type, where: str) -> Any:
    hints = get_type_hints(kind)
    for each in fields(kind):
        if each.name not in table:
            continue
        value = table[each.name]
        if is_dataclass(hints[each.name]):
            yield from _repeated(value, hints[each.name], f"{where}{each.name}.")
        elif (
            each.default is not MISSING
            and (tuple(value) if isinstance(value, list) else value) == each.default
        ):
            yield f"{where}{each.name}"


@each_profile
def test_it_claims_no_more_than_was_done(profile: Profile) -> None:
    assert profile.status == "documented"
    assert date(2026, 1, 1) <= profile.checked_on <= date(2026, 12, 31)
    assert profile.documentation


@each_profile
def test_it_asks_for_the_patient_to_be_read_and_for_nothing_to_be_written(profile: Profile) -> None:
    asked = ScopeSet.parse(requested(profile=profile))

    assert asked.allows("Patient", "r")
    assert any(asked.allows(name, "s") for name in ("Observation", "ExplanationOfBenefit"))
    assert all(set(scope.interactions) <= {"r", "s"} for scope in asked.resources)
    assert len({scope.version for scope in asked.resources}) == 1
    assert "launch" not in asked.others


@each_profile
def test_it_can_send_a_person_to_sign_in(profile: Profile) -> None:
    url = authorization_request(
        server=SERVER,
        profile=profile,
        client_id="id",
        redirect_uri="https://phr.example/callback/x/",
        scope=requested(profile=profile),
        state="s" * 43,
        code_verifier="v" * 43,
        nonce="n" * 43,
        base_url="https://portal.example/fhir",
    ).url

    assert "response_type=code&" in url
    assert ("code_challenge_method=S256" in url) == (profile.auth.pkce == "send")
    assert len(url) < 4096


@each_profile
def test_its_client_can_live_with_its_server(profile: Profile) -> None:
    server = profile.server

    style = "none" if not server.refresh_given else "rotating" if server.refresh_rotates else "fixed"
    assert profile.refresh.style == style
    assert server.refresh_returned == (style == "rotating")
    if not server.patient_in_token:
        others = set(profile.patient.sources) - {"token"}
        assert others - ({"fhir_user"} if not server.id_token else set())
    assert profile.paging.expires == (server.page_expires_seconds is not None)
    assert (server.total in {"page", "inflated"}) == (profile.search.total == "untrusted")
    assert set(profile.auth.clients) == set(server.client_auth)
    assert set(profile.auth.flows) == set(server.flows)
    assert set(profile.bulk.levels) == set(server.bulk_levels)
