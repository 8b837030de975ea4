"""Begun on a portal's own page, or by somebody who works there; and coming back by a pasted address."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect

from phr.ops import browser as steps
from phr.ops import demo
from phr.ops.browser import PHONE
from phr.ops.portals import PASSWORD
from tests.journeys.conftest import Demo, Visit, Visitor
from tests.ops.running import manage

pytestmark = pytest.mark.browser

NOWHERE = "https://phr.invalid/callback/{vendor}/"


def asked(stack: Demo) -> int:
    """How many requests the sandbox's portals have answered so far, by their own logs."""
    count = 0
    for portal in stack.portals.values():
        (state,) = stack.data_dir.rglob(f"{portal['slug']}.sqlite3")
        connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=10)
        count += connection.execute("SELECT count(*) FROM request").fetchone()[0]
        connection.close()
    return count


def settled(stack: Demo, page: Page) -> int:
    """The same, once nothing of an earlier journey is being fetched any more."""
    for _ in range(60):
        before = asked(stack)
        page.wait_for_timeout(1500)
        if asked(stack) == before:
            return before
    raise TimeoutError("The portals are still being asked.")


def sign_in_there(page: Page, *, base_url: str, username: str, password: str) -> None:
    """Sign in at a portal's own page, where its apps stand."""
    page.goto(f"{'/'.join(base_url.split('/')[:3])}/portal")
    if page.locator("input[name=username]").count():  # the portal remembers who was there before
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.click("button.primary")
    page.wait_for_selector("form[action='/portal/launch']")


def allow(page: Page) -> None:
    page.click("button[value=allow]")
    page.wait_for_load_state()


def sources(visitor: Visitor, record: str) -> int:
    visitor.page.goto(f"{record}sources/")
    return visitor.page.locator("main .source").count()


def test_a_patient_starts_us_from_the_portals_page_and_the_facts_are_merged(
    visit: Visit, stack: Demo
) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Lena Launches")
    page = visitor.page
    steps.leave_for(page, record=record, portal="Lakeside")
    steps.consent(page, account="tobias", allow=True)
    steps.wait_for_records(page, record=record)
    # Signed out meanwhile: the launch leads through the sign-in, and loses nothing on the way.
    page.context.clear_cookies()

    sign_in_there(
        page, base_url=stack.portals["mercy"]["base_url"], username="tobias", password="tobias-demo"
    )
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url("**/account/login/**")
    page.fill("input[name=login]", demo.EMAIL)
    page.fill("input[name=password]", demo.PASSWORD)
    page.press("input[name=password]", "Enter")
    expect(page.locator("h1")).to_have_text("Whose record is it?")
    page.get_by_label("Lena Launches").check()
    page.get_by_role("button", name="Continue to Mercy").click()

    # At the portal they are still signed in, so it asks for consent alone.
    page.wait_for_selector("button[value=allow]")
    allow(page)
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("The portal is connected")
    steps.wait_for_records(page, record=record)
    assert page.locator("main .source").count() == 2

    page.goto(f"{record}timeline/")
    merged = page.locator("a.fact:has(.source-chip[title^=Mercy]):has(.source-chip + .source-chip)")
    assert merged.count()
    page.goto(f"{record}sources/")
    page.locator(".source:has-text('Mercy')").get_by_role("link", name="Details").click()
    assert "Begun on a page of the portal." in visitor.text()


@pytest.mark.parametrize("script", ["with a script", "without one"])
def test_an_issuer_that_nobody_vouches_for_is_refused_without_a_request(
    visit: Visit, stack: Demo, script: str
) -> None:
    visitor = visit(script=script == "with a script")
    visitor.watch.expects(403, 400)
    mercy = stack.portals["mercy"]
    origin = "/".join(mercy["base_url"].split("/")[:3])
    before = settled(stack, visitor.page)
    for iss in (
        # Where the egress would have let us through, on a host of the directory's own.
        f"{origin}/another/fhir",
        stack.portals["lakeside"]["base_url"],
        "https://elsewhere.example/fhir",
    ):
        address = f"{stack.url}/launch/{mercy['vendor']}/?{urlencode({'iss': iss, 'launch': 'made-up'})}"
        answer = visitor.page.goto(address)
        assert answer is not None
        assert answer.status == 403
        assert "phr does not know this portal" in visitor.text()
        assert "No request was sent to anybody." in visitor.text()
        assert visitor.page.locator("main form").count() == 0
    assert asked(stack) == before


def test_a_professional_confirms_the_patient_first(visit: Visit, stack: Demo) -> None:
    visitor = visit(signed_in=False, size=PHONE)
    visitor.sign_in()
    record = visitor.new_record("Petra Patient")
    page = visitor.page
    mercy = stack.portals["mercy"]

    def launch() -> None:
        sign_in_there(page, base_url=mercy["base_url"], username="staff", password=PASSWORD)
        page.locator("select[name=patient]").select_option(index=0)
        page.get_by_role("button", name="Launch").click()
        page.get_by_label("Petra Patient").check()
        page.get_by_role("button", name="Continue to Mercy").click()
        page.wait_for_selector("button[value=allow]")
        allow(page)
        expect(page.locator("h1")).to_have_text("Is it the same person?")

    # The name there is another one: it is said, and nothing is joined on the first press.
    launch()
    asking = page.url
    assert page.locator(".compare .flag.warn").count()
    visitor.watch.expects(400)
    page.get_by_role("button", name="Yes, this is Petra Patient").click()
    expect(page.locator(".errors")).to_contain_text("Say so first")
    assert sources(visitor, record) == 0
    page.goto(asking)
    page.get_by_role("button", name="No, another person").click()
    expect(page.locator("h1")).to_have_text("Nothing was connected")
    assert sources(visitor, record) == 0

    launch()
    page.get_by_label("I have looked again").check()
    page.get_by_role("button", name="Yes, this is Petra Patient").click()
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("The portal is connected")
    assert sources(visitor, record) == 1


def test_staff_begin_here_too_and_choose_the_patient_there(visit: Visit, stack: Demo) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Stefan Staff")
    page = visitor.page
    page.goto(f"{record}sources/connect/?q=Mercy+Sandbox")
    page.click("#portals a:has-text('Mercy')")
    page.get_by_role("button", name="Sign in as a professional").click()
    page.fill("input[name=username]", "staff")
    page.fill("input[name=password]", PASSWORD)
    page.click("button.primary")
    page.locator("select[name=patient]").select_option(index=0)
    page.click("button.primary")
    allow(page)
    expect(page.locator("h1")).to_have_text("Is it the same person?")
    expect(page.locator(".who strong")).to_have_text("Stefan Staff")


@pytest.fixture
def nowhere(stack: Demo) -> Iterator[dict[str, Any]]:
    """The laboratory's portal, at which an address is registered that nobody answers at."""
    portal = stack.portals["northern"]
    address = NOWHERE.format(vendor=portal["vendor"])

    def register(redirect_uri: str) -> None:
        secret = stack.data_dir / "a-secret"
        secret.write_text(portal["client_secret"])
        done = manage(
            stack.data_dir,
            "register_client",
            f"--vendor={portal['vendor']}",
            f"--portal-url={portal['base_url']}",
            f"--client-id={portal['client_id']}",
            f"--client-secret-file={secret}",
            f"--method={portal['client_method']}",
            f"--redirect-uri={redirect_uri}",
        )
        secret.unlink()
        assert done.returncode == 0, done.stderr

    register(address)
    yield portal | {"address": address}
    register("")


def ends_nowhere(page: Page) -> None:
    """A browser that is sent to a host that does not exist shows a page of its own."""

    def refuse(route: Route) -> None:
        route.abort("namenotresolved")

    page.context.route("https://phr.invalid/**", refuse)


@pytest.mark.parametrize("script", ["with a script", "without one"])
def test_the_address_is_pasted_where_no_browser_can_be_sent_back(
    visit: Visit, nowhere: dict[str, Any], script: str
) -> None:
    visitor = visit(signed_in=False, size=PHONE, script=script == "with a script")
    visitor.watch.hosts |= {"phr.invalid"}
    visitor.watch.expects(400)
    visitor.sign_in()
    record = visitor.new_record(f"Paula Pastes {script}")
    page = visitor.page
    ends_nowhere(page)
    seen: list[str] = []
    page.context.on(
        "request",
        lambda request: seen.append(request.url) if request.url.startswith("https://phr.invalid/") else None,
    )
    page.goto(f"{record}sources/connect/?q=Northern+Sandbox")
    page.click("#portals a:has-text('Northern')")
    page.click("main form button.first")
    expect(page.locator("h1")).to_contain_text("bring back the address")
    assert nowhere["address"] in visitor.text()

    # The portal opens in a tab of its own, and that ends on a page that cannot be opened.
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open Northern").click()
    there = opened.value
    there.wait_for_selector("input[name=username]")
    steps_there(there)
    assert len(seen) == 1

    page.fill("#address", seen[0].partition("?")[0])
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the address")
    page.fill("#address", f" {seen[0]} ")
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("The portal is connected")
    steps.wait_for_records(page, record=record)
    page.goto(f"{record}timeline/")
    assert page.locator("[data-line]").count()


def steps_there(there: Page) -> None:
    there.fill("input[name=username]", "tobias")
    there.fill("input[name=password]", "tobias-demo")
    there.click("button.primary")
    there.click("button[value=allow]", no_wait_after=True)
    there.wait_for_event("requestfailed")


def test_the_ordinary_way_back_can_be_pasted_when_it_went_wrong(visit: Visit) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Rolf Returns")
    page = visitor.page
    addresses: list[str] = []

    def keep(route: Route) -> None:
        addresses.append(route.fetch(max_redirects=0).headers["location"])
        route.fulfill(body="this page cannot be opened")

    page.route("**/oauth2/consent", keep)
    steps.leave_for(page, record=record, portal="Mercy")
    steps.consent(page, account="kasimir", allow=True)
    (address,) = addresses
    page.goto(f"{record}sources/connect/?q=Mercy+Sandbox")
    page.click("#portals a:has-text('Mercy')")
    page.get_by_role("link", name="paste its address").click()
    page.fill("#address", address)
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("The portal is connected")
