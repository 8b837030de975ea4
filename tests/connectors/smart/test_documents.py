"""What servers say of themselves is kept as long as HTTP lets it, and no longer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, RetryLater
from connectors.smart.documents import DocumentCache, fetch_document
from connectors.smart.replies import read_object
from tests.connectors.smart.portal import Portal


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Asking:
    portal: Portal
    egress: Egress
    clock: Clock = field(default_factory=Clock)
    cache: DocumentCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = DocumentCache(clock=self.clock, size=4)

    def __call__(self, path: str = "/doc", **changes: Any) -> Mapping[str, Any]:
        return fetch_document(
            egress=self.egress,
            url=f"{self.portal.base_url}{path}",
            read=read_object,
            max_bytes=10_000,
            cache=self.cache,
            **changes,
        )

    def says(self, version: int, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.portal.says("/doc", {"version": version}, headers=named)

    @property
    def times(self) -> int:
        return len(self.portal.asked)


@pytest.fixture
def ask(portal: Portal, egress: Egress) -> Asking:
    return Asking(portal, egress)


def test_a_document_is_used_again_while_it_is_fresh(ask: Asking) -> None:
    ask.says(1, Cache_Control="public, max-age=60")

    assert ask() == {"version": 1}
    ask.clock.now += 59
    assert ask() == {"version": 1}
    assert ask.times == 1

    ask.says(2, Cache_Control="max-age=60")
    ask.clock.now += 2
    assert ask() == {"version": 2}
    assert ask.times == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache_Control": "max-age=60"}, 60),
        ({"Cache_Control": 'max-age="60", must-revalidate'}, 60),
        ({"Cache_Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache_Control": "max-age=60", "Expires": "Sun, 01 Nov 2026 13:00:00 GMT"}, 60),
        ({"Expires": "Sun, 01 Nov 2026 12:05:00 GMT", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 300),
        ({"Cache_Control": "max-age=999999999999"}, 86400),
        ({"Cache_Control": "no-cache, max-age=60"}, 0),
        ({"Cache_Control": "no-store, max-age=60"}, 0),
        ({"Cache_Control": "max-age=-5"}, 0),
        ({"Cache_Control": "max-age=soon"}, 0),
        ({"Expires": "0", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 0),
        ({"Expires": "Sun, 01 Nov 2026 12:05:00 GMT"}, 0),
        ({"Expires": "Sun, 01 Nov 2026 12:05:00 GMT", "Date": "never"}, 0),
        ({}, 0),
    ],
)
def test_it_is_fresh_for_as_long_as_its_headers_say(
    ask: Asking, headers: dict[str, str], seconds: int
) -> None:
    ask.says(1, **headers)
    ask()

    if seconds:
        ask.clock.now += seconds - 1
        ask()
        assert ask.times == 1
        ask.clock.now += 1
    ask()
    assert ask.times == 2


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"one"'}, ("if-none-match", '"one"')),
        (
            {"Last_Modified": "Sun, 01 Nov 2026 12:00:00 GMT"},
            ("if-modified-since", "Sun, 01 Nov 2026 12:00:00 GMT"),
        ),
    ],
)
def test_a_stale_document_is_asked_about_and_kept_where_it_did_not_change(
    ask: Asking, headers: dict[str, str], validator: tuple[str, str]
) -> None:
    ask.says(1, **headers)
    assert ask() == {"version": 1}

    ask.portal.says("/doc", status=304, headers={"Cache-Control": "max-age=60"})
    assert ask() == {"version": 1}
    assert ask.portal.asked[1].headers[validator[0]] == validator[1]

    # The answer made it fresh again
    ask.clock.now += 59
    assert ask() == {"version": 1}
    assert ask.times == 2


def test_not_modified_is_no_answer_to_who_has_nothing(ask: Asking) -> None:
    ask.portal.says("/doc", status=304)

    with pytest.raises(BadReply):
        ask()


def test_what_may_not_be_kept_drops_what_was(ask: Asking) -> None:
    ask.says(1, ETag='"one"')
    ask()
    ask.says(2, Cache_Control="no-store")
    ask()

    ask()
    assert "if-none-match" not in ask.portal.asked[2].headers
    assert len(ask.cache) == 0


def test_it_can_be_asked_anew_although_it_is_fresh(ask: Asking) -> None:
    ask.says(1, Cache_Control="max-age=60")
    ask()
    ask.says(2, Cache_Control="max-age=60")

    assert ask(anew=True) == {"version": 2}
    assert ask() == {"version": 2}
    assert ask.times == 2


def test_a_failure_is_never_kept(ask: Asking) -> None:
    ask.portal.says("/doc", "<html>", headers={"Cache-Control": "max-age=60"})
    with pytest.raises(BadReply):
        ask()
    ask.portal.says("/doc", status=503, headers={"Cache-Control": "max-age=60"})
    with pytest.raises(RetryLater):
        ask()

    ask.says(1)
    assert ask() == {"version": 1}


def test_it_answers_only_who_asks_in_the_same_way(ask: Asking) -> None:
    # Given a server that says more to one client than to another
    ask.says(1, Cache_Control="max-age=60")

    ask(headers={"X-Client": "a"})
    ask(headers={"X-Client": "b"})
    ask(headers={"x-client": "a"})

    assert ask.times == 2


def test_it_holds_a_few_and_forgets_the_one_not_asked_for_longest(ask: Asking) -> None:
    for name in "abcd":
        ask.portal.says(f"/{name}", {"name": name}, headers={"Cache-Control": "max-age=60"})
        ask(f"/{name}")
    ask("/a")
    ask.portal.says("/e", {"name": "e"}, headers={"Cache-Control": "max-age=60"})
    ask("/e")
    assert len(ask.cache) == 4

    before = ask.times
    ask("/a")
    assert ask.times == before
    ask("/b")
    assert ask.times == before + 1
