"""Whose record a patient of an export is: said by the operator, one by one, and taken back without a trace.

The rules. Nobody is mapped by a machine: name and birth date suggest, and a person decides. What waits becomes part of
the person's record as a source of kind `export`; where the person has connected that very chart themselves, it goes
into their source. Taken back, the chart leaves the record whole and waits again (of a source that the person connected
nothing is taken: it is theirs). Of a patient who is not wanted nothing stays but the id and digests of their
numbers, by which they are told from others. When a person is erased, nothing more of their patients is kept, until the
operator says otherwise; when they disconnect the source, what they have stays, and no more comes.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from connectors.fhir.digest import raw_digest
from phr.accounts import access
from phr.accounts.access import Sight
from phr.accounts.desk import Desk
from phr.accounts.models import Person
from phr.core import crypto
from phr.exchange import identity, lease
from phr.exchange.held import forget, source_of
from phr.exchange.identity import Facts
from phr.exchange.models import ExportedPatient, Landed, Wanted
from phr.records import queries as record_queries
from phr.sources.models import Source
from phr.timeline import project

State = ExportedPatient.State


class NotThere(Exception):  # noqa: N818 - what the caller meets
    """There is no such patient or person, or they are not in the state for that; the message says which."""


class Doubtful(Exception):  # noqa: N818 - what the caller meets
    """What is known of patient and person does not agree; `sentences` say what. Whoever is sure says so."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


def doubts(*, facts: Facts, name: str, birth_date: datetime | object) -> tuple[str, ...]:
    """Return a sentence for each thing in which a patient and a person do not agree, or of which one is not known.

    Only the same name and the same birth date leave no doubt, as where a professional connects a chart
    (phr.sources.flows.confirm): twins share a birth date, and a family its name.
    """
    found = []
    if facts.born is None:
        found.append(_("The export does not tell the day of birth."))
    elif birth_date is None:
        found.append(_("No birth date of %(other)s is known here.") % {"other": name})
    elif facts.born != birth_date:
        found.append(
            _("The export says that %(name)s was born on %(date)s, which is another birth date.")
            % {"name": facts.name or _("this patient"), "date": date_format(facts.born, _("j F Y"))}
        )
    if not facts.name:
        found.append(_("The export does not tell the name."))
    elif not _words(facts.name) & _words(name):
        found.append(_("%(one)s and %(other)s share no name.") % {"one": facts.name, "other": name})
    elif not _same_name(facts.name, name):
        found.append(_("%(one)s and %(other)s are not the same name.") % {"one": facts.name, "other": name})
    return tuple(found)


def suggestions(*, facts: Facts, people: list[Person]) -> list[Person]:
    """Return the people by how well they fit: the same birth date and name first, then either, then the rest."""

    def rank(person: Person) -> tuple[int, str]:
        same_day = facts.born is not None and facts.born == person.birth_date
        same_name = bool(_words(facts.name) & _words(person.name))
        return -(2 * same_day + same_name), person.name

    return sorted(people, key=rank)


def fits(*, facts: Facts, person: Person) -> bool:
    """Say whether birth date and name are both the same."""
    return not doubts(facts=facts, name=person.name, birth_date=person.birth_date)


def map_patient(
    *, desk: Desk, patient_id: UUID, person_id: UUID, sure: bool = False, now: datetime
) -> ExportedPatient:
    """Say that a patient is a person of this installation; a worker then moves what waits into their record.

    Raises NotThere, and Doubtful unless `sure`. The caller rings for the connection after its commit.
    """
    with transaction.atomic(), desk.open():
        patient = _locked(patient_id)
        if patient.state == State.MAPPED and patient.person_id is not None:
            raise NotThere(_("This patient is mapped already: take that back first."))
        try:
            sight = access.for_work(person_id=person_id)
        except access.NotVisible:
            raise NotThere(_("There is no such person.")) from None
        differing = doubts(facts=identity.facts_of(patient), name=sight.name, birth_date=sight.birth_date)
        if differing and not sure:
            raise Doubtful(differing)
        patient.source_id = _source(patient, sight=sight, now=now).pk
        patient.state, patient.person_id = State.MAPPED, person_id
        patient.mapped_at, patient.mapped_by_id, patient.settle_due = now, desk.user_id, True
        patient.save()
        lease.ask(connection_id=patient.connection_id, due_at=now)
    return patient


def unmap_patient(*, desk: Desk, patient_id: UUID, now: datetime) -> ExportedPatient:
    """Take a mapping back: the chart leaves the record whole and waits again. Raises NotThere.

    Earlier versions of its resources go with it; the timeline of the person is made anew without it.
    """
    with transaction.atomic(), desk.open():
        patient = _locked(patient_id)
        if patient.state != State.MAPPED:
            raise NotThere(_("This patient is not mapped."))
        sight = _sight(patient)
        if sight is not None:
            with sight.open():
                _take_back(patient, sight=sight)
        Wanted.objects.filter(patient=patient).delete()
        patient.state, patient.person_id, patient.source_id = State.WAITING, None, None
        patient.mapped_at = patient.mapped_by_id = None
        patient.settle_due = False
        patient.save()
        lease.ask(connection_id=patient.connection_id, due_at=now)
    if sight is not None:
        left = 1
        while left:
            with sight.open():
                left = project.project(sight=sight)
    return patient


def ignore_patient(*, desk: Desk, patient_id: UUID) -> ExportedPatient:
    """Keep nothing of a patient but id and keyed digests, now and in exports to come. Raises NotThere if mapped."""
    with transaction.atomic(), desk.open():
        patient = _locked(patient_id)
        if patient.state == State.MAPPED and patient.person_id is not None:
            raise NotThere(_("This patient is mapped: take that back first."))
        forget(patient.connection, list(Landed.objects.filter(patient=patient).values_list("pk", flat=True)))
        # The digests stay: what names one of several people must not become the others' because one is not wanted.
        patient.state, patient.facts = State.IGNORED, None
        patient.person_id = patient.source_id = None
        patient.save()
    return patient


def want_patient(*, desk: Desk, patient_id: UUID) -> ExportedPatient:
    """Let an ignored patient, or one whose person was erased, wait again. Raises NotThere.

    What was left out meanwhile comes with the next whole export.
    """
    with transaction.atomic(), desk.open():
        patient = _locked(patient_id)
        if patient.person_id is not None:
            raise NotThere(_("This patient is mapped."))
        patient.state, patient.source_id, patient.mapped_at = State.WAITING, None, None
        patient.save()
    return patient


def _locked(patient_id: UUID) -> ExportedPatient:
    patient = (
        ExportedPatient.objects.select_for_update(no_key=True, of=("self",))
        .select_related("connection")
        .filter(pk=patient_id)
        .first()
    )
    if patient is None:
        raise NotThere(_("There is no such patient."))
    return patient


def _sight(patient: ExportedPatient) -> Sight | None:
    if patient.person_id is None:
        return None
    try:
        return access.for_work(person_id=patient.person_id)
    except access.NotVisible:
        return None


def _source(patient: ExportedPatient, *, sight: Sight, now: datetime) -> Source:
    """Return the source of this chart in the person's record, made or taken up again."""
    connection = patient.connection
    with sight.open():
        source, _made = Source.objects.get_or_create(
            person_id=sight.person_id,
            base_url=connection.base_url,
            patient_fhir_id=patient.fhir_id,
            defaults={
                "kind": Source.Kind.EXPORT,
                "portal_id": connection.portal_id,
                "profile_id": connection.profile_id,
                "name": connection.name,
                "connected_at": now,
                "created_at": now,
            },
        )
        if source.kind == Source.Kind.EXPORT and source.state != Source.State.ACTIVE:
            source.state, source.state_reason = Source.State.ACTIVE, ""
            source.save(update_fields=["state", "state_reason"])
    return source


def _take_back(patient: ExportedPatient, *, sight: Sight) -> None:
    """Move a chart from a record to the desk; of a source that the person connected nothing is moved."""
    source = source_of(patient)
    if source is None:
        return
    if source.kind != Source.Kind.EXPORT:
        # Unknown again, so that the next export brings it to whom it is mapped by then.
        Landed.objects.filter(patient=patient).update(raw_digest=b"")
        return
    everything = record_queries.changed_since(
        sight=sight, source_id=source.pk, since=datetime.min.replace(tzinfo=UTC)
    )
    rows = {
        (kind, fhir_id): pk
        for pk, kind, fhir_id in Landed.objects.filter(patient=patient).values_list(
            "pk", "resource_type", "fhir_id"
        )
    }
    for resource_type, fhir_id, body in everything:
        pk = rows.get((resource_type, fhir_id))
        if pk is not None:
            row = Landed(pk=pk)
            Landed.objects.filter(pk=pk).update(
                body=crypto.seal(row, "body", body), raw_digest=raw_digest(body)
            )
    # One DELETE that the database carries on into what the application may not delete from.
    Source.objects.filter(pk=source.pk)._raw_delete(using="default")  # noqa: SLF001
    project.rebuild(sight=sight)


def _words(name: str) -> set[str]:
    return {word for word in _spelt(name) if len(word) > 1}


def _same_name(one: str, other: str) -> bool:
    """Say whether two names are made of the same words; a middle name on one side alone is a difference."""
    return sorted(_spelt(one)) == sorted(_spelt(other)) != []


def _spelt(name: str) -> list[str]:
    """Return the words of a name without case, accents and signs."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in plain).split()
