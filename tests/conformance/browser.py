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
# Fields of the forms by which a person gets further.
_TELLING: Final = frozenset({"app", "decision", "password", "patient"})


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

    def __init__(self, *, network: Network, person: tuple[str, str], staff: tuple[str, str]) -> None:
        """`person`, `staff`: name and password at the portal."""
        self._network = network
        self._person = dict(zip(("username", "password"), person, strict=True))
        self._staff = dict(zip(("username", "password"), staff, strict=True))
        self._cookies: dict[str, str] = {}

    def get(self, url: str) -> httpx2.Response:
        return self._send(httpx2.Request("GET", url))

    def go(
        self,
        url: str,
        fields: Mapping[str, str] | None = None,
        *,
        until: str,
        decision: str = "allow",
        staff: bool = False,
        app: str = "",
    ) -> dict[str, str]:
        """Go to `url`, do what each page asks, and return the query of the address that begins with `until`.

        `fields`: of a form that leads there. `staff`: somebody who works there, and not the patient, sits at
        the browser. Raises Stuck where a page leads nowhere: the portal showed an error.
        """
        known = {**(self._staff if staff else self._person), "decision": decision, "app": app}
        response = self.submit(url, fields) if fields else self.get(url)
        for _ in range(_MAX_PAGES):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if url.startswith(until):
                    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
                response = self.get(url)
                continue
            response, url = self._answer(response, url, known)
        raise Stuck("the portal's pages do not end")

    def launch(self, base_url: str, *, app: str, until: str) -> dict[str, str]:
        """Sign in at the portal's own page and launch the app with this client id from there.

        Returns what the portal hands over: `iss` and `launch`.
        """
        return self.go(urljoin(base_url, "/portal"), until=until, app=app)

    def _answer(
        self, response: httpx2.Response, url: str, known: Mapping[str, str]
    ) -> tuple[httpx2.Response, str]:
        page = _Page()
        page.feed(response.text)
        if not page.forms or response.status_code >= 400:
            raise Stuck(f"HTTP {response.status_code}: {' '.join(page.text[-2:])}")
        # Of several, the one that leads on: a page also offers to sign out, or to take another account.
        form = max(page.forms, key=lambda each: (each.fields.keys() & _TELLING != set(), len(each.fields)))
        data = {name: known.get(name, value) for name, value in form.fields.items()}
        action = urljoin(url, form.action or url)
        return self.submit(action, data), action

    def submit(self, action: str, data: Mapping[str, str]) -> httpx2.Response:
        request = httpx2.Request(
            "POST",
            action,
            content=urlencode(data).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return self._send(request)

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        if self._cookies:
            request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        response = self._network.ask(request, browser=True)
        for text in response.headers.get_list("set-cookie"):
            name, _, value = text.partition(";")[0].partition("=")
            self._cookies[name] = value
        return response
