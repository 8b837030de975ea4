"""Whose record a patient becomes, what is taken back, what is not wanted, and what erasing leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import RunningPortal
from connectors.secret import Secret
from connectors.smart.tokens import TokenReply
from phr.accounts.access import Sight
from phr.accounts.models import Person as PersonRow
from phr.exchange import connections, identity, patients
from phr.exchange.models import ExportedPatient, Landed, SetAside, SystemConnection, Wanted
from phr.records.models import Resource
from phr.sources.flows import keep
from phr.sources.models import Source
from phr.sync import queries as sync_queries
from phr.timeline.models import Event, Fact
from tests.exchange.conftest import (
    DESK,
    charts,
    connect,
    export,
    exported,
    files,
    keys_of,
    let_time_pass,
    map_to,
    observation,
    patient,
    record,
    waiting,
    work,
)

Hospital = Callable[..., RunningPortal]
Network = Callable[..., Egress]
People = Callable[..., Sight]


@pytest.fixture
def ready(
    hospital: Hospital, network: Network
) -> Callable[..., tuple[RunningPortal, SystemConnection, Egress]]:
    """An export that is over, of these resources."""

    def make(*more: dict[str, Any], types: tuple[str, ...] = ()) -> Any:
        portal = hospital([*charts("ana", "ben"), *more])
        connection, egress = connect(portal, level="system", types=types), network(portal)
        export(connection, egress)
        return portal, connection, egress

    return make


Ready = Callable[..., tuple[RunningPortal, SystemConnection, Egress]]


def test_nothing_of_a_patient_lies_in_clear(ready: Ready) -> None:
    ready()
    with database.cursor() as cursor:
        for table in (
            "exportedpatient",
            "landed",
            "landedname",
            "wanted",
            "setaside",
            "exportfile",
            "export",
        ):
            cursor.execute("BEGIN; SELECT set_config('phr.operating', 'on', true)")
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM exchange_{table} AS t")
            (text,) = cursor.fetchone()
            cursor.execute("COMMIT")
            for secret in ("Marin", "1980-02-29", "mrn-ana", "Result", "127.0.0.1"):
                assert secret not in (text or ""), table


def test_facts_say_who_waits(ready: Ready) -> None:
    _portal, connection, _egress = ready()
    with DESK.open():
        facts = identity.facts_of(ExportedPatient.objects.get(fhir_id="ana"))
    assert facts == identity.Facts(name="Ana Marin", birth_date="1980-02-29", sex="female", number="mrn-ana")
    assert "Marin" not in str(exported(connection)["ana"])


def test_another_name_or_birth_date_is_asked_about(ready: Ready, person: People) -> None:
    _portal, connection, _egress = ready()
    for sight, said in (
        (person("Zoe Other"), "share no name"),
        (person("Ben Marin"), "not the same name"),
        (person("Ana Marin", born="1981-01-01"), "another birth date"),
    ):
        with pytest.raises(patients.Doubtful, match=said):
            map_to(connection, "ana", sight, sure=False)
    assert exported(connection)["ana"].state == "waiting"
    map_to(connection, "ana", person("Zoe Other"), sure=True)
    assert exported(connection)["ana"].state == "mapped"


def test_a_patient_is_one_person_and_not_two(ready: Ready, person: People) -> None:
    _portal, connection, _egress = ready()
    map_to(connection, "ana", person("Ana Marin"))
    with pytest.raises(patients.NotThere, match="mapped already"):
        map_to(connection, "ana", person("Ana Marin"))


def test_taking_a_mapping_back_leaves_no_trace(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    wrong, right = person("Ben Marin"), person("Ana Marin")
    map_to(connection, "ben", wrong)
    map_to(connection, "ana", wrong)
    work(connection, egress)
    own = {"Patient/ben", "Observation/ben-0", "Observation/ben-1", "Observation/ben-2"}
    assert record(wrong)["Observation"] == 6
    patients.unmap_patient(desk=DESK, patient_id=exported(connection)["ana"].pk, now=timezone.now())
    assert {key for key in keys_of(wrong) if "/ana" in key} == set()
    assert own <= keys_of(wrong)
    with wrong.open():
        assert Source.objects.count() == 1
        assert not Resource.objects.filter(projection_due=True).exists()
        assert Event.objects.filter(fhir_id__startswith="ana").count() == 0
        assert Fact.objects.filter(title__startswith="Result").count() == 3
    assert waiting(connection)["ana", "Observation"] == 3
    map_to(connection, "ana", right)
    work(connection, egress)
    assert record(right)["Observation"] == 3
    assert record(right)["Practitioner"] == 1
    portal.put(observation("ana", 7))
    export(connection, egress)
    assert record(right)["Observation"] == 4
    assert record(wrong)["Observation"] == 3


def test_a_chart_that_the_person_connected_stays_theirs(ready: Ready, person: People) -> None:
    _portal, connection, egress = ready()
    ana = person("Ana Marin")
    with ana.open():
        source = Source.objects.create(
            person_id=ana.person_id,
            kind=Source.Kind.PORTAL,
            portal=connection.portal,
            profile_id="generic",
            name="Mine",
            base_url=connection.base_url,
            patient_fhir_id="ana",
        )
    row = map_to(connection, "ana", ana)
    assert row.source_id == source.pk, "the same chart is the same source"
    work(connection, egress)
    assert record(ana)["Observation"] == 3
    patients.unmap_patient(desk=DESK, patient_id=row.pk, now=timezone.now())
    assert record(ana)["Observation"] == 3
    with ana.open():
        assert Source.objects.get().kind == Source.Kind.PORTAL


def test_who_is_not_wanted_leaves_nothing_now_and_later(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ben = exported(connection)["ben"]
    patients.ignore_patient(desk=DESK, patient_id=ben.pk)
    portal.put(observation("ben", 9))
    again = export(connection, egress, full=True)
    assert sum(row.declined for row in files(again)) == 5
    assert not any(name == "ben" for name, _kind in waiting(connection))
    with DESK.open():
        assert not Landed.objects.filter(fhir_id__startswith="ben").exists()
        assert identity.facts_of(ExportedPatient.objects.get(fhir_id="ben")) == identity.Facts()
    with pytest.raises(patients.NotThere):
        patients.ignore_patient(desk=DESK, patient_id=map_to(connection, "ana", person("Ana Marin")).pk)
    patients.want_patient(desk=DESK, patient_id=ben.pk)
    export(connection, egress, full=True)
    assert waiting(connection)["ben", "Observation"] == 4


def test_an_erased_person_gets_nothing_back(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    with ana.open():
        Source.objects.all()._raw_delete(using="default")
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_access WHERE person_id = %s", [ana.person_id])
        PersonRow.objects.filter(pk=ana.person_id)._raw_delete(using="default")
    portal.put(observation("ana", 9))
    again = export(connection, egress, full=True)
    assert again.state == "complete"
    assert sum(row.declined for row in files(again)) == 5
    row = exported(connection)["ana"]
    assert (row.state, row.person_id) == ("mapped", None)
    assert not any(name == "ana" for name, _kind in waiting(connection))


def test_who_disconnects_keeps_what_they_have_and_gets_no_more(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    with ana.open():
        Source.objects.update(state=Source.State.DISCONNECTED)
    portal.put(observation("ana", 9))
    export(connection, egress)
    assert record(ana)["Observation"] == 3
    assert not any(name == "ana" for name, _kind in waiting(connection))


def test_letting_a_connection_go_takes_what_waits_and_no_record(ready: Ready, person: People) -> None:
    _portal, connection, egress = ready()
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    connections.forget(desk=DESK, connection_id=connection.pk)
    with DESK.open():
        for model in (ExportedPatient, Landed, Wanted, SetAside):
            assert not model.objects.exists()
    assert record(ana)["Observation"] == 3


def test_what_is_about_two_or_nobody_waits_for_good(ready: Ready, person: People) -> None:
    both = [{"actor": {"reference": f"Patient/{name}"}} for name in ("ana", "ben")]
    _portal, connection, egress = ready(
        {"resourceType": "Appointment", "id": "both", "participant": both},
        {"resourceType": "Observation", "id": "nobodys", "status": "final"},
        observation("ana", 8, hasMember=[{"reference": "Observation/nobodys"}]),
        types=("Patient", "Observation", "Appointment"),
    )
    ana, ben = person("Ana Marin"), person("Ben Marin")
    map_to(connection, "ana", ana)
    map_to(connection, "ben", ben)
    work(connection, egress)
    for sight in (ana, ben):
        assert {"Appointment/both", "Observation/nobodys"} & keys_of(sight) == set()
    assert waiting(connection)["", "Appointment"] == 1
    assert waiting(connection)["", "Observation"] == 1


def test_owners_that_come_later_are_found(ready: Ready, person: People) -> None:
    _portal, connection, egress = ready(
        {
            "resourceType": "Condition",
            "id": "by-mrn",
            "subject": {"identifier": {"system": "http://mrn", "value": "mrn-ana"}},
        },
        {
            "resourceType": "Goal",
            "id": "searched",
            "subject": {"reference": "Patient?identifier=http://mrn|mrn-ana"},
        },
        {
            "resourceType": "Provenance",
            "id": "of-ana",
            "target": [{"reference": "Observation/ana-1"}],
            "agent": [{"who": {"reference": "Practitioner/idle"}}],
        },
        {
            "resourceType": "Provenance",
            "id": "of-both",
            "target": [{"reference": "Observation/ana-1"}, {"reference": "Observation/ben-1"}],
        },
    )
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    assert {"Condition/by-mrn", "Goal/searched", "Provenance/of-ana", "Practitioner/idle"} <= keys_of(ana)
    assert "Provenance/of-both" not in keys_of(ana)


def test_a_resource_that_turns_out_to_be_anothers_goes_there(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ana, ben = person("Ana Marin"), person("Ben Marin")
    map_to(connection, "ana", ana)
    map_to(connection, "ben", ben)
    work(connection, egress)
    portal.put({**observation("ana", 1), "subject": {"reference": "Patient/ben"}})
    export(connection, egress)
    assert "Observation/ana-1" in keys_of(ben)
    with ana.open():
        assert Resource.objects.get(fhir_id="ana-1").gone_at is not None, (
            "kept, and marked: the portal took it away"
        )


def test_a_new_word_about_a_practitioner_reaches_who_refers_to_her(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    portal.put({"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr. Ana New"}]})
    portal.put({"resourceType": "Practitioner", "id": "idle", "name": [{"text": "Dr. Still Idle"}]})
    export(connection, egress)
    work_again(connection, egress)
    with ana.open():
        assert Resource.objects.get(fhir_id="doc").body["name"][0]["text"] == "Dr. Ana New"
        assert not Resource.objects.filter(fhir_id="idle").exists()


def work_again(connection: SystemConnection, egress: Egress) -> None:
    let_time_pass(connection)
    work(connection, egress)


def test_a_name_that_two_carry_brings_both_and_ends(ready: Ready, person: People) -> None:
    identifier = [{"system": "http://place", "value": "1"}]
    _portal, connection, egress = ready(
        {"resourceType": "Location", "id": "loc", "identifier": identifier},
        {"resourceType": "Organization", "id": "owner", "identifier": identifier},
        observation("ana", 5, performer=[{"identifier": identifier[0]}]),
    )
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    assert {"Location/loc", "Organization/owner"} <= keys_of(ana)


@pytest.mark.parametrize(
    ("facts", "name", "born", "doubts"),
    [
        (identity.Facts("Ana Marin", "1980-02-29"), "Ana Marin", "1980-02-29", 0),
        (identity.Facts("MARIN, Áña", "1980-02-29"), "Ana Marin", "1980-02-29", 0),
        (identity.Facts("Ana B. Marin", "1980-02-29"), "Ana Marin", "1980-02-29", 1),
        (identity.Facts("Ana Marin", "1980"), "Ana Marin", "1980-02-29", 1),
        (identity.Facts("", "1980-02-29"), "Ana Marin", "1980-02-29", 1),
        (identity.Facts("Ana Marin", "1980-03-01"), "Ana Marin", "1980-02-29", 1),
        (identity.Facts("Zoe Other", "1980-03-01"), "Ana Marin", "1980-02-29", 2),
        (identity.Facts(), "Ana Marin", "1980-02-29", 2),
        (identity.Facts("A. M.", "1980-02-29"), "Ana Marin", None, 2),
    ],
)
def test_what_does_not_agree_is_said(facts: identity.Facts, name: str, born: str | None, doubts: int) -> None:
    birth_date = None if born is None else date.fromisoformat(born)
    assert len(patients.doubts(facts=facts, name=name, birth_date=birth_date)) == doubts


def test_facts_of_a_strange_patient_are_left_out() -> None:
    assert identity.read_facts(b"[]") == identity.Facts()
    assert identity.read_facts(b"{") == identity.Facts()
    strange = (
        b'{"name":[7,{"given":"x"},{"text":"Ana\\u0000\\u0007"}],"birthDate":7,"identifier":[{"value":3},{}]}'
    )
    assert identity.read_facts(strange) == identity.Facts(name="Ana")


def test_the_patients_name_is_that_in_use(ready: Ready) -> None:
    names = [
        {"use": "old", "family": "Before"},
        {"use": "official", "family": "Marin", "given": ["Ana", "B."]},
    ]
    _portal, _connection, _egress = ready({**patient("cleo"), "name": names})
    with DESK.open():
        assert identity.facts_of(ExportedPatient.objects.get(fhir_id="cleo")).name == "Ana B. Marin"


def test_a_chart_that_the_person_connects_later_becomes_theirs(ready: Ready, person: People) -> None:
    portal, connection, egress = ready()
    ana = person("Ana Marin")
    row = map_to(connection, "ana", ana)
    work(connection, egress)
    assert connection.portal is not None
    with transaction.atomic(), ana.open():
        source, created = keep.keep(
            person_id=ana.person_id,
            portal=connection.portal,
            patient="ana",
            registration=None,
            server=None,
            reply=TokenReply(access_token=Secret("a-token")),
            scope="patient/*.rs",
            now=timezone.now(),
        )
    assert (source.pk, source.kind, created) == (row.source_id, Source.Kind.PORTAL, False)
    portal.put(observation("ana", 9))
    export(connection, egress)
    assert record(ana)["Observation"] == 4, "what exports bring goes on coming there"


def test_the_person_sees_where_it_came_from(ready: Ready, person: People) -> None:
    _portal, connection, egress = ready()
    ana = person("Ana Marin")
    map_to(connection, "ana", ana)
    work(connection, egress)
    with ana.open():
        (card,) = sync_queries.source_cards(sight=ana, now=timezone.now())
    assert (card.kind, card.state_text, card.can_sync, card.can_reconnect) == (
        "export",
        "from an export",
        False,
        False,
    )
    assert card.last_sync_text == "synced just now"
    assert card.ledger
