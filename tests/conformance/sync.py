"""The app's crawl: plan, pages, references, files, one after the other, and a ledger that says how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from connectors.errors import BadReply, EgressRefused, PortalError, Reauthorize, SkipResource
from connectors.fhir.bundle import Entry, Page
from connectors.fhir.digest import canonical_digest
from connectors.fhir.plan import PlanStep, plan
from connectors.fhir.query import decode_query
from connectors.fhir.references import attachments, literal_references, missing_references
from phr.sync import decide
from tests.conformance.app import Connection, PatientApp

# A practitioner's role names an organization, which names another above it.
_ROUNDS: Final = 3
_WAIT_SECONDS: Final = 30.0
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Line:
    """What became of one step. `claimed`: what the portal said there is, where that is believed."""

    step: PlanStep
    state: str
    reason: str
    pages: int = 0
    matched: int = 0
    claimed: int | None = None


@dataclass(slots=True, kw_only=True)
class Held:
    """A resource as the app keeps it."""

    entry: Entry
    digest: bytes


@dataclass(slots=True)
class Record:
    """Everything the app has of a person, and how it came by it."""

    held: dict[str, Held] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    # What the latest crawl found new or other than before.
    changed: list[str] = field(default_factory=list)
    # Files and references that were not to be had, with the reason.
    missing: dict[str, str] = field(default_factory=dict)

    def states(self, resource_type: str) -> set[str]:
        return {line.state for line in self.lines if line.step.resource_type == resource_type}

    def keep(self, entries: tuple[Entry, ...], *, volatile: tuple[str, ...]) -> None:
        for entry in entries:
            if entry.fault is not None:
                continue
            key = f"{entry.resource_type}/{entry.id}"
            digest = canonical_digest(entry.raw, volatile)
            if key not in self.held or self.held[key].digest != digest:
                self.changed.append(key)
            self.held[key] = Held(entry=entry, digest=digest)


class Sync:
    """One run of an app over a connection."""

    def __init__(self, app: PatientApp, connection: Connection, record: Record | None = None) -> None:
        self._app = app
        self._connection = connection
        self._fhir = app.fhir(connection)
        self.record = record or Record()
        # Called after each page of a search, with a further one to come: what happens to an app that pauses there.
        self.pause: Callable[[], None] = _go_on

    def run(self, *, since: Mapping[str, str] | None = None, files: bool = True) -> Record:
        """Crawl everything, or with `since` what changed; raises Reauthorize when the grant is over."""
        self.record.lines, self.record.changed = [], []
        for step in self.steps(since=since):
            self.record.lines.append(self.work(step))
        self._references()
        if files:
            self._files()
        return self.record

    def steps(self, *, since: Mapping[str, str] | None = None) -> tuple[PlanStep, ...]:
        try:
            capability = self._fhir.capability()
        except (BadReply, SkipResource, EgressRefused):
            capability = None
        return plan(
            profile=self._app.profile,
            granted=self._connection.granted,
            capability=capability,
            patient_id=self._connection.patient,
            now=self._app.clock(),
            standing=self._app.standing(self._connection),
            since=since,
        )

    def work(self, step: PlanStep) -> Line:
        """Bring one step to its end, as `decide` says."""
        line = Line(step=step, state=step.state, reason=step.reason)
        if step.state != "run":
            return line
        attempts, url, seen = 0, self._first_url(step), set[str]()
        reached = self._app.clock()
        while True:
            idle = (self._app.clock() - reached).total_seconds() if line.pages else None
            if decide.begins_anew(expires=self._app.profile.paging.expires, idle_seconds=idle):
                line.pages = line.matched = 0
                seen.clear()
                url = self._first_url(step)
            try:
                if step.kind == "read":
                    page = Page(entries=(self._fhir.read(step.reference),))
                else:
                    page = self._fhir.page(url, resource_type=step.resource_type)
            except Reauthorize:
                self._app.refresh(self._connection)
                attempts += 1
                if attempts > 1:
                    raise
                continue
            except PortalError as error:
                attempts += 1
                other = self._reworded(error, step, pages=line.pages)
                if other is not None:
                    line.step = step = other
                    url = self._first_url(step)
                    continue
                verdict = decide.after_error(error, attempts=attempts, pages=line.pages)
                match verdict:
                    case decide.End():
                        line.state, line.reason = verdict.state, verdict.reason
                        return line
                    case decide.Later():
                        self._app.clock.sleep(verdict.after or _WAIT_SECONDS)
                    case decide.Again():
                        line.pages = line.matched = 0
                        seen.clear()
                        url = self._first_url(step)
                continue
            self.record.keep(page.entries, volatile=self._app.profile.store.volatile)
            seen.add(url)
            reached = self._app.clock()
            line.pages += 1
            line.matched += page.matched(step.resource_type if step.kind == "search" else "")
            if page.total is not None and self._app.profile.search.total == "result":
                line.claimed = page.total
            done = decide.after_page(
                next_url=page.next_url,
                seen_urls=frozenset(seen),
                pages=line.pages,
                matched=line.matched,
                total=page.total,
                total_means=self._app.profile.search.total,
            )
            if isinstance(done, decide.End):
                line.state, line.reason = done.state, done.reason
                return line
            url = done.url
            self.pause()

    def _reworded(self, error: PortalError, step: PlanStep, *, pages: int) -> PlanStep | None:
        """Return the same question in words that the portal may take, where there are some."""
        if step.kind != "search":
            return None
        other = decide.rewording(
            error,
            resource_type=step.resource_type,
            query=step.text,
            mode=step.mode,
            pages=pages,
            profile=self._app.profile,
        )
        if other is None:
            return None
        mode = "full" if other.how == "whole" else step.mode
        return replace(step, query=decode_query(other.query), mode=mode)

    def _first_url(self, step: PlanStep) -> str:
        return step.path if step.kind == "read" else f"{self._app.base_url.rstrip('/')}/{step.path}"

    def _references(self) -> None:
        for _ in range(_ROUNDS):
            wanted = [text for text in self._referred() if text not in self.record.missing]
            for text in wanted:
                try:
                    entry = self._patiently(partial(self._fhir.read, text))
                except PortalError as error:
                    self.record.missing[text] = error.code
                else:
                    self.record.keep((entry,), volatile=self._app.profile.store.volatile)
            if not wanted:
                return

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again as long as `decide` has patience; raises what was answered last."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return ask()
            except PortalError as error:
                verdict = decide.after_error(error, attempts=attempts, pages=0)
                if not isinstance(verdict, decide.Later):
                    raise
                self._app.clock.sleep(verdict.after or _WAIT_SECONDS)

    def _referred(self) -> tuple[str, ...]:
        found: set[str] = set()
        for held in self.record.held.values():
            found |= literal_references(
                held.entry.raw,
                base_url=self._app.base_url,
                ignore_case=self._app.profile.paging.ignore_case,
            )
        return missing_references(found, known=self.record.held)

    def _files(self) -> None:
        limit = self._app.profile.attachments.daily_limit
        for number, (url, kind) in enumerate(self.pointed_at()):
            if limit is not None and number >= limit:
                self.record.missing[url] = decide.DAILY_LIMIT
                continue
            try:
                answer = self._patiently(partial(self._fhir.binary, url, accept=kind))
            except PortalError as error:
                self.record.missing[url] = error.code
            else:
                self.record.files[url] = answer.body

    def pointed_at(self) -> Iterator[tuple[str, str]]:
        """Yield the addresses of files that are not here yet, and what each is said to be."""
        for held in list(self.record.held.values()):
            for found in attachments(held.entry.raw, not_urls=self._app.profile.attachments.not_urls):
                if found.url is not None and not found.inline and found.url not in self.record.files:
                    yield found.url, found.content_type


def _go_on() -> None:
    """Do not pause."""
