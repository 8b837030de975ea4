"""Pictures of every page and of its states, at both widths and in both themes: `manage.py shots`.

A picture is a name, and how to get there from a record. They are looked at, not compared: fonts differ by machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from phr.ops import browser as steps
from phr.ops.browser import DESKTOP, PHONE
from phr.ops.portals import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS: Final[Mapping[str, tuple[int, int]]] = {"phone": PHONE, "desktop": DESKTOP}
THEMES: Final = ("light", "dark")
# The third portal's name in the demo, connected here as its users do by hand.
_THIRD: Final = "Mercy"
# The portal that grants a type and then refuses it.
_LABORATORY: Final = "Northern"
# Whose record is full, and whose stays empty; the log-in of the third portal goes by the first name.
_FULL: Final = "Renée"
_ACCOUNT: Final = "renee"
_EMPTY: Final = "Ada Newcomer"
# A timeline goes on for ever; what lies below this shows nothing new.
_LOWEST: Final = 2400
DOCS_MAX_BYTES: Final = 150_000
# Pictures of the documentation: (name of the shot, width, theme); only the first screen of each.
DOCS: Final = (
    *((name, "desktop", theme) for name in ("timeline", "fact", "sources") for theme in THEMES),
    ("connect", "desktop", "light"),
    ("timeline", "phone", "dark"),
)


@dataclass(frozen=True, slots=True)
class Login:
    """Who the pictures are taken as."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pictures are taken: the site, the record that is full, and one that is empty."""

    base_url: str
    record: str
    empty: str


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its name, how to get there, and whether somebody is signed in."""

    name: str
    go: Callable[[Page, Place], None]
    signed_in: bool = True
    whole: bool = True
    """The whole page, or what fits on the screen (what lies over the page is only there)."""


def _at(path: str) -> Callable[[Page, Place], None]:
    """Go to an address; ``{record}`` and ``{empty}`` are filled in."""

    def go(page: Page, place: Place) -> None:
        filled = path.format(record=place.record, empty=place.empty)
        page.goto(filled if filled.startswith("http") else f"{place.base_url}{filled}")

    return go


def _through(path: str, selector: str, *, then: str = "") -> Callable[[Page, Place], None]:
    """Go to an address, follow the first link that fits, and open or press what ``then`` names."""

    def go(page: Page, place: Place) -> None:
        _at(path)(page, place)
        page.goto(page.locator(selector).first.evaluate("link => link.href"))
        for each in page.locator(then).all() if then else ():
            each.click()

    return go


def _pressed(path: str, selector: str) -> Callable[[Page, Place], None]:
    def go(page: Page, place: Place) -> None:
        _at(path)(page, place)
        page.locator(selector).first.click()
        page.wait_for_load_state()

    return go


def _wrong_password(page: Page, place: Place) -> None:
    page.goto(f"{place.base_url}/account/login/")
    page.fill("input[name=login]", "somebody@example.org")
    page.fill("input[name=password]", "not the password")
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("[role=alert]")


def _wrong_birth_date(page: Page, place: Place) -> None:
    page.goto(f"{place.base_url}/people/")
    page.fill("main input[name=name]", "Ada")
    page.fill("main input[name=birth_date]", "2999-01-01")
    page.click("main form button.first")
    page.wait_for_selector("main .errors")


def _keys(page: Page, place: Place) -> None:
    page.goto(f"{place.record}timeline/")
    page.keyboard.press("?")


def _focused(page: Page, place: Place) -> None:
    page.goto(f"{place.record}timeline/")
    page.keyboard.press("j")
    page.keyboard.press("j")


def _set_aside(page: Page, place: Place) -> None:
    _through("{record}sources/", ".actions a[href*='/sources/']")(page, place)
    page.goto(f"{page.url}quarantine/")


def _asked_in_vain(page: Page, place: Place) -> None:
    details = f".source:has-text('{_LABORATORY}') .actions a[href*='/sources/']"
    _through("{record}sources/", details, then="a[href$='/calls/']")(page, place)
    page.click("main a[href*='only=failed']")


def _denied(page: Page, place: Place) -> None:
    steps.leave_for(page, record=place.empty, portal=_THIRD)
    steps.consent(page, account="kasimir", allow=False)


def _unregistrable(page: Page, place: Place) -> None:
    _through("/registrations/", "#there ~ ul a")(page, place)
    page.fill("main input[name=client_id]", "abc")
    page.select_option("main select[name=method]", index=0)
    page.locator("form:has([name=portal_url]) details:not([open]) > summary").evaluate_all(
        "all => all.forEach((one) => one.click())"
    )
    page.fill("main input[name=portal_url]", "ftp://nowhere")
    page.click("form:has([name=portal_url]) button.first")
    page.wait_for_selector("main .errors")


def _checked(page: Page, place: Place) -> None:
    _through("/registrations/", "#there ~ ul a")(page, place)
    # The demo's own portals stand on this machine; the others are true ones, which are left in peace.
    page.locator("form[action$='/test/'] button[value^='http://127.0.0.1:']").first.click()
    page.wait_for_load_state()


def _pasting(page: Page, place: Place) -> None:
    steps.leave_for(page, record=place.empty, portal=_THIRD)
    _through("{empty}sources/connect/?q=" + _THIRD + "+Sandbox", "#portals a")(page, place)
    page.goto(page.locator("a[href*='/waiting/']").first.evaluate("link => link.href"))


def _started(page: Page, place: Place) -> None:
    """Start us from the portal's own page, as somebody who works there."""
    steps.leave_for(page, record=place.empty, portal=_THIRD)
    page.goto(f"{'/'.join(page.url.split('/')[:3])}/portal")
    page.fill("input[name=username]", "staff")
    page.fill("input[name=password]", PASSWORD)
    page.click("button.primary")
    page.click("form[action='/portal/launch'] button")
    page.wait_for_selector("input[name=person]")


def _unconfirmed(page: Page, place: Place) -> None:
    _started(page, place)
    page.get_by_label(_EMPTY).first.check()
    page.click("main form button.first")
    page.click("button[value=allow]")
    page.wait_for_selector("button[name=decision]")


def _not_checked(page: Page, place: Place) -> None:
    page.goto(f"{place.base_url}/operate/portals/check/")
    page.fill("main input[name=url]", "https://127.0.0.1:1/fhir")
    page.click("main form.panel button.first")
    page.wait_for_selector("[role=alert]")


_MERGED: Final = "a.fact:has(.source-chip + .source-chip)"
SHOTS: Final = (
    Shot("welcome", _at("/"), signed_in=False),
    Shot("sign-in", _at("/account/login/"), signed_in=False),
    Shot("sign-in-wrong", _wrong_password, signed_in=False),
    Shot("password-forgotten", _at("/account/password/reset/"), signed_in=False),
    Shot("not-found", _at("/nowhere/"), signed_in=False),
    Shot("timeline", _at("{record}timeline/")),
    Shot("timeline-filtered", _at("{record}timeline/?kind=result&kind=vital")),
    Shot("timeline-more", _pressed("{record}timeline/", ".filters summary")),
    Shot("timeline-search", _at("{record}timeline/?q=blood")),
    Shot("timeline-nothing", _at("{record}timeline/?q=zzzz")),
    Shot("timeline-wrong-date", _at("{record}timeline/?from=2019-13-01")),
    Shot("timeline-older", _through("{record}timeline/", ".older a")),
    Shot("timeline-oldest", _at("{record}timeline/?to=1999-12-31")),
    Shot("timeline-focus", _focused, whole=False),
    Shot("timeline-empty", _at("{empty}timeline/")),
    Shot("keys", _keys, whole=False),
    Shot("fact", _through("{record}timeline/?kind=result", _MERGED)),
    Shot("fact-differs", _through("{record}timeline/?kind=condition", "a.fact:has(.flag.warn)")),
    Shot(
        "fact-raw", _through("{record}timeline/?kind=medication", "a.fact", then=".card > details > summary")
    ),
    Shot("fact-document", _through("{record}timeline/?kind=document", "a.fact")),
    Shot("fact-vaccine", _through("{record}timeline/?kind=vaccine", "a.fact")),
    Shot("fact-allergy", _through("{record}timeline/?kind=allergy", "a.fact")),
    Shot("visit", _through("{record}timeline/?kind=visit", "a[href*='/visits/']")),
    Shot("sources", _at("{record}sources/")),
    Shot("sources-empty", _at("{empty}sources/")),
    Shot("source", _through("{record}sources/", ".actions a[href*='/sources/']")),
    Shot("disconnect", _through("{record}sources/", ".actions a[href*='/sources/']", then="#end ~ p a")),
    Shot("quarantine", _set_aside),
    Shot("connect", _at("{empty}sources/connect/")),
    Shot("connect-search", _at("{record}sources/connect/?q=north")),
    Shot("connect-none", _at("{record}sources/connect/?q=zzzz")),
    Shot("connect-slip", _at("{record}sources/connect/?q=mrecy+hospital")),
    Shot("connect-address", _at("{record}sources/connect/?q=https://fhir.example.org/r4")),
    Shot("portal", _through("{empty}sources/connect/", "#portals a")),
    Shot("portal-connected", _through("{record}sources/connect/", "#portals a")),
    Shot("denied", _denied),
    Shot("paste", _pasting),
    Shot("launch", _started),
    Shot("launch-unknown", _at("/launch/generic/?iss=https://elsewhere.example/fhir&launch=made-up")),
    Shot("confirm", _unconfirmed),
    Shot("callback-unknown", _at("/callback/generic/?state=made-up&code=none")),
    Shot(
        "source-calls",
        _through("{record}sources/", ".actions a[href*='/sources/']", then="a[href$='/calls/']"),
    ),
    Shot("source-calls-failed", _asked_in_vain),
    Shot("operate", _at("/operate/")),
    Shot("registrations", _at("/registrations/")),
    Shot("registrations-guide", _through("/registrations/", "#lacking ~ ul a")),
    Shot("registrations-known", _through("/registrations/", "#there ~ ul a")),
    Shot("registrations-wrong", _unregistrable),
    Shot("check-portal", _checked),
    Shot("check-portal-wrong", _not_checked),
    Shot("people", _at("/people/")),
    Shot("people-wrong", _wrong_birth_date),
    Shot("account", _at("/account/")),
    Shot("account-email", _at("/account/email/")),
    Shot("account-password", _at("/account/password/change/")),
    Shot("account-second-step", _at("/account/2fa/")),
    Shot("sign-out", _at("/account/logout/")),
)


def take(*, browser: Browser, base_url: str, login: Login, out: Path, only: str = "") -> Iterator[str]:
    """Take every picture whose name holds ``only``; yields the name of each file written."""
    out.mkdir(parents=True, exist_ok=True)
    with _opened(browser, size=DESKTOP, theme="light") as page:
        place = prepare(page, base_url=base_url, login=login)
        state = page.context.storage_state()
    for width, size in WIDTHS.items():
        for theme in THEMES:
            with (
                _opened(browser, size=size, theme=theme, state=state) as page,
                _opened(browser, size=size, theme=theme) as stranger,
            ):
                for shot in SHOTS:
                    if only in shot.name:
                        file = out / f"{shot.name}-{width}-{theme}.png"
                        _picture(page if shot.signed_in else stranger, shot=shot, place=place, file=file)
                        yield file.name


def take_for_docs(*, browser: Browser, base_url: str, login: Login, out: Path) -> Iterator[str]:
    """Take the documentation's pictures; yields a line about each."""
    out.mkdir(parents=True, exist_ok=True)
    known = {shot.name: shot for shot in SHOTS}
    with _opened(browser, size=DESKTOP, theme="light") as page:
        place = prepare(page, base_url=base_url, login=login)
        state = page.context.storage_state()
    for name, width, theme in DOCS:
        with _opened(browser, size=WIDTHS[width], theme=theme, state=state) as page:
            known[name].go(page, place)
            file = out / f"{name}-{width}-{theme}.png"
            page.screenshot(path=file)
        size = file.stat().st_size
        too_large = f", more than {DOCS_MAX_BYTES // 1000} kB" if size > DOCS_MAX_BYTES else ""
        yield f"{file.name} ({size // 1000} kB{too_large})"


@contextmanager
def _opened(browser: Browser, *, size: tuple[int, int], theme: str, state: object = None) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        storage_state=state,  # type: ignore[arg-type]
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def prepare(page: Page, *, base_url: str, login: Login) -> Place:
    """Sign in, connect the third portal as a user does, and begin a record that stays empty."""
    steps.sign_in(page, base_url=base_url, email=login.email, password=login.password)
    record = _record_of(page, base_url=base_url, name=_FULL)
    page.goto(f"{record}sources/")
    if not page.locator(f"main .source:has-text('{_THIRD}')").count():
        steps.leave_for(page, record=record, portal=_THIRD)
        steps.consent(page, account=_ACCOUNT, allow=True)
    steps.wait_for_records(page, record=record)
    empty = _record_of(page, base_url=base_url, name=_EMPTY)
    return Place(
        base_url=base_url,
        record=record,
        empty=empty or steps.begin_record(page, base_url=base_url, name=_EMPTY),
    )


def _record_of(page: Page, *, base_url: str, name: str) -> str:
    """Return the address of the record of whose name begins so; "" when there is none."""
    page.goto(f"{base_url}/people/")
    known = page.locator(f"main a.choice:has-text('{name}')")
    return str(known.first.evaluate("link => link.href")).removesuffix("timeline/") if known.count() else ""


def _picture(page: Page, *, shot: Shot, place: Place, file: Path) -> None:
    before = page.viewport_size
    shot.go(page, place)
    if shot.whole and before is not None:
        # The screen is made as high as the page: a bar at its bottom then stands at the page's bottom.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size(
            {"width": before["width"], "height": min(max(height, before["height"]), _LOWEST)}
        )
    page.screenshot(path=file)
    if before is not None:
        page.set_viewport_size(before)
