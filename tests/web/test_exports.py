"""The operator's pages of exports: who waits, who may say whose record it is, and what nobody else sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors.fhir.bulk_lines import cut
from phr.accounts import access, desk
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.exchange import connections, landing, session, tasks
from phr.exchange.models import Export, ExportedPatient, ExportFile, Landed, SystemConnection
from phr.records.models import Resource
from phr.sources.models import Portal
from tests.exchange.conftest import charts

DESK = desk.for_errand()
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def connection(db: None) -> SystemConnection:
    """A connection whose export left two patients waiting."""
    portal = Portal.objects.create(
        profile_id="generic", name="Mercy Hospital", base_url="https://fhir.mercy.example/r4"
    )
    row, _new = connections.connect(
        portal=portal, level="patient", client_id="our-program", now=timezone.now()
    )
    texts = [*charts("ana", "ben"), {"resourceType": "Patient", "id": "x", "name": [{"family": HOSTILE}]}]
    body = b"\n".join(json.dumps(each).encode() for each in texts)
    with DESK.open():
        landing.take(connection=row, file=None, lines=list(cut([body])), volatile=(), now=timezone.now())
    return row


@pytest.fixture
def staff(db: None, make_user: Callable[..., User]) -> User:
    return make_user("operator@example.org", is_staff=True)


@pytest.fixture
def at_desk(staff: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser of the operator, who signed in just now; rings go nowhere."""
    monkeypatch.setattr(tasks, "ring_for_export", lambda *, connection_id: connection_id)
    client = Client(SERVER_NAME="127.0.0.1")
    answer = client.post(
        reverse("account_login"), {"login": staff.email, "password": "a long enough password"}
    )
    assert answer.status_code == 302
    return client


def row_of(fhir_id: str) -> ExportedPatient:
    with DESK.open():
        return ExportedPatient.objects.get(fhir_id=fhir_id)


def work(connection: SystemConnection) -> None:
    with transaction.atomic():
        outcome = session.work(connection_id=connection.pk, egress=None, clock=timezone.now)  # type: ignore[arg-type]
    assert outcome is session.Outcome.DONE


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_way_there_says_how_many_wait(at_desk: Client, connection: SystemConnection) -> None:
    assert "3 patients wait" in page(at_desk, "operate")
    text = page(at_desk, "exports")
    assert "Mercy Hospital" in text
    assert "nothing exported yet" in text
    assert "Marin" not in text, "who waits is shown where they are looked after, and nowhere else"


def test_who_waits_is_listed_by_name_and_found(at_desk: Client, connection: SystemConnection) -> None:
    text = page(at_desk, "exports_connection", connection.pk)
    assert text.index("Ana Marin") < text.index("Ben Marin")
    assert "born 29 February 1980" in text
    assert "mrn-ana" in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    found = page(at_desk, "exports_connection", connection.pk, q="BEN")
    assert "Ben Marin" in found
    assert "Ana Marin" not in found
    assert "Nobody of that name" in page(at_desk, "exports_connection", connection.pk, q="zoe\x00")
    assert "Nobody." in page(at_desk, "exports_connection", connection.pk, state="mapped")


@pytest.mark.parametrize("name", ["exports", "exports_connection", "exports_patient"])
def test_to_others_there_is_no_such_page(
    owner: User, connection: SystemConnection, signed_in: Callable[[User], Client], name: str
) -> None:
    args: list[UUID] = {
        "exports_connection": [connection.pk],
        "exports_patient": [row_of("ana").pk],
    }.get(name, [])
    answer = signed_in(owner).get(reverse(name, args=args))
    assert answer.status_code == 404
    assert b"Marin" not in answer.content
    assert Client(SERVER_NAME="127.0.0.1").get(reverse(name, args=args)).status_code == 302


def test_others_change_nothing(
    owner: User, connection: SystemConnection, signed_in: Callable[[User], Client]
) -> None:
    sight = access.create_person(user=owner, name="Ana Marin")
    client = signed_in(owner)
    row = row_of("ana")
    for name, args, given in (
        ("exports_ask", connection.pk, {}),
        ("exports_patient", row.pk, {"person": str(sight.person_id), "sure": "1"}),
        ("exports_undo", row.pk, {"what": "ignore"}),
    ):
        assert client.post(reverse(name, args=[args]), given).status_code == 404
    assert row_of("ana").state == "waiting"
    with DESK.open():
        assert not Export.objects.exists()


def test_a_patient_becomes_a_persons_record(
    at_desk: Client, connection: SystemConnection, owner: User
) -> None:
    other = access.create_person(user=owner, name="Zoe Other")
    ana = access.create_person(
        user=owner, name="Ana Marin", birth_date=timezone.localdate().replace(1980, 2, 29)
    )
    row = row_of("ana")
    text = page(at_desk, "exports_patient", row.pk)
    assert text.index("Ana Marin") < text.index("Zoe Other"), "who fits comes first"
    assert text.count("same name and birth date") == 1
    answer = at_desk.post(reverse("exports_patient", args=[row.pk]), {"person": str(ana.person_id)})
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        reverse("exports_connection", args=[connection.pk]),
    )
    work(connection)
    with ana.open():
        assert Resource.objects.filter(resource_type="Observation").count() == 3
    with other.open():
        assert not Resource.objects.exists()
    assert "record of Ana Marin" in page(at_desk, "exports_connection", connection.pk, state="mapped")


def test_what_does_not_agree_is_asked_once_more(
    at_desk: Client, connection: SystemConnection, owner: User
) -> None:
    zoe = access.create_person(user=owner, name="Zoe Other")
    row = row_of("ana")
    address = reverse("exports_patient", args=[row.pk])
    answer = at_desk.post(address, {"person": str(zoe.person_id)})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "share no name" in text
    assert f'value="{zoe.person_id}" required checked' in text
    assert row_of("ana").state == "waiting"
    assert at_desk.post(address, {"person": str(zoe.person_id), "sure": "1"}).status_code == 302
    assert row_of("ana").person_id == zoe.person_id


@pytest.mark.parametrize("given", [{}, {"person": "nobody"}, {"person": str(UUID(int=0))}])
def test_nobody_is_nobody(at_desk: Client, connection: SystemConnection, given: dict[str, str]) -> None:
    row = row_of("ana")
    answer = at_desk.post(reverse("exports_patient", args=[row.pk]), given)
    assert answer.status_code == 422
    assert row_of("ana").state == "waiting"


def test_a_mapping_is_taken_back_and_a_patient_let_go(
    at_desk: Client, connection: SystemConnection, owner: User
) -> None:
    ana = access.create_person(
        user=owner, name="Ana Marin", birth_date=timezone.localdate().replace(1980, 2, 29)
    )
    row = row_of("ana")
    undo = reverse("exports_undo", args=[row.pk])
    at_desk.post(reverse("exports_patient", args=[row.pk]), {"person": str(ana.person_id)})
    work(connection)
    assert "Take it back" in page(at_desk, "exports_patient", row.pk)
    assert at_desk.post(undo, {"what": "ignore"}).headers["Location"] == reverse(
        "exports_patient", args=[row.pk]
    )
    assert at_desk.post(undo, {"what": "unmap"}).status_code == 302
    with ana.open():
        assert not Resource.objects.exists()
    at_desk.post(undo, {"what": "ignore"})
    assert row_of("ana").state == "ignored"
    with DESK.open():
        assert not Landed.objects.filter(patient=row).exists()
    assert "Let this patient wait again" in page(at_desk, "exports_patient", row.pk)
    at_desk.post(undo, {"what": "want"})
    assert row_of("ana").state == "waiting"
    assert at_desk.post(undo, {"what": "made up"}).status_code == 404


def test_who_signed_in_a_while_ago_proves_it_again(
    at_desk: Client, connection: SystemConnection, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phr.web.gate.STEP_UP_SECONDS", 0)
    answer = at_desk.get(reverse("exports_patient", args=[row_of("ana").pk]))
    assert answer.status_code == 302
    assert "/reauthenticate/" in answer.headers["Location"]


def test_an_export_is_asked_for_and_its_progress_shown(at_desk: Client, connection: SystemConnection) -> None:
    assert at_desk.post(reverse("exports_ask", args=[connection.pk])).status_code == 302
    with DESK.open():
        (export,) = Export.objects.all()
        assert export.since is None
        Export.objects.update(state=Export.State.ASKED, progress="40% of it <b>")
    text = page(at_desk, "exports_connection", connection.pk)
    assert "40% of it &lt;b&gt;" in text
    assert 'hx-trigger="every 2s"' in text
    with DESK.open():
        Export.objects.update(state=Export.State.FETCHING)
        ExportFile.objects.create(
            export=export, ordinal=0, resource_type="Observation", claimed=12000, landed=3000
        )
    answer = at_desk.get(reverse("exports_connection", args=[connection.pk]), headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert "3,000 of 12,000 records" in part
    assert "<h1" not in part
    assert "3,000 of 12,000" in page(at_desk, "exports_connection", connection.pk)


def test_what_went_wrong_is_a_sentence(at_desk: Client, connection: SystemConnection) -> None:
    with DESK.open():
        Export.objects.create(
            connection=connection,
            trigger="operator",
            state=Export.State.FAILED,
            reason="client_refused",
            finished_at=timezone.now(),
        )
    assert "The server does not accept our program" in page(at_desk, "exports")


def test_no_record_is_opened_for_it(
    at_desk: Client, connection: SystemConnection, sight: Sight, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(40):
        text = page(at_desk, "exports_connection", connection.pk)
    assert "Rosa" not in text
