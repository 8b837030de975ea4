"""What the timeline's queries hand to a page: frozen, ready to print, no database object inside.

Every text is already in the reader's language and every date already carries its true precision,
so a template needs nothing but ``if`` and ``for``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from uuid import UUID

Precision = Literal["instant", "minute", "day", "month", "year", "none"]
FlagName = Literal["", "high", "low", "abnormal", "critical", "normal"]


@dataclass(frozen=True, slots=True)
class SourceChip:
    """The small mark that says where a line comes from."""

    id: str
    name: str
    """The long name: spoken by screen readers, shown on hover and on wide pages."""
    short: str
    """Three letters."""
    state: str = "active"


@dataclass(frozen=True, slots=True)
class DateText:
    """A date as it may be printed: never more exact than the portal was."""

    iso: str
    """For ``<time datetime>``: ``2019``, ``2019-05``, ``2019-05-03`` or an instant; "" when unknown."""
    text: str
    """Short, as it stands beside a line under its year: ``14 Nov``, ``May``, ``2019``."""
    long_text: str
    """Whole: ``14 November 2026, 14:20``."""
    precision: Precision = "day"


@dataclass(frozen=True, slots=True)
class FactLine:
    """One line of the timeline."""

    id: UUID
    kind: str
    """A value of ``timeline.events.Kind``; chooses the icon."""
    kind_name: str
    """The kind in words: ``Lab result``."""
    title: str
    date: DateText
    detail: str = ""
    value: str = ""
    """As the portal sent it: 13.20 stays 13.20."""
    unit: str = ""
    flag: FlagName = ""
    flag_text: str = ""
    """The flag in words with the range it is measured by: ``above 4.0-5.6``."""
    chips: tuple[SourceChip, ...] = ()
    conflict: bool = False
    """True when its sources say different things about it."""
    status_text: str = ""
    apart: bool = False
    """True when another fact looks like this one and was kept apart."""


@dataclass(frozen=True, slots=True)
class VisitCard:
    """A visit and the first few facts that belong to it."""

    fact: FactLine
    lines: tuple[FactLine, ...] = ()
    more: int = 0
    """How many facts of the visit are not in ``lines``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One top-level row: a line or a visit card, never both."""

    date: DateText
    line: FactLine | None = None
    card: VisitCard | None = None


@dataclass(frozen=True, slots=True)
class Year:
    """A year's heading and the rows of it that are on this page."""

    year: int | None
    """None: the portals gave no date."""
    count: int
    """Top-level rows of the whole year under the present filters, not of this page alone."""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter that may be switched on or off."""

    key: str
    name: str
    count: int
    selected: bool
    url_value: str


@dataclass(frozen=True, slots=True)
class YearDensity:
    """How much a year holds, for the scrubber."""

    year: int
    count: int
    share: float
    """0 to 1, of the fullest year."""


@dataclass(frozen=True, slots=True)
class TimelineFilters:
    """What the address asks for; every field may be empty."""

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    q: str = ""
    after: str = ""
    """Opaque cursor; "" is the first page."""

    @property
    def any(self) -> bool:
        """True when something but the cursor narrows the list."""
        return bool(self.kinds or self.sources or self.date_from or self.date_to or self.q)


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """One page of the timeline with all that its filters and scrubber need."""

    years: tuple[Year, ...]
    next_cursor: str | None
    kinds: tuple[Facet, ...]
    sources: tuple[Facet, ...]
    density: tuple[YearDensity, ...]
    total: int
    """Facts under the present filters."""
    missing: tuple[str, ...]
    """Sentences that say what is not here and why; empty when everything is."""
    filters: TimelineFilters = field(default_factory=TimelineFilters)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One labelled value of one source's version of a fact."""

    label: str
    value: str
    differs: bool = False
    """True when another source of the same fact says something else here."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """An earlier (or the present) version of a resource, as the portal sent it."""

    number: int
    seen_text: str
    """When we got it, in words."""
    note: str = ""
    raw_json: str = ""


@dataclass(frozen=True, slots=True)
class MemberDetail:
    """What one source says about a fact."""

    chip: SourceChip
    resource_type: str
    fhir_id: str
    title: str
    value: str
    date: DateText
    status: str
    fields: tuple[FieldRow, ...] = ()
    raw_json: str = ""
    """The resource as the portal sent it, only its white space made readable."""
    versions: tuple[VersionLine, ...] = ()


@dataclass(frozen=True, slots=True)
class FactDetail:
    """All of one fact's page."""

    line: FactLine
    statement: str
    """One plain sentence made only of what the portals said."""
    members: tuple[MemberDetail, ...]
    rule_sentence: str = ""
    """Why these members are one fact; "" when there is only one."""
    evidence: tuple[str, ...] = ()
    visit: FactLine | None = None
    linked: tuple[FactLine, ...] = ()
    similar: tuple[FactLine, ...] = ()
    """Facts that look like this one and were kept apart."""


@dataclass(frozen=True, slots=True)
class FactMoved:
    """The fact was absorbed by another: the page redirects there."""

    fact_id: UUID


@dataclass(frozen=True, slots=True)
class VisitGroup:
    """The facts of one kind within a visit."""

    kind: str
    kind_name: str
    lines: tuple[FactLine, ...]


@dataclass(frozen=True, slots=True)
class VisitDetail:
    """All of one visit's page."""

    fact: FactLine
    statement: str
    groups: tuple[VisitGroup, ...] = ()
    total: int = 0
