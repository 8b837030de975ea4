"""Whoever runs the server: registering with vendors, testing portals, and looking into what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from connectors.registry import load_registry
from phr.ops.browser import DESKTOP, PHONE
from phr.ops.portals import demo_vendors
from tests.journeys.conftest import Demo, Person, Visit, Visitor
from tests.ops.running import manage

pytestmark = pytest.mark.browser

SECRET = "a-secret-of-the-vendor"
NOWHERE = "https://phr.invalid/callback/"
# A vendor that gives secrets, and whose portals the demo does not play.
VENDOR = next(
    profile
    for profile in load_registry().values()
    if "client_secret_basic" in profile.auth.clients and profile.id not in demo_vendors()
)


def registered(stack: Demo, *words: str) -> None:
    done = manage(stack.data_dir, "register_client", *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def laboratory(stack: Demo) -> Iterator[dict[str, Any]]:
    """The laboratory's portal, whose registration is afterwards what it was."""
    portal = stack.portals["northern"]
    yield portal
    secret = stack.data_dir / "a-secret-of-the-laboratory"
    secret.write_text(portal["client_secret"])
    registered(
        stack,
        f"--vendor={portal['vendor']}",
        f"--portal-url={portal['base_url']}",
        f"--client-id={portal['client_id']}",
        f"--client-secret-file={secret}",
        f"--method={portal['client_method']}",
        "--redirect-uri=",
    )
    secret.unlink()


@pytest.fixture
def user(stack: Demo) -> Person:
    """Somebody with an account here who runs nothing."""
    person = Person("tenant@example.org", "a tenant's own password")
    made = manage(
        stack.data_dir,
        "shell",
        "-c",
        "from phr.accounts.models import User; "
        f"User.objects.filter(email={person.email!r}).exists() or "
        f"User.objects.create_user({person.email!r}, {person.password!r})",
    )
    assert made.returncode == 0, made.stderr
    return person


def operator(visit: Visit, **how: Any) -> Visitor:
    visitor = visit(signed_in=False, **how)  # what keeps secrets asks for a sign-in of late
    visitor.sign_in()
    visitor.page.goto(f"{visitor.base_url}/operate/")
    return visitor


def form_of(page: Page) -> Locator:
    return page.locator("form:has([name=client_id])")


def enter(page: Page, portal: dict[str, Any], *, redirect_uri: str) -> None:
    """Fill in the registration of one portal, and save it."""
    form = form_of(page)
    form.get_by_label("Client id").fill(portal["client_id"])
    form.get_by_label("How this server proves itself").select_option(portal["client_method"])
    form.get_by_label("Client secret").fill(portal["client_secret"])
    if not form.locator("details[open]").count():
        form.locator("summary").click()
    form.get_by_label("Only for the portal").fill(portal["base_url"])
    form.get_by_label("Redirect URI").fill(redirect_uri)
    form.get_by_role("button", name="Save").click()


def try_out(page: Page, portal: dict[str, Any]) -> None:
    page.locator(f"form[action$='/test/'] button[value='{portal['base_url']}']").click()
    page.wait_for_url("**/test/")


@pytest.mark.parametrize("script", [True, False])
def test_an_operator_registers_with_a_vendor(visit: Visit, stack: Demo, *, script: bool) -> None:
    visitor = operator(visit, script=script, size=DESKTOP if script else PHONE)
    visitor.watch.expects(422)
    page = visitor.page
    page.get_by_role("link", name="Registrations").click()
    page.locator("#lacking ~ ul").get_by_role("link", name=VENDOR.name).click()
    expect(page.locator("h1")).to_have_text(VENDOR.name)
    uri = f"{stack.url}/callback/{VENDOR.id}/"
    expect(page.locator("main")).to_contain_text(uri)

    # What is missing is said beside its field, and that is in view and begun at: the page is a long one.
    form = form_of(page)
    form.get_by_label("Client id").fill("abc-123")
    form.get_by_label("How this server proves itself").select_option("client_secret_basic")
    form.evaluate("form => form.noValidate = true") if script else None
    form.get_by_label("Client secret").fill(" ")
    form.get_by_role("button", name="Save").click()
    expect(page.locator("main .errors")).to_be_in_viewport()
    expect(form.get_by_label("Client secret")).to_be_focused()

    try:
        form.get_by_label("Client secret").fill(SECRET)
        form.get_by_role("button", name="Save").click()
        expect(page.locator("main")).to_contain_text(f"Now register this redirect URI there: {uri}")
        expect(page.locator("#there ~ article")).to_contain_text("abc-123")
        # It is shown nowhere again.
        assert SECRET not in page.content()
        page.goto(f"{stack.url}/registrations/")
        assert SECRET not in page.content()
        expect(page.locator("#there ~ ul")).to_contain_text(VENDOR.name)
        expect(page.locator("#lacking ~ ul").get_by_role("link", name=VENDOR.name, exact=True)).to_have_count(
            0
        )
    finally:
        registered(stack, f"--vendor={VENDOR.id}", "--remove")


@pytest.mark.parametrize("script", [True, False])
def test_a_wrong_redirect_uri_is_explained_and_the_right_one_lets_people_connect(
    visit: Visit, laboratory: dict[str, Any], *, script: bool
) -> None:
    visitor = operator(visit, script=script, size=DESKTOP if script else PHONE)
    page = visitor.page
    address = f"{visitor.base_url}/registrations/{laboratory['vendor']}/"
    page.goto(address)
    enter(page, laboratory, redirect_uri=NOWHERE)
    expect(page.locator("#there ~ article").first).to_contain_text(NOWHERE)

    try_out(page, laboratory)
    expect(page.locator("main .notice.warn")).to_contain_text("Something is still missing")
    missing = page.locator("main")
    expect(missing).to_contain_text(f"made with the redirect URI {NOWHERE}")
    expect(missing).to_contain_text("must be the same to the letter")

    page.get_by_role("link", name=load_registry()[laboratory["vendor"]].name).click()
    page.wait_for_url(address)
    enter(page, laboratory, redirect_uri="")
    try_out(page, laboratory)
    expect(page.locator("main .notice.good")).to_contain_text("People can connect to this portal")
    assert laboratory["client_secret"] not in page.content()


def test_a_registration_that_people_are_connected_by_is_not_removed(stack: Demo) -> None:
    portal = stack.portals["northern"]
    words = (f"--vendor={portal['vendor']}", f"--portal-url={portal['base_url']}", "--remove")
    done = manage(stack.data_dir, "register_client", *words)
    assert done.returncode == 1
    assert re.search(r"still needed: \d+ connections of people hold on to it", done.stderr)


def test_an_address_that_answers_nobody_is_a_sentence(visit: Visit) -> None:
    visitor = operator(visit, size=PHONE)
    visitor.watch.expects(422)
    page = visitor.page
    page.get_by_role("link", name="Check a portal").click()
    page.get_by_label("FHIR address of the portal").fill("https://127.0.0.1:1/fhir")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing else was asked")
    expect(page.get_by_label("FHIR address of the portal")).to_have_value("https://127.0.0.1:1/fhir")


def test_it_all_goes_by_keyboard(visit: Visit, laboratory: dict[str, Any]) -> None:
    visitor = operator(visit)
    page = visitor.page

    def walk_to(target: Locator) -> None:
        """Press Tab until it is there; whatever has the focus on the way shows it."""
        for _step in range(120):
            page.keyboard.press("Tab")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            if target.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError("It is not reached by keyboard.")

    walk_to(page.get_by_role("link", name="Registrations"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/registrations/")
    walk_to(page.locator(f"#there ~ ul a[href$='/{laboratory['vendor']}/']").first)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{laboratory['vendor']}/")
    # What is folded away unfolds, and the test begins without a pointer.
    walk_to(page.locator(f"button[value='{laboratory['base_url']}']"))
    walk_to(page.locator("#enter ~ dl summary").first)
    page.keyboard.press("Enter")
    expect(page.locator("#enter ~ dl details").first).to_have_attribute("open", "")
    page.locator(f"button[value='{laboratory['base_url']}']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main .notice.good")).to_contain_text("People can connect to this portal")


def test_a_stranger_sees_none_of_it(visit: Visit, stack: Demo, user: Person) -> None:
    vendor = stack.portals["northern"]["vendor"]
    paths = (
        "/operate/",
        "/operate/portals/check/",
        "/registrations/",
        f"/registrations/{vendor}/",
    )
    anybody = visit(signed_in=False)
    for path in paths:
        anybody.page.goto(f"{stack.url}{path}")
        assert "/account/login/" in anybody.page.url

    tenant = visit(signed_in=False)
    tenant.watch.expects(404)
    tenant.sign_in(user.email, user.password)
    expect(tenant.page.get_by_role("link", name="Operate")).to_have_count(0)
    for path in paths:
        answer = tenant.page.goto(f"{stack.url}{path}")
        assert answer is not None
        assert answer.status == 404
        assert "Registrations" not in tenant.text()


def calls(visitor: Visitor, *, portal: str) -> Page:
    """Go from a source of the demo to what its portal was asked."""
    record = visitor.record_of("Renée")
    page = visitor.page
    page.goto(f"{record}sources/")
    page.locator(f".source:has-text('{portal}')").get_by_role("link", name="Details").click()
    page.locator("main a[href$='/calls/']").click()
    expect(page.locator("h1")).to_have_text("What was asked")
    return page


@pytest.mark.parametrize("script", [True, False])
def test_a_refused_question_is_found_among_those_that_were_asked(visit: Visit, *, script: bool) -> None:
    visitor = visit(script=script, size=PHONE)
    page = calls(visitor, portal="Northern")
    asked = page.locator(".calls > li")
    assert asked.count() > 5
    expect(asked.first).to_contain_text("GET")

    page.get_by_role("link", name="What went wrong").click()
    expect(page.get_by_role("link", name="What went wrong")).to_have_attribute("aria-current", "true")
    refused = asked.filter(has_text="ServiceRequest")
    expect(refused.first).to_contain_text("403")
    assert page.locator(".calls > li:has(.flag.good)").count() == 0
    # Names of parameters, and never what was searched for.
    expect(refused.first).to_contain_text("patient")
    assert "=" not in refused.first.inner_text()

    page.get_by_role("link", name="Everything").click()
    assert asked.count() > 5


def test_the_token_is_decoded_and_never_shown(visit: Visit) -> None:
    visitor = visit(dark=True)
    page = calls(visitor, portal="Lakeside")
    # To the first question, before there was a source; other journeys sync too, so it may be pages away.
    earlier = page.get_by_role("link", name="Earlier")
    while earlier.count():
        page.goto(str(earlier.evaluate("link => link.href")))
    expect(page.locator(".calls > li").last).to_contain_text("connecting")
    page = calls(visitor, portal="Lakeside")
    page.get_by_role("link", name="The access token").click()
    claims = page.locator("#token ~ .card")
    expect(claims).to_be_in_viewport()
    for word in ("iss", "who issued it", "exp", "it ends"):
        expect(claims).to_contain_text(word)
    # A JWT begins so, and goes on with two dots.
    assert not re.search(r"eyJ[\w-]{8,}\.", page.content())

    calls(visitor, portal="Northern")
    expect(page.locator("main")).to_contain_text("opaque: only the portal can read them")
