"""Through sign-in and consent at a portal and back; and every way in which that ends otherwise."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from phr.ops import browser as steps
from phr.ops.browser import PHONE
from tests.journeys.conftest import Demo, Person, Visit, Visitor

pytestmark = pytest.mark.browser

PORTAL = "Mercy"


def sources(visitor: Visitor, record: str) -> int:
    visitor.page.goto(f"{record}sources/")
    return visitor.page.locator("main .source").count()


def facts(visitor: Visitor, record: str) -> int:
    visitor.page.goto(f"{record}timeline/")
    return visitor.page.locator("[data-line]").count()


def held_back(page: Page) -> list[str]:
    """Keep the browser at the portal when it is sent back; returns the list that the address will stand in."""
    addresses: list[str] = []

    def keep(route: Route) -> None:
        addresses.append(route.fetch(max_redirects=0).headers["location"])
        route.fulfill(body="kept here")

    page.route("**/oauth2/consent", keep)
    return addresses


def decide(visitor: Visitor, record: str, *, account: str, allow: bool) -> None:
    steps.leave_for(visitor.page, record=record, portal=PORTAL)
    steps.consent(visitor.page, account=account, allow=allow)


def test_the_third_portal_is_connected_by_hand(visit: Visit, stack: Demo) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.record_of("Tobias")
    page = visitor.page
    assert sources(visitor, record) == 2
    page.get_by_role("link", name="Connect a portal").click()

    # It is found while its name is typed.
    page.locator("#q").press_sequentially("mercy sandbox", delay=20)
    expect(page.locator("#portals .choice")).to_have_count(1)
    page.locator("#portals .choice").click()
    expect(page.get_by_role("heading", name="What phr asks to read")).to_be_visible()
    page.get_by_role("button", name=f"Continue to {PORTAL}").click()

    # At the portal, which is another site: sign in, read what is asked, allow.
    page.wait_for_selector("input[name=username]")
    assert not page.url.startswith(stack.url)
    steps.consent(page, account="tobias", allow=True)

    # Back, and the page shows how far it is, and then that it is done, without being loaded again.
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("The portal is connected")
    page.evaluate("window.same = true")
    card = page.locator(f".source:has-text('{PORTAL}')")
    expect(card.locator("progress")).to_be_visible()
    expect(card.locator(".flag")).to_have_text("complete", timeout=60_000)
    expect(card.locator("progress")).to_have_count(0)
    assert page.evaluate("window.same") is True

    # Its facts stand in the timeline, and some are one with what the others said.
    page.goto(f"{record}timeline/")
    only = page.locator(".filters .chip", has_text=PORTAL).get_attribute("href")
    page.goto(f"{stack.url}{only}")
    assert page.locator(f".source-chip[title^={PORTAL}]").count()
    merged = page.locator(f"a.fact:has(.source-chip[title^={PORTAL}]):has(.source-chip + .source-chip)")
    assert merged.count()


def test_it_all_goes_without_javascript_on_a_phone(visit: Visit) -> None:
    visitor = visit(signed_in=False, script=False, size=PHONE)
    visitor.sign_in()
    record = visitor.new_record("Nora Noscript")
    decide(visitor, record, account="kasimir", allow=True)
    expect(visitor.page.locator("main")).to_contain_text("The portal is connected")
    steps.wait_for_records(visitor.page, record=record)
    expect(visitor.page.locator("main .source .flag")).to_have_text("complete")
    assert facts(visitor, record)


def test_denied_consent_is_a_sentence_and_makes_nothing(visit: Visit) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Dora Denies")
    decide(visitor, record, account="ingrid", allow=False)
    assert "/callback/" in visitor.page.url
    assert "The portal was not connected" in visitor.text()
    assert "Nothing that is already in the record was changed." in visitor.text()
    # The page stands in the record, and leads to the same portal again.
    expect(visitor.page.locator(".who strong")).to_have_text("Dora Denies")
    visitor.page.get_by_role("link", name="Try again").click()
    expect(visitor.page.locator("h1")).to_contain_text(PORTAL)
    assert sources(visitor, record) == 0
    assert facts(visitor, record) == 0


def test_the_way_back_works_once(visit: Visit) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Rita Replays")
    page = visitor.page
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "/callback/" in request.url else None)
    decide(visitor, record, account="kasimir", allow=True)
    page.wait_for_url(f"{record}sources/")
    steps.wait_for_records(page, record=record)
    before = facts(visitor, record)
    assert before

    visitor.watch.expects(410)
    answer = page.goto(seen[0])
    assert answer is not None
    assert answer.status == 410
    assert "This was done already" in visitor.text()
    assert sources(visitor, record) == 1
    assert facts(visitor, record) == before

    # Back to the portal's own page and on from there: its ticket is used up, and it says so itself.
    page.go_back()
    assert sources(visitor, record) == 1


def test_nobody_else_comes_back_in_ones_place(visit: Visit, somebody_else: Person) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Vera Victim")
    addresses = held_back(visitor.page)
    steps.leave_for(visitor.page, record=record, portal=PORTAL)
    steps.consent(visitor.page, account="kasimir", allow=True)
    (address,) = addresses
    assert address.startswith(f"{visitor.base_url}/callback/")

    # Without a sign-in: to the sign-in page, and after it (another session) not a step further.
    anybody = visit(signed_in=False)
    anybody.watch.expects(403)
    anybody.page.goto(address)
    assert "/account/login/" in anybody.page.url
    anybody.page.fill("input[name=login]", somebody_else.email)
    anybody.page.fill("input[name=password]", somebody_else.password)
    anybody.page.press("input[name=password]", "Enter")
    anybody.page.wait_for_url("**/callback/**")
    assert "This journey was not begun here" in anybody.text()
    assert "Vera" not in anybody.page.content()

    # The same user at another browser, too: the link may have been sent to them.
    elsewhere = visit()
    elsewhere.watch.expects(403)
    elsewhere.page.goto(address)
    assert "This journey was not begun here" in elsewhere.text()
    assert sources(elsewhere, record) == 0

    # A foreign or invented state, in the right browser: refused as well.
    visitor.watch.expects(403)
    visitor.page.goto(f"{address.partition('?')[0]}?code=made-up&state=made-up")
    assert "This journey was not begun here" in visitor.text()
    assert sources(visitor, record) == 0

    # None of them used the journey up: whom it belongs to comes back, and it ends well.
    visitor.page.goto(address)
    visitor.page.wait_for_url(f"{record}sources/")
    expect(visitor.page.locator("main")).to_contain_text("The portal is connected")


def test_disconnecting_keeps_what_came(visit: Visit) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    record = visitor.new_record("Dina Disconnects")
    decide(visitor, record, account="kasimir", allow=True)
    page = visitor.page
    steps.wait_for_records(page, record=record)
    before = facts(visitor, record)
    assert before

    page.goto(f"{record}sources/")
    page.get_by_role("link", name="Details").click()
    page.get_by_role("link", name="Disconnect").click()
    expect(page.locator("h1")).to_contain_text(PORTAL)
    page.get_by_role("button", name="Disconnect").click()
    page.wait_for_url(f"{record}sources/")
    expect(page.locator("main")).to_contain_text("is disconnected")
    expect(page.locator("main .source .flag")).to_have_text("disconnected")
    assert page.get_by_role("button", name="Sync now").count() == 0
    assert facts(visitor, record) == before
