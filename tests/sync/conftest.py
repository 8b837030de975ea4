"""A person, sandbox portals that hold something, and a source connected to each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from connectors.egress import Egress
from connectors.sandbox import Account, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.records import dump
from connectors.secret import Secret
from phr.accounts import access
from phr.accounts.models import User
from phr.core.environment import DatabaseAddress
from phr.sources import portals, registrations
from phr.sources.flows.from_tokens import from_tokens
from phr.sources.profiles import all_profiles
from phr.sync import requests
from phr.sync.models import Run, Step
from phr.sync.pipeline import session
from phr.sync.reasons import sentence

Serve = Callable[..., RunningPortal]
Vendor = Callable[[str], str]
# Some portals give the people and places that a record names under `user/` alone.
SCOPE = "patient/*.read user/*.read offline_access"
# What every profile must say; a test adds what it is about.
PROFILE = """id = "{name}"
name = "A strict house"
status = "documented"
checked_on = 2026-08-31
documentation = ["https://hl7.org/fhir/smart-app-launch/"]
[auth]
clients = ["public"]
[scopes]
version = "v1"
style = "wildcard"
[refresh]
style = "rotating"
"""
Connect = Callable[..., uuid.UUID]


@pytest.fixture
def vendor(tmp_path: Path, settings: Settings) -> Callable[[str], str]:
    """Write the profile of a house that no vendor's is like, in the operator's folder; return its id."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    settings.PHR_PROFILES_DIR = folder

    def add(text: str, *, name: str = "strict_house") -> str:
        # A file of another name each time, for folders are read once.
        (folder / f"{name}.toml").write_text(PROFILE.format(name=name) + text)
        return name

    return add


@pytest.fixture
def serve_portal(tmp_path: Path) -> Iterator[Serve]:
    """Serve one patient's resources at a portal of a vendor."""
    with ExitStack() as stack:

        def start(
            resources: Sequence[dict[str, Any]], *, vendor: str = "generic", patient: str = "pat"
        ) -> RunningPortal:
            spec = PortalSpec(
                slug=f"{vendor}-{uuid.uuid4().hex[:6]}",
                name=f"A portal of {vendor}",
                profile=all_profiles()[vendor],
                resources=[dump(resource) for resource in resources],
                accounts=[Account(username="rosa", password="rosa", patient_id=patient, name="Rosa Marin")],
                clients=[SandboxClient(redirect_uris=("http://127.0.0.1:8000/callback/x/",))],
            )
            running = stack.enter_context(serve([spec], state_dir=tmp_path / spec.slug))
            return running.portals[0]

        yield start


@pytest.fixture
def person(committed: DatabaseAddress) -> access.Sight:
    user = User.objects.create_user("owner@example.org", "a long enough password")
    sight = access.create_person(user=user, name="Rosa Marin")
    return access.for_work(person_id=sight.person_id)


def address_of(portal: RunningPortal) -> frozenset[tuple[str, int]]:
    """Return what must be allowed to reach a portal."""
    return frozenset({("127.0.0.1", portal.port)})


@pytest.fixture
def network() -> Iterator[Callable[..., Egress]]:
    """An egress that may reach the given portals."""
    with ExitStack() as stack:

        def allow(*portals: RunningPortal) -> Egress:
            return stack.enter_context(Egress(allow=frozenset().union(*map(address_of, portals))))

        yield allow


@pytest.fixture
def connect(person: access.Sight, network: Callable[..., Egress]) -> Connect:
    """Connect the person to a portal with a grant that the sandbox issues."""

    def to(portal: RunningPortal, *, patient: str = "pat", scope: str = SCOPE) -> uuid.UUID:
        registrations.register(
            profile_id=portal.profile_id,
            portal=portals.add_portal(
                profile_id=portal.profile_id, name=portal.name, base_url=portal.base_url
            )[0],
            client_id=portal.client_id,
            secret=Secret(portal.client_secret) if portal.client_secret else None,
            method=portal.client_method,
        )
        reply = portal.issue_grant(patient_id=patient, scope=scope)
        source, _created = from_tokens(
            sight=person,
            profile_id=portal.profile_id,
            base_url=portal.base_url,
            name=portal.name,
            patient=patient,
            access_token=Secret(reply["access_token"]),
            refresh_token=Secret(reply["refresh_token"]) if reply.get("refresh_token") else None,
            scope=reply.get("scope", scope),
            expires_in=reply.get("expires_in"),
            context={name: value for name, value in reply.items() if name.startswith("ah_")},
            egress=network(portal),
            now=timezone.now(),
        )
        return source.pk

    return to


def sync(
    person: access.Sight, source_id: uuid.UUID, egress: Egress, *, full: bool = False, rounds: int = 50
) -> Run:
    """Ask for a run and work it to its end, as a worker would."""
    with person.open():
        run = requests.request(
            sight=person, source_id=source_id, trigger=Run.Trigger.COMMAND, full=full, now=timezone.now()
        )
    for _ in range(rounds):
        outcome = session.work(source_id=source_id, egress=egress, clock=timezone.now)
        if outcome is not session.Outcome.AGAIN:
            break
    with person.open():
        return Run.objects.get(pk=run.pk)


def work_until_over(
    person: access.Sight, source_id: uuid.UUID, egress: Egress, *, full: bool = False, rounds: int = 30
) -> Run:
    """Ask for a run and work it to its end, letting every pause that a portal causes pass at once."""
    with person.open():
        run = requests.request(
            sight=person, source_id=source_id, trigger=Run.Trigger.PERSON, full=full, now=timezone.now()
        )
    for _ in range(rounds):
        outcome = session.work(source_id=source_id, egress=egress, clock=timezone.now)
        if outcome in {session.Outcome.DONE, session.Outcome.BUSY}:
            break
        let_time_pass(source_id)
    with person.open():
        return Run.objects.get(pk=run.pk)


def let_time_pass(source_id: uuid.UUID) -> None:
    """Let back-offs, leases and rings of a source lie in the past."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE sync_due SET due_at = least(due_at, clock_timestamp()), rung_at = NULL,
               leased_until = least(leased_until, clock_timestamp()) WHERE source_id = %s""",
            [source_id],
        )


def said(person: access.Sight, run: Run, resource_type: str) -> tuple[str, str]:
    """Return how a type ended in a run, and the sentence that its person reads about it."""
    with person.open():
        steps = list(Step.objects.filter(run=run))
        found = [step for step in steps if resource_type in {step.resource_type, step.kind}]
    worst = min(found, key=lambda step: (step.state == "complete", step.ordinal))
    return worst.state, sentence(worst.reason)


def stored(person: access.Sight) -> dict[tuple[uuid.UUID, str, str], tuple[int, bytes, str]]:
    """Return every stored resource: its version, the digest of its bytes, and the transaction that wrote it."""
    with person.open(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, resource_type, fhir_id, number, raw_digest, xmin::text FROM records_resource"
            " WHERE person_id = %s",
            [person.person_id],
        )
        return {(row[0], row[1], row[2]): (row[3], bytes(row[4]), row[5]) for row in cursor.fetchall()}


def timeline(person: access.Sight) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return every fact by its id: its title, and the resources that say it."""
    with person.open(), connection.cursor() as cursor:
        cursor.execute(
            """SELECT f.id::text, f.title, f.visit_id::text,
                 array_agg(e.resource_type || '/' || e.fhir_id ORDER BY e.source_id, e.resource_type, e.fhir_id)
               FROM timeline_fact AS f JOIN timeline_event AS e ON e.fact_id = f.id AND e.person_id = f.person_id
               WHERE f.person_id = %s GROUP BY f.id, f.title, f.visit_id""",
            [person.person_id],
        )
        return {row[0]: (f"{row[1]} in {row[2]}", tuple(row[3])) for row in cursor.fetchall()}
