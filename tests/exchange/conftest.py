"""A hospital that exports, the operator's connection to it, and people whose records its patients may become."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from connectors.egress import Egress
from connectors.registry import load_registry
from connectors.sandbox import PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.records import dump
from phr.accounts import access, desk
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.core.environment import DatabaseAddress
from phr.exchange import connections, patients, session
from phr.exchange.models import Export, ExportedPatient, ExportFile, Landed, SystemConnection
from phr.records.models import Resource
from phr.sources import keys, portals

CLIENT_ID = "our-program"
DESK = desk.for_errand()


def patient(name: str, *, born: str = "1980-02-29") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [
            {"system": "http://mrn", "value": f"mrn-{name}", "type": {"coding": [{"code": "MR"}]}}
        ],
        "name": [{"family": "Marin", "given": [name.title()]}],
        "birthDate": born,
        "gender": "female",
    }


def observation(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{name}-{number}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": f"Result {number}"},
        "subject": {"reference": f"Patient/{name}"},
        "effectiveDateTime": "2024-02-01",
        "valueQuantity": {"value": 6.80 + number, "unit": "%"},
        **more,
    }


HOSPITAL: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "org", "name": "Mercy Hospital"},
    {"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr. Ana Ferreira"}]},
    {"resourceType": "Practitioner", "id": "idle", "name": [{"text": "Dr. Nobody Asked"}]},
    {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/doc"},
        "organization": {"reference": "Organization/org"},
    },
]


def charts(*names: str, results: int = 3) -> list[dict[str, Any]]:
    """A few resources of each patient, and the hospital's own."""
    found = list(HOSPITAL)
    for name in names:
        found.append(patient(name))
        found += [
            observation(name, number, performer=[{"reference": "PractitionerRole/role"}])
            for number in range(results)
        ]
    return found


@pytest.fixture
def hospital(tmp_path: Path, committed: DatabaseAddress) -> Iterator[Callable[..., RunningPortal]]:
    """Serve resources of many patients at a portal that exports them to our program."""
    pair = keys.require(algorithm="RS384", now=timezone.now())
    with ExitStack() as stack:

        def start(resources: Sequence[dict[str, Any] | bytes], **rules: Any) -> RunningPortal:
            generic = load_registry()["generic"]
            server = replace(
                generic.server,
                flows=("standalone", "backend"),
                client_auth=("private_key_jwt",),
                bulk_levels=("system", "patient", "group"),
            )
            spec = PortalSpec(
                slug=f"hospital-{uuid.uuid4().hex[:6]}",
                name="Mercy Hospital",
                profile=replace(generic, server=server),
                resources=[each if isinstance(each, bytes) else dump(each) for each in resources],
                clients=[
                    SandboxClient(
                        id=CLIENT_ID, method="private_key_jwt", jwks=keys.published(now=timezone.now())
                    )
                ],
            )
            running = stack.enter_context(serve([spec], state_dir=tmp_path / spec.slug)).portals[0]
            running.bulk.rules = replace(running.bulk.rules, waits=0, **rules)
            return running

        assert pair.key_id
        yield start


def connect(portal: RunningPortal, *, level: Any = "patient", **more: Any) -> SystemConnection:
    row, _new = portals.add_portal(profile_id="generic", name=portal.name, base_url=portal.base_url)
    found, _new = connections.connect(
        portal=row, level=level, client_id=CLIENT_ID, now=timezone.now(), **more
    )
    return found


@pytest.fixture
def network() -> Iterator[Callable[..., Egress]]:
    with ExitStack() as stack:

        def allow(*portals: RunningPortal) -> Egress:
            pairs = frozenset(("127.0.0.1", portal.port) for portal in portals)
            return stack.enter_context(Egress(allow=pairs))

        yield allow


@pytest.fixture
def person(committed: DatabaseAddress) -> Callable[..., Sight]:
    def make(name: str, *, born: str = "1980-02-29") -> Sight:
        user = User.objects.create_user(f"{uuid.uuid4().hex[:8]}@example.org", "a long enough password")
        sight = access.create_person(user=user, name=name, birth_date=date.fromisoformat(born))
        return access.for_work(person_id=sight.person_id)

    return make


def work(connection: SystemConnection, egress: Egress, *, rounds: int = 40, budget: float = 30.0) -> None:
    """Work a connection until nothing is left, letting every pause pass at once."""
    for _ in range(rounds):
        outcome = session.work(connection_id=connection.pk, egress=egress, clock=timezone.now, budget=budget)
        if outcome in {session.Outcome.DONE, session.Outcome.BUSY}:
            return
        let_time_pass(connection)
    raise AssertionError("the export does not end")


def export(connection: SystemConnection, egress: Egress, *, full: bool = False, **how: Any) -> Export:
    """Ask for an export and work it to its end."""
    connection.refresh_from_db()
    asked = connections.request(
        desk=DESK, connection=connection, since=None if full else connection.since, now=timezone.now()
    )
    work(connection, egress, **how)
    with DESK.open():
        return Export.objects.get(pk=asked.pk)


def let_time_pass(connection: SystemConnection) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            """UPDATE exchange_exportdue SET due_at = least(due_at, clock_timestamp()), rung_at = NULL,
               leased_until = least(leased_until, clock_timestamp()) WHERE connection_id = %s""",
            [connection.pk],
        )


def exported(connection: SystemConnection) -> dict[str, ExportedPatient]:
    with DESK.open():
        return {row.fhir_id: row for row in ExportedPatient.objects.filter(connection=connection)}


def map_to(connection: SystemConnection, fhir_id: str, sight: Sight, *, sure: bool = True) -> ExportedPatient:
    return patients.map_patient(
        desk=DESK,
        patient_id=exported(connection)[fhir_id].pk,
        person_id=sight.person_id,
        sure=sure,
        now=timezone.now(),
    )


def files(row: Export) -> list[ExportFile]:
    with DESK.open():
        return list(ExportFile.objects.filter(export=row).order_by("ordinal"))


def waiting(connection: SystemConnection) -> Counter[tuple[str, str]]:
    """What lies at the desk with its content, by patient ("" for none) and type."""
    with DESK.open():
        rows = Landed.objects.filter(connection=connection, body__isnull=False)
        return Counter(
            (fhir_id or "", kind) for fhir_id, kind in rows.values_list("patient__fhir_id", "resource_type")
        )


def record(sight: Sight) -> Counter[str]:
    with sight.open():
        return Counter(Resource.objects.values_list("resource_type", flat=True))


def keys_of(sight: Sight) -> set[str]:
    with sight.open():
        return {f"{kind}/{each}" for kind, each in Resource.objects.values_list("resource_type", "fhir_id")}
