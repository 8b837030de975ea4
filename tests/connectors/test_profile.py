"""The strict loader: a profile either says what we understand, or does not load."""

from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest

from connectors.errors import ProfileError
from connectors.profile import US_CORE_RESOURCES, ErrorRule, Profile, load_profile

HEAD = """
id = "acme"
name = "Acme"
status = "documented"
checked_on = 2026-08-31
documentation = ["https://acme.example/docs"]
"""
AUTH = '[auth]\nclients = ["public"]\n'
SCOPES = '[scopes]\nversion = "v2"\nstyle = "enumerated"\n'
REFRESH = '[refresh]\nstyle = "rotating"\n'


def load(folder: Path, text: str, *, name: str = "acme.toml") -> Profile:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def fault(folder: Path, text: str) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        load(folder, text)
    assert caught.value.file == "acme.toml"
    return caught.value


def test_it_loads_the_least_that_a_profile_says(tmp_path: Path) -> None:
    profile = load(tmp_path, HEAD + AUTH + SCOPES + REFRESH)

    assert profile.id == "acme"
    assert profile.checked_on == date(2026, 8, 31)
    assert profile.auth.clients == ("public",)
    assert profile.auth.pkce == "send"
    assert profile.scopes.resources == US_CORE_RESOURCES
    assert profile.fhir.accept == "application/fhir+json"
    assert profile.limits.connections <= 5
    assert profile.errors == ()


def test_it_reads_tables_lists_and_rules(tmp_path: Path) -> None:
    profile = load(
        tmp_path,
        HEAD
        + AUTH
        + SCOPES
        + REFRESH
        + "[search]\ncounts = {Observation = 50}\n"
        + '[search.queries]\nObservation = ["category=laboratory", ""]\n'
        + '[[errors]]\nstatus = 404\nmeaning = "unsupported"\n'
        + '[[errors]]\nstatus = 400\nissue_code = "4113"\nmeaning = "retry"\n',
    )

    assert profile.search.counts == {"Observation": 50}
    assert profile.search.queries == {"Observation": ("category=laboratory", "")}
    assert profile.errors == (
        ErrorRule(status=404, meaning="unsupported"),
        ErrorRule(status=400, meaning="retry", issue_code="4113"),
    )


def test_nothing_in_it_can_be_changed(tmp_path: Path) -> None:
    profile = load(tmp_path, HEAD + AUTH + SCOPES + REFRESH + "[search.counts]\nObservation = 50\n")

    with pytest.raises(FrozenInstanceError):
        profile.auth.pkce = "off"  # type: ignore[misc]
    with pytest.raises(TypeError):
        profile.search.counts["Patient"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        profile.fhir.headers["x"] = "y"  # type: ignore[index]


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ("[wishes]\nfast = true\n", "wishes"),
        ("[paging]\nexpire = true\n", "paging.expire"),
        ("[server]\nunsupported = 1\n", "server.unsupported"),
        ('[[errors]]\nstatus = 404\nmeaning = "refused"\n[[errors]]\nstatus = 1\nwhy = 2\n', "errors[1].why"),
    ],
)
def test_it_refuses_an_unknown_key(tmp_path: Path, extra: str, key: str) -> None:
    error = fault(tmp_path, HEAD + AUTH + SCOPES + REFRESH + extra)

    assert error.key == key
    assert "not a key" in error.reason


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "id"),
        (HEAD.replace("checked_on = 2026-08-31\n", "") + AUTH + SCOPES + REFRESH, "checked_on"),
        (HEAD + SCOPES + REFRESH, "auth"),
        (HEAD + "[auth]\nsend_scope_on_refresh = true\n" + SCOPES + REFRESH, "auth.clients"),
        (HEAD + AUTH + '[scopes]\nversion = "v1"\n' + REFRESH, "scopes.style"),
    ],
)
def test_it_refuses_a_file_that_leaves_out_a_fact(tmp_path: Path, text: str, key: str) -> None:
    assert (fault(tmp_path, text).key, fault(tmp_path, text).reason) == (key, "is missing")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (HEAD.replace('"documented"', '"verified"') + AUTH + SCOPES + REFRESH, "status"),
        (HEAD.replace("2026-08-31", '"last week"') + AUTH + SCOPES + REFRESH, "checked_on"),
        (HEAD + '[auth]\nclients = "public"\n' + SCOPES + REFRESH, "auth.clients"),
        (HEAD + '[auth]\nclients = ["client_secret_jwt"]\n' + SCOPES + REFRESH, "auth.clients[0]"),
        (HEAD + AUTH + SCOPES + REFRESH + '[limits]\nconnections = "many"\n', "limits.connections"),
        (HEAD + AUTH + SCOPES + REFRESH + "[search.counts]\nPatient = 1.5\n", "search.counts[...]"),
    ],
)
def test_it_refuses_a_value_of_the_wrong_kind(tmp_path: Path, text: str, key: str) -> None:
    assert fault(tmp_path, text).key == key


def test_it_takes_a_confidential_client_without_pkce_where_the_server_breaks_on_it(tmp_path: Path) -> None:
    profile = load(
        tmp_path, HEAD + '[auth]\nclients = ["client_secret_basic"]\npkce = "off"\n' + SCOPES + REFRESH
    )

    assert profile.auth.pkce == "off"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id = ", "is not TOML"),
        (b"id = '\xff'", "is not UTF-8"),
        (b"#" * 300_000, "is larger than"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_bytes(content)

    with pytest.raises(ProfileError, match=reason):
        load_profile(path)


def test_it_says_that_a_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "acme.toml")


@pytest.mark.parametrize("text", ["x = " + "[" * 20_000, "x = " + "{a=" * 20_000, "[" + "a." * 20_000 + "a]"])
def test_a_file_that_is_nested_without_end_is_refused_like_any_other(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text).reason
