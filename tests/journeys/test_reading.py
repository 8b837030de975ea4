"""Reading the record: merged lines, filters, pages, keys, colours; with JavaScript and without."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from phr.ops.browser import PHONE
from tests.journeys.conftest import Visit

pytestmark = pytest.mark.browser

MERGED = "a.fact:has(.source-chip + .source-chip)"


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def lines(page: Page) -> list[str]:
    return [str(href) for href in page.locator("[data-line]").evaluate_all("all => all.map(one => one.href)")]


def days(page: Page) -> list[date]:
    stamps = page.locator("time.when").evaluate_all("all => all.map(one => one.dateTime)")
    return [date.fromisoformat(stamp[:10]) for stamp in stamps if len(stamp) >= 10]


def test_a_merged_fact_shows_what_each_source_says(visit: Visit) -> None:
    visitor = visit(signed_in=False)
    visitor.sign_in()
    page = visitor.page
    # Whoever signs in comes to a record at once.
    assert page.url.endswith("/timeline/")
    page.goto(f"{visitor.record_of('Renée')}timeline/")
    expect(page.locator(".who strong")).to_contain_text("Marchetti")
    shown = days(page)
    assert shown == sorted(shown, reverse=True)

    page.goto(f"{page.url}?kind=result")
    line = page.locator(MERGED).first
    chips = line.locator(".source-chip").evaluate_all("all => all.map(one => one.title)")
    assert len(set(chips)) == len(chips) >= 2
    title = line.locator(".title").inner_text()
    line.click()

    expect(page.locator("h1")).to_have_text(title)
    expect(page.get_by_role("heading", name=f"What each of the {len(chips)} sources says")).to_be_visible()
    heads = page.locator(".compare thead th").all_inner_texts()[1:]
    assert sorted(heads) == sorted(chips)
    # Each row has an answer for each source.
    for row in page.locator(".compare tbody tr").all():
        assert row.locator("td").count() == len(chips)
    named = page.locator(".compare tbody tr").first.locator("td").all_inner_texts()
    assert any(title in name for name in named)
    expect(page.get_by_role("heading", name="Why this is one entry")).to_be_visible()

    # What the portals sent lies below, each whole.
    raw = page.locator("#raw ~ .card")
    assert raw.count() == len(chips)
    for card in raw.all():
        card.locator("summary").first.click()
        expect(card.locator("pre.raw").first).to_contain_text('"resourceType": "Observation"')


@pytest.mark.parametrize("script", [True, False])
def test_filters_keep_the_address_true_and_back_undoes_them(visit: Visit, *, script: bool) -> None:
    visitor = visit(script=script)
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/")
    everything = lines(page)

    page.locator(".filters .chip", has_text="Test results").click()
    page.wait_for_url("**kind=result")
    results = lines(page)
    assert results != everything
    assert set(page.locator(".fact > .what > .sr").all_inner_texts()) == {"Test result:"}

    page.locator(".filters summary").click()
    source = page.locator(".filters .chip", has_text="Lakeside")
    source.click()
    page.wait_for_url("**source=*")
    assert query(page)["kind"] == ["result"]
    chips = page.locator(".fact .from").evaluate_all("all => all.map(one => one.textContent)")
    assert chips
    assert all("Lakeside" in text for text in chips)

    # The address alone gives the same page to whoever opens it.
    filtered = lines(page)
    again = visit(script=script).page
    again.goto(page.url)
    assert lines(again) == filtered
    assert again.locator(".filters .chip[aria-current]", has_text="Lakeside").count() == 1

    page.go_back()
    page.wait_for_url(lambda url: "source=" not in url)
    assert lines(page) == results
    page.go_back()
    page.wait_for_url(lambda url: "kind=" not in url)
    assert lines(page) == everything
    page.go_forward()
    page.wait_for_url("**kind=result")
    assert lines(page) == results


def test_older_entries_are_added_below(visit: Visit) -> None:
    visitor = visit()
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/?kind=vital")
    first = lines(page)
    page.locator(".older a").scroll_into_view_if_needed()
    page.wait_for_function("n => document.querySelectorAll('[data-line]').length > n", arg=len(first))
    more = lines(page)
    assert more[: len(first)] == first
    assert len(set(more)) == len(more)
    shown = days(page)
    assert shown == sorted(shown, reverse=True)
    # A year that goes on below keeps its one heading.
    years = page.locator(".year-heading").evaluate_all("all => all.map(one => one.id)")
    assert len(set(years)) == len(years)
    expect(page.locator("#announce")).to_contain_text("added")


def test_older_entries_are_pages_without_javascript(visit: Visit) -> None:
    visitor = visit(script=False)
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/")
    first_year = page.locator(".years a").last.inner_text()[:4]
    seen: list[str] = []
    oldest = date.max
    for _ in range(200):
        here, shown = lines(page), days(page)
        assert not set(here) & set(seen)
        assert shown == sorted(shown, reverse=True)
        assert shown[0] <= oldest
        seen += here
        oldest = shown[-1]
        older = page.locator(".older a")
        if not older.count():
            break
        with page.expect_navigation():
            older.click()
    expect(page.locator(".older")).to_have_text("That is everything.")
    assert page.locator(f"#y{first_year}").count() == 1


def test_search_finds_and_says_when_it_does_not(visit: Visit) -> None:
    visitor = visit(script=False, size=PHONE)
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/")
    page.fill("input[type=search]", "metformin")
    page.press("input[type=search]", "Enter")
    page.wait_for_url("**q=metformin")
    titles = page.locator(".fact .what").all_inner_texts()
    assert titles
    assert any("metformin" in title.lower() for title in titles)
    page.fill("input[type=search]", "no such words")
    page.press("input[type=search]", "Enter")
    expect(page.locator("main")).to_contain_text("Nothing fits")


def test_everything_goes_by_keyboard(visit: Visit) -> None:
    visitor = visit()
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/")
    focused = "document.activeElement.href || document.activeElement.name || document.activeElement.id"
    all_lines = lines(page)

    page.keyboard.press("/")
    assert page.evaluate(focused) == "q"
    page.keyboard.type("jk?/")
    assert page.input_value("#q") == "jk?/"
    page.fill("#q", "")
    page.evaluate("document.activeElement.blur()")

    for key, position in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == all_lines[position]
    assert page.evaluate(
        "getComputedStyle(document.activeElement, '::after').outlineStyle != 'none' ||"
        " getComputedStyle(document.activeElement).outlineStyle != 'none'"
    )
    page.keyboard.press("Enter")
    page.wait_for_url(all_lines[1])
    page.go_back()

    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()

    # The first stop of the Tab key leads past the rail.
    page.goto(f"{root}timeline/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"

    # Whoever wants single keys for something else switches them off.
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate(focused) != "q"


@pytest.mark.parametrize("script", [True, False])
def test_colours_are_switched_and_kept(visit: Visit, *, script: bool) -> None:
    visitor = visit(script=script)
    root = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{root}timeline/?kind=result")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark").click()
    page.wait_for_selector("html[data-theme=dark]")
    # It is the same page still, with its filter.
    assert query(page) == {"kind": ["result"]}
    dark = page.evaluate(paper)
    assert dark != light
    page.goto(f"{root}sources/")
    assert page.evaluate(paper) == dark
    page.get_by_role("button", name="As the device").click()
    page.wait_for_selector("html[data-theme=system]")
    assert page.evaluate(paper) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == dark


def test_two_tabs_on_two_people_never_mix(visit: Visit) -> None:
    visitor = visit()
    renee, tobias = visitor.record_of("Renée"), visitor.record_of("Tobias")
    one, other = visitor.page, visitor.page.context.new_page()
    one.goto(f"{renee}sources/")
    other.goto(f"{tobias}timeline/")
    expect(other.locator(".who strong")).to_contain_text("Tobias")

    # A button pressed in the first tab acts for the first person, though the other was opened since.
    one.locator(".source button", has_text="Sync now").first.click()
    one.wait_for_url(f"{renee}sources/")
    expect(one.locator(".who strong")).to_contain_text("Renée")
    expect(one.locator("main")).to_contain_text("is being asked for what is new")
    other.reload()
    expect(other.locator(".who strong")).to_contain_text("Tobias")
    other.goto(f"{tobias}sources/")
    expect(other.locator("main")).not_to_contain_text("is being asked")

    # Nothing of the one is found under the other's address.
    one.goto(f"{renee}timeline/?kind=result")
    visitor.watch.expects(404)
    fact = one.locator("a.fact").first.evaluate("one => one.href")
    answer = other.goto(str(fact).replace(renee, tobias))
    assert answer is not None
    assert answer.status == 404
    expect(other.locator("main")).to_contain_text("There is nothing here")
