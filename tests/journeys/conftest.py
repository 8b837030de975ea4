"""The whole stack as a user starts it, and browsers that notice what no page may do.

One stack for all journeys; each journey has its own browser contexts, and where it changes something a record of its
own. `watch` is what makes them strict: an error on the console, a breach of the content policy or a request to
another host fails the journey, wherever it happens.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from phr.ops import browser as steps
from phr.ops import demo
from phr.ops.embedded import account
from phr.ops.embedded.processes import free_port, wait_until
from tests.ops.running import Up, manage


class Demo:
    """``manage.py up --demo`` on a data folder and a port of its own; it can be stopped and started again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._port = str(free_port())
        self.start()

    def start(self) -> None:
        self._up = Up(self.data_dir, "--demo", "--port", self._port)
        self._up.wait_for("Ctrl-C stops")
        run = json.loads(self._up.layout.run_file.read_text())
        self.url: str = run["url"]
        assert f"Open {self.url}/" in self._up.said
        assert f"{demo.EMAIL} and {demo.PASSWORD}" in self._up.said
        self.portals: dict[str, dict[str, Any]] = {portal["slug"]: portal for portal in run["portals"]}
        portals = {urlsplit(portal["base_url"]).netloc for portal in run["portals"]}
        self.hosts = frozenset({urlsplit(self.url).netloc, *portals})

    def stop(self) -> None:
        """Press Ctrl-C; whatever of it is still there afterwards is a fault."""
        self._up.family()
        self._up.send(signal.SIGINT)
        assert self._up.wait() == 0, self._up.said
        assert "Stopped." in self._up.said
        assert wait_until(lambda: not self._left(), seconds=5, every=0.1), self._left()

    def end(self) -> None:
        self._up.kill()

    def _left(self) -> list[str]:
        """Processes that it started, or that have its folder in their command or environment."""
        mine = os.getpid()
        found = [str(process) for process in self._up.family()]
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), process.environ().get("PHR_DATA_DIR", "")]
            except psutil.Error:
                continue
            if process.pid != mine and any(str(self.data_dir) in word for word in words):
                found.append(str(process))
        return found


@pytest.fixture(scope="session")
def has_browser() -> None:
    try:
        with steps.chromium():
            pass
    except steps.NoBrowser as missing:
        if os.environ.get("PHR_REQUIRE_BROWSER") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def stack(has_browser: None) -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="phr-journeys-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the servers run as another account, which must pass through
        running = Demo(folder / "var")
        try:
            yield running
            running.stop()
        finally:
            running.end()
            account.forget(folder / "var" / "postgres")


@pytest.fixture(scope="module")
def browser(stack: Demo) -> Iterator[Browser]:
    """Ends with the module: Playwright's event loop would keep Django's tests after it from their database."""
    with steps.chromium() as running:
        yield running


@dataclass
class Watch:
    """What a context did that no page may do."""

    hosts: frozenset[str]
    expected: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def expects(self, *statuses: int) -> None:
        """Say which refusals belong to the journey."""
        self.expected |= set(statuses)

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # A refused load is judged by its status, below.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text} ({urlsplit(message.location['url']).path})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.netloc not in self.hosts:
            self.faults.append(f"request to {address.netloc}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status} at {urlsplit(response.url).path}")


@dataclass
class Visitor:
    """One person at one browser: a context, its first page, and the watch over it."""

    page: Page
    watch: Watch
    base_url: str

    def sign_in(self, email: str = demo.EMAIL, password: str = demo.PASSWORD) -> None:
        steps.sign_in(self.page, base_url=self.base_url, email=email, password=password)

    def record_of(self, name: str) -> str:
        """The address of a record, as the page of people links to it."""
        self.page.goto(f"{self.base_url}/people/")
        link = self.page.locator(f"main a.choice:has-text('{name}')").first
        return str(link.evaluate("link => link.href")).removesuffix("timeline/")

    def new_record(self, name: str) -> str:
        return steps.begin_record(self.page, base_url=self.base_url, name=name)

    def text(self) -> str:
        return self.page.inner_text("main")


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, stack: Demo, signed_in_state: dict[str, Any]) -> Iterator[Visit]:
    """Open a browser of one's own. ``signed_in``: with the session of an earlier sign-in."""
    with ExitStack() as contexts:
        visitors: list[Visitor] = []

        def open_one(
            *,
            signed_in: bool = True,
            size: tuple[int, int] = steps.DESKTOP,
            script: bool = True,
            dark: bool = False,
        ) -> Visitor:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                java_script_enabled=script,
                storage_state=signed_in_state if signed_in else None,  # type: ignore[arg-type]
            )
            contexts.callback(context.close)
            context.set_default_timeout(15_000)
            watch = Watch(hosts=stack.hosts)
            watch.over(context)
            visitors.append(Visitor(page=context.new_page(), watch=watch, base_url=stack.url))
            return visitors[-1]

        yield open_one
        for visitor in visitors:
            assert visitor.watch.faults == []


@pytest.fixture(scope="module")
def signed_in_state(browser: Browser, stack: Demo) -> dict[str, Any]:
    context = browser.new_context()
    try:
        steps.sign_in(context.new_page(), base_url=stack.url, email=demo.EMAIL, password=demo.PASSWORD)
        return dict(context.storage_state())
    finally:
        context.close()


@dataclass(frozen=True)
class Person:
    email: str
    password: str


@pytest.fixture(scope="session")
def somebody_else(stack: Demo) -> Person:
    """A second user of the same server, with no record; strangers may not sign up, so the operator makes them."""
    person = Person("neighbour@example.org", "a neighbour's own password")
    made = manage(
        stack.data_dir,
        *("createsuperuser", "--noinput", "--email", person.email),
        DJANGO_SUPERUSER_PASSWORD=person.password,
    )
    assert made.returncode == 0, made.stderr
    return person
