"""A person at the portal's pages: signs in, agrees, and comes back to the app with what the portal gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2  # noqa: TID251 - the browser's side of the transport

from tests.conformance.network import Network

_MAX_PAGES: Final = 12


class Stuck(AssertionError):  # noqa: N818 - it says how the person is
    """The person sees a page on which there is nothing to do."""


@dataclass(slots=True)
class Form:
    method: str = "get"
    action: str = ""
    # Name -> value as the page gives it; of several buttons or choices of one name, the first.
    fields: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(method=given.get("method", "get").lower(), action=given.get("action", "")))
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"input", "button", "select"} and self.forms and given.get("name"):
            self.forms[-1].fields.setdefault(given["name"], given.get("value", ""))
        elif tag == "option" and self.forms and given.get("value"):
            empty = [name for name, value in self.forms[-1].fields.items() if not value]
            if empty:
                self.forms[-1].fields[empty[-1]] = given["value"]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


class Browser:
    """Follows redirects, fills in what it is asked for, and stops where the app's own address begins."""

    def __init__(self, *, network: Network, username: str, password: str) -> None:
        self._network = network
        self._filled = {"username": username, "password": password}

    def get(self, url: str) -> httpx2.Response:
        return self._network.ask(httpx2.Request("GET", url), browser=True)

    def go(
        self, url: str, fields: Mapping[str, str] | None = None, *, until: str, decision: str = "allow"
    ) -> dict[str, str]:
        """Go to `url`, do what each page asks, and return the query of the address that begins with `until`.

        `fields`: of a form that leads there. Raises Stuck where a page leads nowhere: the portal showed an
        error.
        """
        response = self.submit(url, fields) if fields else self.get(url)
        for _ in range(_MAX_PAGES):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if url.startswith(until):
                    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
                response = self.get(url)
                continue
            response, url = self._answer(response, url, decision)
        raise Stuck("the portal's pages do not end")

    def page(self, url: str) -> tuple[list[Form], list[str]]:
        """Return the forms and the links of a page."""
        page = _Page()
        page.feed(self.get(url).text)
        return page.forms, page.links

    def _answer(self, response: httpx2.Response, url: str, decision: str) -> tuple[httpx2.Response, str]:
        page = _Page()
        page.feed(response.text)
        if not page.forms or response.status_code >= 400:
            raise Stuck(f"HTTP {response.status_code}: {' '.join(page.text[-2:])}")
        form = page.forms[0]
        data = {name: self._filled.get(name, value) for name, value in form.fields.items()}
        if "decision" in data:
            data["decision"] = decision
        action = urljoin(url, form.action or url)
        return self.submit(action, data), action

    def submit(self, action: str, data: Mapping[str, str]) -> httpx2.Response:
        request = httpx2.Request(
            "POST",
            action,
            content=urlencode(data).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return self._network.ask(request, browser=True)
