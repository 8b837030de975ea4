"""docker-compose.yml holds what it promises, as far as a file can be checked without a daemon."""

from __future__ import annotations

import importlib.util
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from phr.core import environment
from phr.ops import compose_secrets

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")
SERVERS = ("postgres", "valkey")


def test_it_has_the_services_of_the_architecture() -> None:
    assert set(SERVICES) == {*OURS, *SERVERS}


@pytest.mark.parametrize("name", [*OURS, *SERVERS])
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].partition(":")[0] not in {"root", "0"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_the_web_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["${BIND_ADDRESS:-127.0.0.1}:${PORT:-8000}:8000"]}


def test_the_servers_cannot_be_reached_from_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in SERVERS:
        assert SERVICES[name]["networks"] == ["inside"]


@pytest.mark.parametrize("name", ["web", "worker", "beat", *SERVERS])
def test_a_service_that_stays_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


def test_everything_waits_for_the_migration_and_that_for_the_database() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_settings_are_settings_and_secrets_are_files() -> None:
    variables = {variable.name: variable for variable in environment.VARIABLES}
    for name in OURS:
        for key, value in SERVICES[name]["environment"].items():
            plain = key.removesuffix("_FILE") if key not in variables else key
            assert plain in variables, key
            if key.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
            elif variables[plain].secret:
                # From the operator's .env or empty, never a value in this file.
                assert re.fullmatch(r"\$\{[A-Z_]+:-\}", value), key


def test_what_the_services_are_given_without_an_env_file_is_valid(tmp_path: Path) -> None:
    compose_secrets.make(tmp_path / "secrets")
    given = {}
    for key, value in SERVICES["web"]["environment"].items():
        text = re.sub(r"\$\{[A-Z_]+:-(.*?)\}", r"\1", value)
        given[key] = text.replace("/run/secrets", str(tmp_path / "secrets"))
    found = environment.read(given)
    assert found.database is not None
    assert found.database.host == "postgres"
    assert found.secret_key
    assert found.keyring


def test_each_secret_is_declared_used_and_made(tmp_path: Path) -> None:
    declared = COMPOSE["secrets"]
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(declared)
    assert {Path(each["file"]).name for each in declared.values()} == set(
        compose_secrets.make(tmp_path / "s")
    )


def test_the_owner_of_the_database_is_told_to_the_migration_alone(tmp_path: Path) -> None:
    compose_secrets.make(tmp_path)
    owner = tmp_path.joinpath("postgres_password").read_text().strip()
    holds = {path.name for path in tmp_path.iterdir() if owner in path.read_text()}
    assert holds == {"postgres_password", "database_url"}
    told = {name for name, service in SERVICES.items() if holds & set(service.get("secrets", []))}
    assert told == {"migrate", "postgres"}
    for name in ("web", "worker", "beat"):
        variables = SERVICES[name]["environment"]
        assert variables["DATABASE_URL_FILE"] == "/run/secrets/application_database_url"


def test_an_installation_from_before_gets_what_is_new_and_keeps_the_rest(tmp_path: Path) -> None:
    compose_secrets.make(tmp_path)
    file = tmp_path / "application_database_url"
    file.unlink()
    for name in ("database_url", "postgres_password"):
        tmp_path.joinpath(name).chmod(0o600)
    tmp_path.joinpath("database_url").write_text("postgresql://own:er@db.example:6543/records\n")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert compose_secrets.make(tmp_path) == ["application_database_url"]
    address = environment.DatabaseAddress.parse(file.read_text().strip())
    assert (address.host, address.port, address.name, address.user) == (
        "db.example",
        6543,
        "records",
        "phr_app",
    )
    file.unlink()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_making_secrets_again_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    compose_secrets.make(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert compose_secrets.make(folder) == []
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_half_a_pair_of_secrets_is_refused(tmp_path: Path) -> None:
    compose_secrets.make(tmp_path)
    (tmp_path / "database_url").unlink()
    with pytest.raises(FileExistsError, match="belong together"):
        compose_secrets.make(tmp_path)


@pytest.mark.parametrize("name", OURS)
def test_a_command_exists(name: str) -> None:
    words = SERVICES[name].get("command") or dockerfile_command()
    if words[0] == "celery":
        assert importlib.util.find_spec("celery")
        assert importlib.util.find_spec("phr.celery")
    elif words[1] == "-m":
        assert importlib.util.find_spec(words[2])
    else:
        assert (ROOT / words[1]).is_file()
    for word in SERVICES[name]["healthcheck"].get("test", []):
        if word.startswith("phr."):
            assert importlib.util.find_spec(word)


def dockerfile_command() -> list[str]:
    command = (ROOT / "Dockerfile").read_text().rpartition("\nCMD ")[2]
    words: list[str] = yaml.safe_load(command)
    return words


def test_the_image_runs_as_the_user_that_compose_names_and_holds_no_secret() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert "\nUSER phr\n" in lines
    assert "--uid 10001" in lines
    assert SERVICES["web"]["user"] == "10001:10001"
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored  # everything, then what the image needs by name
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE)
    for source in " ".join(copied).split():
        assert f"!{source}" in ignored
        assert (ROOT / source).exists()
