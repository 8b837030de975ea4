"""What the layering and the tasks promise, where import-linter cannot see it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import tomllib

from celery import Task
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from phr.celery import app
from tests.project.tree import ROOT, name, of


def test_whatever_calls_itself_pure_stands_in_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each for each in settings["tool"]["importlinter"]["contracts"]}
    held = tuple(contracts["pure"]["source_modules"])
    claiming = []
    for path in of(".py", under=("connectors/", "phr/")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if re.search(r"\bPURE\b", said):
            claiming.append(name(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    assert len(claiming) > 20
    assert [
        module for module in claiming if not f"{module}.".startswith(tuple(f"{each}." for each in held))
    ] == []


def test_tasks_take_ids_alone_and_by_name() -> None:
    importlib.import_module("phr.sync.tasks")
    ours = {key: task for key, task in app.tasks.items() if key.startswith("phr.")}
    assert ours
    for key, task in ours.items():
        assert isinstance(task, Task)
        for parameter in inspect.signature(task.run).parameters.values():
            assert parameter.kind is parameter.KEYWORD_ONLY, (key, parameter.name)
            assert re.fullmatch(r"(\w+_)?ids?", parameter.name), (key, parameter.name)
            assert parameter.annotation in {"str", "list[str]"}, (key, parameter.name)


def test_tasks_are_acknowledged_late_and_leave_no_result() -> None:
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.task_ignore_result is True
    assert not app.conf.result_backend


def test_no_task_is_given_a_time_to_run_at() -> None:
    """A message with an ETA is delivered again after the broker's visibility timeout; "later" is a due_at."""
    found = [
        f"{name(path)}:{number}"
        for path in of(".py", under=("phr/",))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"\b(apply_async|countdown\s*=|eta\s*=)", line)
    ]
    assert found == []


def test_the_models_and_their_migrations_say_the_same() -> None:
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(
        graph=loader.graph
    )
    assert {label: [str(each) for each in found] for label, found in changes.items()} == {}


def test_no_model_has_what_the_style_forbids() -> None:
    """No signals, no `save()` of its own, no order that nobody asked for."""
    for model in apps.get_models():
        if model.__module__.startswith("phr."):
            assert "save" not in vars(model), model
            assert not model._meta.ordering, model
    receivers = [
        name(path)
        for path in of(".py", under=("phr/",))
        if re.search(
            r"django\.(db\.models|core)\.?signals|django\.dispatch", path.read_text(encoding="utf-8")
        )
    ]
    assert receivers == []
