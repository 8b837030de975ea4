"""The commands of docker-compose.yml, run without containers against servers that they did not start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from phr.ops import compose_secrets, healthcheck, stack
from phr.ops.embedded.postgres import Postgres
from phr.ops.embedded.processes import free_port, wait_until
from phr.ops.embedded.valkey import Valkey
from tests.ops.running import READY_SECONDS, ROOT, environ, rings

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture
def given(data_dir: Path) -> Iterator[Callable[[str], dict[str, str]]]:
    """What compose gives a service: secrets in files, and servers at addresses of their own."""
    folder = data_dir.parent / "secrets"
    compose_secrets.make(folder)
    postgres = Postgres(data_dir.parent / "elsewhere", free_port(), durable=False)
    valkey = Valkey(data_dir.parent / "broker")
    try:
        postgres.start()
        valkey.start()
        for name, url in (("database_url", postgres.url), ("redis_url", valkey.url)):
            (folder / name).chmod(0o600)
            (folder / name).write_text(url + "\n")
        (folder / "application_database_url").unlink()
        compose_secrets.make(folder)
        data_dir.mkdir()

        def given(service: str) -> dict[str, str]:
            named = SERVICES[service]["environment"].items()
            files = {name: str(value) for name, value in named if name.endswith("_FILE")}
            return environ(
                data_dir, **{name: file.replace("/run/secrets", str(folder)) for name, file in files.items()}
            )

        yield given
    finally:
        valkey.destroy()
        postgres.destroy()


def command(name: str, **replaced: str) -> list[str]:
    """A service's command with the interpreter of the tests, and paths of a container replaced."""
    words = [
        replaced.get(word.strip("/").replace("/", "_").replace("-", "_"), word)
        for word in SERVICES[name]["command"]
    ]
    programs = {"python": [sys.executable], "celery": [sys.executable, "-m", "celery"]}
    return [*programs[words[0]], *words[1:]]


def test_the_services_run_against_servers_of_their_own(
    given: Callable[[str], dict[str, str]], data_dir: Path
) -> None:
    migrated = subprocess.run(
        command("migrate"), cwd=ROOT, env=given("migrate"), capture_output=True, text=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr
    assert not (data_dir / "postgres").exists()

    port, schedule = free_port(), data_dir / "schedule"
    web = [word if word != "0.0.0.0" else "127.0.0.1" for word in dockerfile_command()]
    web = [sys.executable, *(str(port) if word == "8000" else word for word in web[1:])]
    static = {**given("web"), "PHR_STATIC_DIR": str(data_dir / "static")}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "-v", "0"],
        cwd=ROOT,
        env=static,
        check=True,
    )
    with ExitStack() as ending:
        logs = {name: data_dir / f"{name}.log" for name in ("web", "worker", "beat")}
        commands = {
            "web": web,
            "worker": command("worker"),
            "beat": command("beat", tmp_beat_schedule=str(schedule)),
        }
        for name, words in commands.items():
            log = ending.enter_context(logs[name].open("wb"))
            process = subprocess.Popen(words, cwd=ROOT, env=static, stdout=log, stderr=log)
            ending.callback(process.wait, 30)
            ending.callback(process.terminate)
        base_url = "http://127.0.0.1:8000"  # as compose has it: the port outside differs from that inside
        assert wait_until(
            lambda: stack.web_answers(port=port, base_url=base_url), seconds=READY_SECONDS, every=0.2
        ), logs["web"].read_text()
        assert wait_until(
            lambda: healthcheck.beat_is_well(schedule, now=time.time()), seconds=READY_SECONDS, every=0.2
        ), logs["beat"].read_text()
        assert wait_until(lambda: rings(static) > 0, seconds=READY_SECONDS, every=1.0), (
            logs["worker"].read_text() + logs["beat"].read_text()
        )
    text = "".join(log.read_text() for log in logs.values())
    for secret in (data_dir.parent / "secrets").iterdir():
        assert secret.read_text().strip() not in text, secret.name


def dockerfile_command() -> list[str]:
    words: list[str] = yaml.safe_load((ROOT / "Dockerfile").read_text().rpartition("\nCMD ")[2])
    return words


def test_a_beat_that_writes_no_more_is_unwell(tmp_path: Path) -> None:
    schedule = tmp_path / "schedule"
    assert not healthcheck.beat_is_well(schedule, now=0.0)
    for name in ("schedule.dat", "schedule.dir"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000.0, 1_000.0))
    assert healthcheck.beat_is_well(schedule, now=1_300.0)
    assert not healthcheck.beat_is_well(schedule, now=5_000.0)


def test_a_healthcheck_of_no_part_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert healthcheck.main("nothing") == 2
    assert "usage" in capsys.readouterr().err
