"""``manage.py up``: everything started in order, watched, and stopped in the reverse order.

A child that dies: worker, beat, broker and sandbox are started again, each time after a longer pause;
without Postgres or the web there is nothing to be had, so everything stops with a sentence.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from phr.core import environment
from phr.ops import healthcheck, keyfiles, reachable, stack
from phr.ops.children import Child, Watchdog
from phr.ops.embedded.errors import EmbeddedError
from phr.ops.embedded.postgres import Postgres
from phr.ops.embedded.processes import LOOPBACK, alive, last_line, port_is_free
from phr.ops.embedded.valkey import Valkey
from phr.ops.layout import Layout
from phr.ops.locks import Lock
from phr.ops.runtime import Running
from phr.ops.shipped import directory_is_there
from phr.ops.watching import Part, Watched

DEFAULT_PORT = 8000
_PORTS_TRIED = 50
_PREPARE_SECONDS = 300.0  # a migration over a large record takes its time
_READY_SECONDS = 60.0
_DEMO_SECONDS = 180.0
_USERS_SECONDS = 60.0
_LOCK_SECONDS = 1.0
_GRACE_SECONDS = {"Web": 6.0, "Worker": 10.0}
_TICK_SECONDS = 0.1


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Somebody asked us to stop while we were starting."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``up``."""
    parser.add_argument(
        "--demo", action="store_true", help="with sandbox portals and a family that uses them"
    )
    parser.add_argument(
        "--port", type=_port, help=f"the web's port; without it {DEFAULT_PORT}, or the next free one"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535")
    return int(text)


def main(argv: list[str]) -> int:
    """Run ``up``; returns the exit status. Raises WrongSetting and EmbeddedError, each with one sentence."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start everything on this machine.")
    arguments(parser)
    options = parser.parse_args(argv)
    return up(demo=options.demo, port=options.port)


def up(*, demo: bool, port: int | None) -> int:
    """Start everything, watch it until a signal or a death, stop it; returns the exit status."""
    settings = environment.read()
    layout = Layout(settings.data_dir)
    layout.make()
    lock = Lock(layout.stack_lock)
    end = time.monotonic() + _LOCK_SECONDS  # a command that looks whether we run holds it for an instant
    while not lock.take():
        holder = lock.signed().split()
        if time.monotonic() > end or (holder and holder[0].isdecimal() and alive(int(holder[0]))):
            raise EmbeddedError(
                f"Running already on {layout.data_dir}: pid {' at '.join(holder) or 'unknown'}. "
                "Stop that one first, or give this one another PHR_DATA_DIR."
            )
        time.sleep(_TICK_SECONDS)
    try:
        layout.run_file.unlink(missing_ok=True)
        lock.sign(str(os.getpid()))
        web_port = choose_port(port)
        supervisor = Supervisor(
            layout=layout,
            settings=settings,
            port=web_port,
            demo=demo,
        )
        lock.sign(f"{os.getpid()} {supervisor.base_url}")
        return supervisor.run()
    finally:
        layout.run_file.unlink(missing_ok=True)
        lock.release()


def choose_port(asked: int | None) -> int:
    """Return the web's port, and say so where it is not the usual one. Raises EmbeddedError when it is
    taken.
    """
    if asked is not None:
        if not port_is_free(asked):
            raise EmbeddedError(
                f"Port {asked} is taken by another program: choose another (PORT=9000 make run)."
            )
        return asked
    for port in range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED):
        if port_is_free(port):
            if port != DEFAULT_PORT:
                say(f"Port {DEFAULT_PORT} is taken by another program; using {port}.")
            return port
    raise EmbeddedError(
        f"Ports {DEFAULT_PORT} to {DEFAULT_PORT + _PORTS_TRIED - 1} are all taken: "
        "choose one (PORT=9000 make run)."
    )


def say(line: str) -> None:
    """Print for whoever watches; a terminal that has gone is no reason to stop."""
    with suppress(OSError, ValueError):
        print(line, flush=True)


class Supervisor:
    """One run of the stack, from its first start to its last stop."""

    def __init__(self, *, layout: Layout, settings: environment.Environment, port: int, demo: bool) -> None:
        self._layout, self._settings, self._port, self._demo = layout, settings, port, demo
        # The operator's own, where there is one; else where the web really listens.
        moved = settings.base_url == environment.DEFAULT_BASE_URL
        self.base_url = f"http://{LOOPBACK}:{port}" if moved else settings.base_url
        self._variables: dict[str, str] = {
            "PHR_BASE_URL": self.base_url,
            "PHR_DATA_DIR": str(layout.data_dir),
        }
        self._watched: list[Watched] = []
        self._portals: tuple[dict[str, Any], ...] = ()
        self._demo_says = ""
        self._signals = 0
        self._stops = ExitStack()
        self._watchdog: Watchdog | None = None

    def run(self) -> int:
        """Start, watch, stop; returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        began = time.monotonic()
        say(f"Data in {self._layout.data_dir}")
        status = 0
        try:
            self._start()
            self._announce(time.monotonic() - began)
            self._begin_directory()
            self._watch()
        except Stopped:
            say("\nStopping ...")
        except (EmbeddedError, environment.WrongSetting) as error:
            print(error, file=sys.stderr, flush=True)
            status = 1
        finally:
            self._layout.run_file.unlink(missing_ok=True)
            self._stops.close()
            if self._watchdog:
                self._watchdog.close()
        say("Stopped." if status == 0 else "Stopped after a failure.")
        return status

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    # -- starting

    def _start(self) -> None:
        embedded = self._settings.database is None
        self._variables |= keyfiles.ensure(layout=self._layout, environ=os.environ, may_make=embedded)
        if self._settings.database is not None:
            reachable.database(self._settings.database)
        if self._settings.redis_url is not None:
            reachable.broker(self._settings.redis_url)
        self._watchdog = Watchdog()
        if embedded:
            self._start_postgres()
        if self._settings.redis_url is None:
            self._start_valkey()
        prepare = self._child("prepare", stack.prepare_command())
        self._stops.callback(prepare.end)
        began = time.monotonic()
        prepare.start(self._environ())
        if self._demo:
            self._start_sandbox()  # while the database migrates
        self._finish(prepare, "Database and static files", began, _PREPARE_SECONDS)
        demo = self._begin_demo()
        self._start_web_and_worker()
        self._start_beat()
        if demo is not None:
            self._finish(demo[0], "Demo family", demo[1], _DEMO_SECONDS)
            self._demo_says = demo[0].log.read_text(encoding="utf-8", errors="replace").strip()

    def _start_postgres(self) -> None:
        users = Lock(self._layout.users_lock)
        end, told = time.monotonic() + _USERS_SECONDS, False
        while not users.take():
            if not told:
                say("Waiting for a command that uses the database ...")
                told = True
            if time.monotonic() > end:
                raise EmbeddedError("A command still uses the database: try again when it has ended.")
            self._pause()
        self._stops.callback(users.release)
        postgres = Postgres(self._layout.postgres, log=self._layout.fresh_log("postgres"))
        began = time.monotonic()
        postgres.stop()  # one that an interrupted command left
        self._stops.callback(postgres.stop)
        postgres.start()
        if postgres.folder != self._layout.postgres:
            say(f"Postgres runs as an account that cannot go there; its files are in {postgres.folder}")
        self._guard(postgres.pid(), signal.SIGINT, group=False)
        self._variables["DATABASE_URL"] = postgres.url
        self._keep("Postgres", postgres, postgres.log, None)
        self._ready("Postgres", began)

    def _start_valkey(self) -> None:
        valkey = Valkey(self._layout.valkey, log=self._layout.fresh_log("valkey"))
        self._stops.callback(valkey.stop)

        def start() -> None:
            valkey.start()
            self._guard(valkey.pid(), signal.SIGTERM, group=False)

        began = time.monotonic()
        start()
        self._variables["REDIS_URL"] = valkey.url
        self._keep("Valkey", valkey, valkey.log, start)
        self._ready("Valkey", began)

    def _start_sandbox(self) -> None:
        self._layout.sandbox.mkdir(mode=0o700, exist_ok=True)
        file = self._layout.sandbox / stack.DEMO_PORTALS_FILE
        file.unlink(missing_ok=True)
        command = stack.sandbox_command(announce=file, state=self._layout.sandbox, base_url=self.base_url)
        sandbox = self._child("sandbox", command)
        self._stops.callback(self._stop, sandbox)
        began = time.monotonic()
        environ = {**stack.without_database(os.environ), "PHR_DATA_DIR": str(self._layout.data_dir)}
        sandbox.start(environ)
        self._await(sandbox, "Sandbox portals", lambda: bool(stack.announced(file)), _READY_SECONDS)
        self._portals = stack.announced(file)
        pairs = sorted(self._settings.egress_allow | stack.hosts(self._portals))
        self._variables["PHR_EGRESS_ALLOW"] = ",".join(stack.pair(host, port) for host, port in pairs)
        again = self._again(sandbox, environ)
        self._keep("Sandbox portals", sandbox, sandbox.log, again)
        self._ready("Sandbox portals", began)

    def _begin_demo(self) -> tuple[Child, float] | None:
        if not self._demo:
            return None
        demo = self._child("demo", stack.demo_command(self._layout.sandbox / stack.DEMO_PORTALS_FILE))
        self._stops.callback(demo.end)
        demo.start(self._as_application())
        return demo, time.monotonic()

    def _begin_directory(self) -> None:
        """Fill the directory with what ships, beside everything else: nobody waits for it."""
        if directory_is_there(self._layout.directory_mark):
            return
        directory = self._child("directory", stack.directory_command(self._layout.directory_mark))
        self._stops.callback(directory.end)
        directory.start(self._as_application())

    def _start_web_and_worker(self) -> None:
        began = time.monotonic()
        web = self._child("web", stack.web_command(self._port))
        self._stops.callback(self._stop, web)
        web.start(self._as_application())
        ready_file = self._layout.data_dir / "worker.ready"
        ready_file.unlink(missing_ok=True)
        worker = self._child("worker", stack.worker_command(ready_file))
        self._stops.callback(self._stop, worker)
        worker.start(self._as_application())
        self._await(
            web, "Web", lambda: stack.web_answers(port=self._port, base_url=self.base_url), _READY_SECONDS
        )
        self._keep("Web", web, web.log, None)
        self._ready("Web", began)
        self._await(worker, "Worker", ready_file.exists, _READY_SECONDS)
        self._keep("Worker", worker, worker.log, self._again(worker, self._as_application()))
        self._ready("Worker", began)

    def _start_beat(self) -> None:
        schedule = self._layout.data_dir / "beat-schedule"
        beat = self._child("beat", stack.beat_command(schedule))
        self._stops.callback(self._stop, beat)
        beat.start(self._as_application())
        watched = self._keep("Beat", beat, beat.log, self._again(beat, self._as_application()))

        def well() -> bool:
            young = time.monotonic() - watched.started_at < healthcheck.BEAT_SECONDS
            return young or healthcheck.beat_is_well(schedule, now=time.time())

        watched.well = well

    def _child(self, name: str, command: tuple[str, ...]) -> Child:
        assert self._watchdog is not None
        return Child(name.capitalize(), command, log=self._layout.fresh_log(name), watchdog=self._watchdog)

    def _again(self, child: Child, environ: Mapping[str, str]) -> Callable[[], None]:
        def start() -> None:
            child.end()  # its own children, should it have left any
            child.start(environ)

        return start

    def _keep(self, name: str, part: Part, log: Path, again: Callable[[], None] | None) -> Watched:
        watched = Watched(name, part, log, again, started_at=time.monotonic())
        self._watched.append(watched)
        return watched

    def _environ(self) -> dict[str, str]:
        """For those that migrate alone: it names the owner of the database."""
        # From whatever folder we were started: the children find the program.
        path = os.pathsep.join(filter(None, [str(stack.ROOT), os.environ.get("PYTHONPATH", "")]))
        return {**os.environ, **self._variables, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}

    def _as_application(self) -> dict[str, str]:
        return stack.as_application(self._environ())

    def _guard(self, pid: int | None, number: signal.Signals, *, group: bool) -> None:
        assert self._watchdog is not None
        if pid is not None:
            self._watchdog.started(pid, ends_on=number, group=group)
            self._stops.callback(self._watchdog.ended, pid)

    def _await(self, child: Child, name: str, ready: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if child.poll() is not None:
                raise EmbeddedError(
                    f"{name} did not start: {last_line(child.log)} (all of it in {child.log})"
                )
            if time.monotonic() > end:
                raise EmbeddedError(f"{name} is not ready after {seconds:.0f} s; see {child.log}")
            self._pause()

    def _finish(self, child: Child, name: str, began: float, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (status := child.poll()) is None:
            if time.monotonic() > end:
                raise EmbeddedError(f"{name}: not done after {seconds:.0f} s; see {child.log}")
            self._pause()
        if status:
            raise EmbeddedError(f"{name} failed: {last_line(child.log)} (all of it in {child.log})")
        self._ready(name, began)

    def _pause(self) -> None:
        if self._signals:
            raise Stopped
        time.sleep(_TICK_SECONDS / 2)

    def _ready(self, name: str, began: float) -> None:
        say(f"{name} ready ({time.monotonic() - began:.1f} s)")

    def _announce(self, seconds: float) -> None:
        variables = {name: value for name, value in self._variables.items() if name != "PHR_DATA_DIR"}
        Running(pid=os.getpid(), url=self.base_url, environment=variables, portals=self._portals).write(
            self._layout
        )
        say(f"\n  Open {self.base_url}/   (everything is up after {seconds:.1f} s)")
        for line in self._demo_says.splitlines():
            say(f"  {line}")
        say("  Ctrl-C stops all of it.\n")

    # -- watching and stopping

    def _watch(self) -> None:
        while True:
            if self._signals:
                raise Stopped
            for watched in self._watched:
                line = watched.look(now=time.monotonic())
                if line:
                    say(line)
            time.sleep(_TICK_SECONDS)

    def _stop(self, child: Child) -> None:
        child.ask_to_stop()
        end = time.monotonic() + _GRACE_SECONDS.get(child.name, 3.0)
        # A second Ctrl-C is somebody who does not want to wait.
        while child.poll() is None and time.monotonic() < end and self._signals < 2:
            time.sleep(0.02)
        child.end()
