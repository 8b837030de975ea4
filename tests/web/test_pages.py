"""Every state of every page, drawn from the style guide's data: its shape, its names, and nothing inline."""

from __future__ import annotations

import gzip
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import django_htmx
import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from phr.web import styleguide
from phr.web.middleware import security_headers

STATIC = Path(styleguide.__file__).parent / "static" / "phr"
HTML_BUDGET = 60 * 1024
SCRIPT_BUDGET = 40 * 1024
CSS_BUDGET = 20 * 1024


class Page(HTMLParser):
    """What the checks below ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.inline_script = False
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline_script = True


def request_for(name: str) -> HttpRequest:
    request = RequestFactory(SERVER_NAME="127.0.0.1").get(f"/styleguide/{name}/")
    request.user = AnonymousUser()
    request.session = {}  # type: ignore[assignment]
    request._messages = CookieStorage(request)  # type: ignore[attr-defined]
    return request


def drawn(name: str) -> HttpResponse:
    response = styleguide.state(request_for(name), name)
    assert response.status_code == 200
    return response


every_state = pytest.mark.parametrize("name", sorted(styleguide.STATES))


@every_state
def test_a_page_holds_its_shape(name: str) -> None:
    response = drawn(name)
    page = Page()
    page.feed(response.content.decode())
    names = [tag for tag, _ in page.tags]
    assert names.count("main") == 1
    assert names.count("h1") == 1
    assert names.count("title") == 1
    for before, after in pairwise(page.headings):
        assert after <= before + 1, f"h{before} is followed by h{after}"


@every_state
def test_a_page_has_nothing_inline(name: str) -> None:
    page = Page()
    page.feed(drawn(name).content.decode())
    assert "style" not in [tag for tag, _ in page.tags]
    assert not page.inline_script
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [key for key in attributes if key.startswith("on")], tag


@every_state
def test_ids_are_one_of_a_kind_and_labels_point_at_them(name: str) -> None:
    page = Page()
    page.feed(drawn(name).content.decode())
    ids = Counter(attributes["id"] for _, attributes in page.tags if attributes.get("id"))
    assert {key for key, count in ids.items() if count > 1} == set()
    for key in ("for", "aria-labelledby", "aria-describedby"):
        named = {word for _, attributes in page.tags for word in (attributes.get(key) or "").split()}
        assert named <= set(ids), key


@every_state
def test_every_control_has_a_name(name: str) -> None:
    page = Page()
    page.feed(drawn(name).content.decode())
    labelled = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}
    for tag, attributes in page.tags:
        if tag == "input" and attributes.get("type") not in {"hidden", "checkbox", "radio"}:
            assert attributes.get("id") in labelled
        if tag in {"nav", "progress"}:
            assert attributes.get("aria-label")
        if tag == "img":
            assert "alt" in attributes


def test_the_first_page_of_the_timeline_keeps_its_budget() -> None:
    assert len(gzip.compress(drawn("timeline").content)) < HTML_BUDGET


def test_css_and_script_of_the_timeline_keep_their_budgets() -> None:
    page = Page()
    page.feed(drawn("timeline").content.decode())
    sheets = [a["href"] for tag, a in page.tags if tag == "link" and a.get("rel") == "stylesheet"]
    assert len(sheets) == 4
    assert sum((STATIC / "css" / Path(str(sheet)).name).stat().st_size for sheet in sheets) <= CSS_BUDGET
    scripts = [str(a["src"]) for tag, a in page.tags if tag == "script"]
    folders = {"django_htmx": Path(django_htmx.__file__).parent / "static", "phr": STATIC.parent}
    sizes = {
        source: (
            folders[next(key for key in folders if f"/{key}/" in source)] / source.removeprefix("/static/")
        ).stat()
        for source in scripts
    }
    assert sum(stat.st_size for stat in sizes.values()) <= SCRIPT_BUDGET


def test_the_style_guide_is_not_served_to_patients() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("styleguide")


def test_an_empty_405_becomes_a_page_with_its_header() -> None:
    response = security_headers(lambda _request: HttpResponse(status=405, headers={"Allow": "POST"}))(
        request_for("x")
    )
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert b"press the button again" in response.getvalue()
