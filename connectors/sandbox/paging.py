"""How a result is handed out in pages: by offset, or by an opaque token that may expire."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from connectors.profile import Server
from connectors.sandbox.database import Database

# Parameters of this kind count resources; every other page parameter of a profile is an opaque token.
OFFSETS: Final = frozenset({"_offset", "offset", "_getpagesoffset", "_skip"})
# Results nobody pages through any more are dropped once there are this many.
MAX_RESULTS: Final = 2000

Params = Sequence[tuple[str, str]]


class PageGone(Exception):  # noqa: N818 - it says what happened
    """The link led to a page that the portal no longer knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One page of a result: its keys ("Type/id"), its number from 1, and what leads to the next one."""

    path: str
    params: Params
    keys: Sequence[str]
    number: int
    total: int
    next_params: Params
    next_param: tuple[str, str] | None


class _Result(NamedTuple):
    id: int
    path: str
    params: Params
    keys: Sequence[str]
    size: int


class Pages:
    """The results under way. They are kept in the state, so a crawl goes on after a restart."""

    def __init__(self, *, database: Database, server: Server, clock: Callable[[], datetime]) -> None:
        """Hand out pages as `server` does."""
        self._database = database
        self._param = server.page_param
        self._expires = server.page_expires_seconds
        self._empty_first = server.empty_pages
        self._clock = clock

    def begin(self, *, path: str, params: Params, patient: str, keys: Sequence[str], count: int) -> Window:
        """Return the page of a fresh result that is asked for: the first, or the one at an offset.

        A server with empty pages begins every result with one.
        """
        kept = [(name, value) for name, value in params if name != self._param]
        if self._param in OFFSETS:
            return self._offset(path=path, params=params, kept=kept, keys=keys, count=count)
        if len(keys) <= count and not (self._empty_first and keys):
            return Window(
                path=path,
                params=params,
                keys=keys,
                number=1,
                total=len(keys),
                next_params=[],
                next_param=None,
            )
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM result WHERE id <= (SELECT max(id) FROM result) - ?", (MAX_RESULTS,)
            )
            connection.execute("DELETE FROM page WHERE result_id NOT IN (SELECT id FROM result)")
            query = json.dumps({"params": kept, "count": count})
            written = connection.execute(
                "INSERT INTO result (patient, path, query, keys) VALUES (?, ?, ?, ?)",
                (patient, path, query, json.dumps(keys)),
            )
            result = _Result(int(written.lastrowid or 0), path, kept, keys, count)
            return self._empty(result) if self._empty_first else self._window(result, start=0)

    def _offset(self, *, path: str, params: Params, kept: Params, keys: Sequence[str], count: int) -> Window:
        asked = dict(params).get(self._param)
        start = int(asked) if asked is not None and asked.isdecimal() else 0
        empty = self._empty_first and asked is None and bool(keys)
        end = start if empty else start + count
        return Window(
            path=path,
            params=params,
            keys=keys[start:end],
            number=1 if empty else start // count + 1 + self._empty_first,
            total=len(keys),
            next_params=[*(pair for pair in kept if pair[0] != "_count"), ("_count", str(count))],
            next_param=(self._param, str(end)) if end < len(keys) else None,
        )

    def _empty(self, result: _Result) -> Window:
        return Window(
            path=result.path,
            params=result.params,
            keys=[],
            number=1,
            total=len(result.keys),
            next_params=[],
            next_param=(self._param, self._token(result.id, 0)),
        )

    def resume(self, *, path: str, params: Params, patient: str) -> Window | None:
        """Return the page that an opaque token leads to, or None when the request carries none.

        Raises `PageGone` when the token is unknown, expired, or was made for another patient or search.
        """
        token = dict(params).get(self._param)
        if token is None or self._param in OFFSETS:
            return None
        page = self._database.one(
            "SELECT * FROM page JOIN result ON result.id = page.result_id"
            " WHERE token = ? AND patient = ? AND path = ?",
            token,
            patient,
            path,
        )
        if page is None or (page["expires_at"] is not None and page["expires_at"] <= self._now()):
            raise PageGone
        query = json.loads(page["query"])
        kept = [(name, value) for name, value in query["params"]]
        result = _Result(page["result_id"], path, kept, json.loads(page["keys"]), query["count"])
        return self._window(result, start=page["position"])

    def continues(self, params: Params) -> bool:
        """Say whether a request asks for a further page."""
        return any(name == self._param and value != "0" for name, value in params)

    def expire(self) -> None:
        """Let every link that was given out be forgotten."""
        self._database.all("DELETE FROM page")

    def _window(self, result: _Result, *, start: int) -> Window:
        position = start + result.size
        more = position < len(result.keys)
        return Window(
            path=result.path,
            params=result.params,
            keys=result.keys[start:position],
            number=start // result.size + 1 + self._empty_first,
            total=len(result.keys),
            next_params=[],
            next_param=(self._param, self._token(result.id, position)) if more else None,
        )

    def _token(self, result: int, position: int) -> str:
        """Return the token of a page: the same one each time, so a repeated request gets the same answer."""
        with self._database.transaction() as connection:
            held = self._database.one(
                "SELECT token FROM page WHERE result_id = ? AND position = ?", result, position
            )
            expires = None if self._expires is None else self._now() + self._expires
            if held is not None:
                connection.execute("UPDATE page SET expires_at = ? WHERE token = ?", (expires, held["token"]))
                return str(held["token"])
            token = secrets.token_urlsafe(18)
            connection.execute("INSERT INTO page VALUES (?, ?, ?, ?)", (token, result, position, expires))
            return token

    def _now(self) -> float:
        return self._clock().timestamp()
