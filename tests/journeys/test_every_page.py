"""Every page and state that `manage.py shots` pictures, held to what every page promises."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from phr.ops import demo, shots
from phr.ops.browser import DESKTOP, NARROW, PHONE
from tests.journeys.conftest import Demo, Visit

pytestmark = pytest.mark.browser

# States that answer with an error on purpose.
REFUSED = {
    "not-found": 404,
    "callback-unknown": 403,
    "check-portal-wrong": 422,
    "launch-unknown": 403,
    "people-wrong": 422,
    "registrations-wrong": 422,
    "sign-in-wrong": 200,
}
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide <= 0) return [];
  const over = [...document.querySelectorAll('main *')].filter(
    (one) => one.getBoundingClientRect().right > innerWidth + 1);
  return [wide, ...over.slice(0, 3).map((one) => one.outerHTML.slice(0, 120))];
}"""
# Targets that a thumb has to hit: at least 24 by 24 pixels (WCAG 2.5.8), unless they stand within a
# sentence or a label that is hit instead.
TOO_SMALL = """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')]
  .filter((one) => one.offsetParent && !one.closest('p, .sr, .skip, .help, td, label')
    && getComputedStyle(one).display != 'inline')
  .filter((one) => { const box = one.getBoundingClientRect();
    return box.width && (box.width < 24 || box.height < 20); })
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def place(browser: Browser, stack: Demo) -> shots.Place:
    context = browser.new_context()
    try:
        login = shots.Login(email=demo.EMAIL, password=demo.PASSWORD)
        return shots.prepare(context.new_page(), base_url=stack.url, login=login)
    finally:
        context.close()


def at(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})


@pytest.mark.parametrize("shot", shots.SHOTS, ids=lambda shot: shot.name)
def test_a_page_fits_every_screen(visit: Visit, place: shots.Place, shot: shots.Shot) -> None:
    visitor = visit(signed_in=shot.signed_in, size=PHONE)
    if shot.name in REFUSED:
        visitor.watch.expects(REFUSED[shot.name])
    page = visitor.page
    shot.go(page, place)
    assert page.title().endswith("phr")
    assert page.locator("h1").count() == 1
    # Wherever somebody is within a record, it says whose.
    if "/p/" in page.url:
        assert page.locator(".who strong").inner_text().strip()
    for size in (PHONE, NARROW, DESKTOP):
        at(page, size)
        assert page.evaluate(TOO_WIDE) == [], size
        if size is not DESKTOP:
            assert page.evaluate(TOO_SMALL) == [], size
