"""What the operator's pages of exports show; the desk is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.db.models import Count
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from phr.accounts import desk as desks
from phr.accounts.desk import Desk
from phr.accounts.models import Person
from phr.exchange import identity, patients, report
from phr.exchange.identity import Facts
from phr.exchange.models import Export, ExportedPatient, Landed, SystemConnection
from phr.exchange.report import FileLine, Standing
from phr.sources.profiles import UnknownProfile, profile_of

Tone = Literal["good", "warn", "high", ""]
_OPEN: Final = {Export.State.QUEUED, Export.State.ASKED, Export.State.FETCHING}
_TONES: Final[dict[str, Tone]] = {
    Export.State.COMPLETE: "good",
    Export.State.PARTIAL: "warn",
    Export.State.FAILED: "high",
}
# Names lie sealed, so they are searched and sorted here and not in the database.
PATIENTS_MAX: Final = 2000
PAGE: Final = 50
PEOPLE_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One export in a line."""

    id: UUID
    state_text: str
    tone: Tone
    began_text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is; `total` is None where nobody knows how much there is."""

    label: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class ConnectionCard:
    """One connection."""

    id: UUID
    name: str
    vendor_name: str
    what: str
    running: bool
    state_text: str
    tone: Tone
    problem: str
    progress: Progress | None
    last_text: str
    next_text: str
    standing: Standing
    can_ask: bool


@dataclass(frozen=True, slots=True)
class TypeLine:
    """What an export brought of one type."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PatientLine:
    """Somebody whom an export speaks of."""

    id: UUID
    name: str
    born_text: str
    number: str
    state: str
    records_text: str
    person_name: str


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """One connection with its patients."""

    card: ConnectionCard
    types: tuple[TypeLine, ...]
    exports: tuple[ExportLine, ...]
    patients: tuple[PatientLine, ...]
    found: int
    capped: bool
    address: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person whom a patient may be."""

    id: UUID
    name: str
    born_text: str
    fits: bool


@dataclass(frozen=True, slots=True)
class PatientPage:
    """One patient, and whom they may be."""

    line: PatientLine
    facts: Facts
    connection_id: UUID
    connection_name: str
    mapped: bool
    erased: bool
    ignored: bool
    candidates: tuple[Candidate, ...]
    further: int


def cards(*, now: datetime) -> tuple[ConnectionCard, ...]:
    """Return a card a connection, by name."""
    rows = SystemConnection.objects.order_by("name", "created_at")
    return tuple(_card(row, now=now) for row in rows)


def connection_card(*, connection_id: UUID, now: datetime) -> ConnectionCard | None:
    """Return one card; None where there is no such connection."""
    row = SystemConnection.objects.filter(pk=connection_id).first()
    return None if row is None else _card(row, now=now)


def connection_page(
    *, desk: Desk, connection_id: UUID, state: str = "waiting", text: str = "", now: datetime
) -> ConnectionPage | None:
    """Return a connection with its patients of one state whose name or number holds `text`."""
    row = SystemConnection.objects.filter(pk=connection_id).first()
    if row is None:
        return None
    exports = list(Export.objects.filter(connection=row).order_by("-created_at")[:10])
    listed = ExportedPatient.objects.filter(connection=row, state=state).order_by("created_at", "pk")
    counts = _record_counts(row)
    names = {person.pk: person.name for person in desks.everybody(desk=desk)}
    lines = [_patient_line(each, counts=counts, names=names) for each in listed[:PATIENTS_MAX]]
    wanted = text.casefold().strip()
    found = [line for line in lines if wanted in f"{line.name} {line.number}".casefold()]
    found.sort(key=lambda line: (not line.name, line.name.casefold()))
    return ConnectionPage(
        card=_card(row, now=now),
        types=tuple(_type_line(line) for line in report.by_type(exports[0].pk)) if exports else (),
        exports=tuple(_export_line(export) for export in exports),
        patients=tuple(found[:PAGE]),
        found=len(found),
        capped=len(lines) == PATIENTS_MAX,
        address=row.base_url if row.kind == SystemConnection.Kind.PORTAL else "",
    )


def patient_page(*, desk: Desk, patient_id: UUID, text: str = "") -> PatientPage | None:
    """Return a patient, and the people whose name holds `text`, those who fit first."""
    row = ExportedPatient.objects.select_related("connection").filter(pk=patient_id).first()
    if row is None:
        return None
    everybody = desks.everybody(desk=desk)
    facts = identity.facts_of(row)
    wanted = text.casefold().strip()
    people = patients.suggestions(
        facts=facts, people=[person for person in everybody if wanted in person.name.casefold()]
    )
    mapped = row.state == ExportedPatient.State.MAPPED
    return PatientPage(
        line=_patient_line(
            row, counts=_record_counts(row.connection), names={each.pk: each.name for each in everybody}
        ),
        facts=facts,
        connection_id=row.connection_id,
        connection_name=row.connection.name,
        mapped=mapped and row.person_id is not None,
        erased=mapped and row.person_id is None,
        ignored=row.state == ExportedPatient.State.IGNORED,
        candidates=tuple(_candidate(person, facts=facts) for person in people[:PEOPLE_MAX]),
        further=max(len(people) - PEOPLE_MAX, 0),
    )


def _grouped(number: int) -> str:
    return number_format(number, force_grouping=True)


def _card(row: SystemConnection, *, now: datetime) -> ConnectionCard:
    latest = Export.objects.filter(connection=row).order_by("-created_at").first()
    running = latest is not None and latest.state in _OPEN
    state_text, tone = _state(latest)
    try:
        vendor = "" if row.kind == SystemConnection.Kind.FILES else profile_of(row.profile_id).name
    except UnknownProfile:
        vendor = row.profile_id
    return ConnectionCard(
        id=row.pk,
        name=row.name,
        vendor_name=vendor,
        what=_what(row),
        running=running,
        state_text=state_text,
        tone=tone,
        problem=report.sentence(latest.reason) if latest is not None else "",
        progress=_progress(latest) if latest is not None and running else None,
        last_text=_last(latest, now=now),
        next_text=_next(row, running=running),
        standing=report.standing(row.pk),
        can_ask=row.kind == SystemConnection.Kind.PORTAL and not running,
    )


def _what(row: SystemConnection) -> str:
    if row.kind == SystemConnection.Kind.FILES:
        return _("files that were brought here")
    if row.level == SystemConnection.Level.GROUP:
        return _("the group %(id)s") % {"id": row.group_id}
    return str(SystemConnection.Level(row.level).label)


def _state(export: Export | None) -> tuple[str, Tone]:
    if export is None:
        return _("nothing exported yet"), ""
    return str(Export.State(export.state).label), _TONES.get(export.state, "")


def _progress(export: Export) -> Progress:
    if export.state != Export.State.FETCHING:
        words = export.progress or str(Export.State(export.state).label)
        return Progress(label=words, done=0, total=None)
    done, total = report.progress(export)
    if total:
        label = _("%(done)s of %(total)s records") % {
            "done": _grouped(min(done, total)),
            "total": _grouped(total),
        }
        return Progress(label=label, done=min(done, total), total=total)
    return Progress(label=_("%(n)s records") % {"n": _grouped(done)}, done=done, total=None)


def _last(export: Export | None, *, now: datetime) -> str:
    if export is None or export.finished_at is None:
        return ""
    if now - export.finished_at < timedelta(minutes=1):
        return _("ended just now")
    return _("ended %(ago)s ago") % {"ago": timesince(export.finished_at, now, depth=1)}


def _next(row: SystemConnection, *, running: bool) -> str:
    if running or row.kind == SystemConnection.Kind.FILES:
        return ""
    if row.state == SystemConnection.State.PAUSED:
        return _("paused")
    if row.next_export_at is None:
        return _("exports when asked")
    return _("next %(when)s") % {"when": date_format(row.next_export_at, _("j F, H:i"))}


def _export_line(export: Export) -> ExportLine:
    text, tone = _state(export)
    asked = _("everything") if export.since is None else _("what changed")
    return ExportLine(
        id=export.pk,
        state_text=text,
        tone=tone,
        began_text=date_format(export.started_at or export.created_at, _("j F Y, H:i")),
        detail=f"{asked}. {report.sentence(export.reason)}".strip(),
    )


def _type_line(line: FileLine) -> TypeLine:
    read = _grouped(line.read)
    if line.claimed is not None and line.read < line.claimed:
        read = _("%(done)s of %(total)s") % {"done": read, "total": _grouped(line.claimed)}
    return TypeLine(name=line.resource_type or _("other"), text=read)


def _record_counts(connection: SystemConnection) -> dict[UUID | None, int]:
    rows = Landed.objects.filter(connection=connection, patient__isnull=False)
    return dict(rows.values_list("patient_id").annotate(n=Count("pk")))


def _patient_line(
    row: ExportedPatient, *, counts: dict[UUID | None, int], names: dict[UUID, str]
) -> PatientLine:
    facts = identity.facts_of(row)
    count = counts.get(row.pk, 0)
    return PatientLine(
        id=row.pk,
        name=facts.name,
        born_text=_born(facts),
        number=facts.number,
        state=row.state,
        records_text=ngettext("%(n)s record", "%(n)s records", count) % {"n": _grouped(count)},
        person_name=names.get(row.person_id, "") if row.person_id is not None else "",
    )


def _born(facts: Facts) -> str:
    if facts.born is not None:
        return _("born %(date)s") % {"date": date_format(facts.born, _("j F Y"))}
    return _("born %(date)s") % {"date": facts.birth_date} if facts.birth_date else _("birth date not given")


def _candidate(person: Person, *, facts: Facts) -> Candidate:
    born = date_format(person.birth_date, _("j F Y")) if person.birth_date else ""
    return Candidate(
        id=person.pk,
        name=person.name,
        born_text=_("born %(date)s") % {"date": born} if born else _("birth date not given"),
        fits=patients.fits(facts=facts, person=person),
    )


def counts(*, desk: Desk) -> dict[str, int]:
    """Return how many connections there are, and how many patients wait; opens the desk itself."""
    with desk.open():
        waiting = ExportedPatient.objects.filter(state=ExportedPatient.State.WAITING).count()
    return {"connections": SystemConnection.objects.count(), "waiting": waiting}
