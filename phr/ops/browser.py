"""Chromium from the system's packages, driven by Playwright, and the steps that every journey begins with.

Playwright is a tool for tests and pictures: nothing here is imported by what serves patients.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ELSEWHERE: Final = (
    "/usr/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# It runs as root in containers, and must send nothing of its own: a test counts every request.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final = (390, 844)
NARROW: Final = (320, 640)
DESKTOP: Final = (1280, 900)


class NoBrowser(Exception):  # noqa: N818 - what is missing, not what went wrong
    """There is no Playwright or no Chromium; the message is one sentence that says what to install."""


def find_chromium() -> Path:
    """Return the browser's program; raises NoBrowser."""
    for name in (*_NAMES, *_ELSEWHERE):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise NoBrowser("No Chromium here: install it from the system's packages (Debian: apt install chromium).")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium; raises NoBrowser."""
    program = find_chromium()
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only tests and pictures have it
    except ImportError:
        raise NoBrowser("Playwright is not installed: `make setup-dev` installs it.") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, *, base_url: str, email: str, password: str) -> None:
    """Sign in with a password; ends on the page that the program opens first."""
    page.goto(f"{base_url}/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/account/login/" not in url)


def begin_record(page: Page, *, base_url: str, name: str) -> str:
    """Begin a record of a person's own; returns its address."""
    page.goto(f"{base_url}/people/")
    page.fill("main input[name=name]", name)
    page.click("main form button.first")
    page.wait_for_url("**/sources/connect/")
    return page.url.removesuffix("sources/connect/")


def leave_for(page: Page, *, record: str, portal: str) -> None:
    """Go from the directory to the sign-in page of a portal, known by a part of its name."""
    # The directory holds true hospitals of such names too; those of the demo stand in a place of their own.
    page.goto(f"{record}sources/connect/?q={portal}+Sandbox")
    page.click(f"#portals a:has-text('{portal}')")
    page.click("main form button.first")
    page.wait_for_selector("input[name=username]")


def consent(page: Page, *, account: str, allow: bool) -> None:
    """Sign in at a sandbox portal and decide; ends on the page of ours that it leads back to."""
    page.fill("input[name=username]", account)
    page.fill("input[name=password]", f"{account}-demo")
    page.click("button.primary")
    page.click(f"button[value={'allow' if allow else 'deny'}]")
    page.wait_for_load_state()


def wait_for_records(page: Page, *, record: str, seconds: float = 60.0) -> None:
    """Load the sources page until nothing is being fetched any more (it needs no JavaScript)."""
    end = time.monotonic() + seconds
    page.goto(f"{record}sources/")
    while page.locator("main .source a:has-text('Refresh')").count():
        if time.monotonic() > end:
            raise TimeoutError("The source is still being fetched.")
        page.wait_for_timeout(300)
        page.reload()
