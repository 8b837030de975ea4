"""What the sync side hands to the sources pages: frozen, in words, ready to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

LedgerState = Literal["complete", "partial", "refused", "unsupported", "failed", "running", "waiting"]
CardState = Literal["complete", "partial", "syncing", "waiting", "reconnect", "failed", "disconnected", "new"]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What came of one type in the latest run."""

    label: str
    """``Lab results``, not ``Observation``."""
    text: str
    """``1,904``, ``50 of 109``, ``refused``."""
    state: LedgerState
    reason: str = ""
    """A sentence for the patient; "" when complete."""
    resource_type: str = ""
    note: str = ""
    """What may be missing though the portal answered in full; "" for nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    """0 when the portal gave no total: the bar is then shown without an end."""
    label: str
    """``Lab results, page 7 of about 12``."""


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source as it stands on the sources page."""

    id: UUID
    name: str
    vendor_name: str
    state: CardState
    state_text: str
    """Two words at most: ``complete``, ``partly here``, ``needs you``."""
    last_sync_text: str = ""
    next_sync_text: str = ""
    ledger: tuple[LedgerRow, ...] = ()
    progress: Progress | None = None
    problems: tuple[str, ...] = ()
    """Sentences: what happened, what still works, what to do."""
    ends_soon: str = ""
    """A sentence in the last days before the portal ends the access, with the date; then it can be renewed already."""
    can_reconnect: bool = False
    can_sync: bool = True
    quarantined: int = 0
    is_demo: bool = False
    kind: Literal["portal", "file", "export", "own"] = "portal"

    @property
    def running(self) -> bool:
        """True while a run is under way: the page then looks again by itself."""
        return self.progress is not None


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a source's history."""

    id: UUID
    started_text: str
    state: Literal["complete", "partial", "failed", "running", "queued", "cancelled"]
    state_text: str
    summary: str
    """``31 new, 4 changed, 1,869 as before``."""
    mode_text: str = ""
    """``changes only`` or ``everything``: what the portal was asked for; "" where it was asked for nothing yet."""
    seconds_text: str = ""
    requests: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """A source's own page."""

    card: SourceCard
    runs: tuple[RunLine, ...]
    connected_text: str = ""
    """``3 March 2026 by Rosa Marin``."""
    scope_words: tuple[str, ...] = ()
    """What the portal granted, in words."""
    address: str = ""
    """The FHIR base address, without credentials or query."""
    ends_text: str = ""
    """When the portal ends the access, where that is known."""
    withheld: tuple[str, ...] = ()
    """What was asked for and not granted, in words."""
    launch_words: tuple[str, ...] = ()
    """Sentences: who began the connection, where it was not the person here."""


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """One resource that was set aside."""

    id: UUID
    resource_type: str
    fhir_id: str
    reason: str
    """A sentence."""
    seen_text: str
    size_text: str
    raw_text: str = ""
    """As it came, shortened; escaped by the template."""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """What of one source was set aside, newest first."""

    source_name: str
    lines: tuple[QuarantineLine, ...]
    total: int
