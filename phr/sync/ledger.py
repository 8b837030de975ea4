"""What came of each type in a run, in one line a type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from phr.sync.labels import type_label
from phr.sync.models import Step
from phr.sync.reasons import sentence
from phr.sync.shapes import LedgerRow, LedgerState

# Of several queries of one type, the worst is what the type is.
_WORST: tuple[LedgerState, ...] = (
    "failed",
    "partial",
    "running",
    "waiting",
    "refused",
    "unsupported",
    "complete",
)

# The parameters by which a type is asked for in parts, and as many names as one reads in a sentence.
_PARTS: Final = frozenset({"category", "intent", "status", "type", "code"})
_PARTS_SHOWN: Final = 5


def ledger_of(steps: Sequence[Step], *, counts: dict[str, int]) -> tuple[LedgerRow, ...]:
    """Return one row a type: how the last run ended for it, and how many of it we hold."""
    by_label: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_label[type_label(step.resource_type, step.kind)].append(step)
    held: dict[str, int] = defaultdict(int)
    for resource_type, count in counts.items():
        held[type_label(resource_type, Step.Kind.SEARCH)] += count
    rows = []
    for label in [*by_label, *(label for label in held if label not in by_label)]:
        of_label = by_label.get(label, [])
        state: LedgerState = min(
            (_ledger_state(step) for step in of_label), key=_WORST.index, default="complete"
        )
        worst = [step for step in of_label if _ledger_state(step) == state]
        reasons = sorted({step.reason for step in worst if step.reason})
        reason = sentence(reasons[0]) if reasons and state != "complete" else ""
        here = held.get(label, sum(step.fetched for step in of_label))
        text = _ledger_text(state, worst, held=here)
        if state == "refused" and any(step.state == Step.State.COMPLETE for step in of_label):
            # Asked for part by part, and some parts were given: what is here is not to be called refused.
            state, text = "partial", _("%(n)s, not all parts") % {"n": number_format(here)}
            reason = _("The portal did not allow these parts: %(parts)s.") % {"parts": _parts(worst)}
        rows.append(
            LedgerRow(
                label=label,
                text=text,
                state=state,
                reason=reason,
                resource_type=of_label[0].resource_type if of_label else "",
                note=sentence(_note(of_label)),
            )
        )
    return tuple(row for row in rows if row.state != "complete" or _worth_a_row(row))


def _parts(steps: Sequence[Step]) -> str:
    """Name the parts of a type that these steps ask for, as the portal calls them."""
    named = dict.fromkeys(
        value.rpartition("|")[2].replace("-", " ")
        for step in steps
        for name, value in parse_qsl(step.query)
        if name in _PARTS
    )
    shown = list(named)[:_PARTS_SHOWN]
    more = len(named) - len(shown)
    return ", ".join(shown) + (_(" and %(n)s more") % {"n": more} if more else "")


def _note(steps: Sequence[Step]) -> str:
    """Return what may be missing of a type that was asked for."""
    return next((step.note for step in steps if step.note and step.state == Step.State.COMPLETE), "")


def _worth_a_row(row: LedgerRow) -> bool:
    """A complete type that holds nothing says nothing; who was referred to is counted by type already."""
    return row.text != "0" and row.label != type_label("", Step.Kind.REFERENCES)


def _ledger_state(step: Step) -> LedgerState:
    states: dict[str, LedgerState] = {
        Step.State.WAITING: "waiting",
        Step.State.RUNNING: "running",
        Step.State.COMPLETE: "complete",
        Step.State.PARTIAL: "partial",
        Step.State.REFUSED: "refused",
        Step.State.UNSUPPORTED: "unsupported",
        Step.State.FAILED: "failed",
    }
    return states[step.state]


def _ledger_text(state: LedgerState, worst: Sequence[Step], *, held: int) -> str:
    if state == "partial":
        claimed = sum(step.total_claimed or 0 for step in worst)
        got = sum(step.matched or step.fetched for step in worst)
        if claimed > got:
            return _("%(got)s of %(claimed)s") % {
                "got": number_format(got),
                "claimed": number_format(claimed),
            }
    if not held:
        words = {
            "refused": _("refused"),
            "unsupported": _("not offered"),
            "failed": _("did not work"),
            "waiting": _("waiting"),
        }
        if state in words:
            return words[state]
    return number_format(held)
