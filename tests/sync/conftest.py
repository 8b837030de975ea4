"""A person, sandbox portals that hold something, and a source connected to each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.registry import load_registry
from connectors.sandbox import Account, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.records import dump
from connectors.secret import Secret
from phr.accounts import access
from phr.accounts.models import User
from phr.core.environment import DatabaseAddress
from phr.sources.flows.from_tokens import from_tokens
from phr.sync import requests
from phr.sync.models import Run
from phr.sync.pipeline import session

Serve = Callable[..., RunningPortal]
Connect = Callable[..., uuid.UUID]


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
                profile=load_registry()[vendor],
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


@pytest.fixture
def network() -> Iterator[Callable[..., Egress]]:
    """An egress that may reach the given portals."""
    with ExitStack() as stack:

        def allow(*portals: RunningPortal) -> Egress:
            pairs = frozenset(
                ("127.0.0.1", int(portal.base_url.split(":")[2].split("/")[0])) for portal in portals
            )
            return stack.enter_context(Egress(allow=pairs))

        yield allow


@pytest.fixture
def connect(person: access.Sight, network: Callable[..., Egress]) -> Connect:
    """Connect the person to a portal with a grant that the sandbox issues."""

    def to(
        portal: RunningPortal, *, patient: str = "pat", scope: str = "patient/*.read offline_access"
    ) -> uuid.UUID:
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
