"""What several sources say about one fact, set side by side."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from phr.timeline.queries.shapes import MemberDetail, SourceChip


@dataclass(frozen=True, slots=True)
class Cell:
    """One source's value; "" where it says nothing."""

    chip: SourceChip
    value: str


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One thing said, by each source in turn."""

    label: str
    cells: tuple[Cell, ...]
    differs: bool


def compare(members: tuple[MemberDetail, ...]) -> tuple[CompareRow, ...]:
    """Return a row for each thing that any member says, in the order in which they say it.

    A source that is silent does not differ from one that speaks.
    """
    head = {
        _("Called"): [member.title for member in members],
        _("Value"): [member.value for member in members],
        _("Date"): [member.date.long_text for member in members],
        _("Status"): [member.status for member in members],
    }
    rows = [
        CompareRow(
            label=label,
            cells=tuple(
                Cell(chip=member.chip, value=value) for member, value in zip(members, values, strict=True)
            ),
            differs=len({value for value in values if value}) > 1,
        )
        for label, values in head.items()
        if any(values)
    ]
    labels = dict.fromkeys(field.label for member in members for field in member.fields)
    for label in labels:
        said = [[field for field in member.fields if field.label == label] for member in members]
        rows.append(
            CompareRow(
                label=label,
                cells=tuple(
                    Cell(chip=member.chip, value=", ".join(field.value for field in fields))
                    for member, fields in zip(members, said, strict=True)
                ),
                differs=any(field.differs for fields in said for field in fields),
            )
        )
    return tuple(rows)
