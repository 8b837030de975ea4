"""One user, one person, and a sandbox portal over real sockets to connect to; every commit is real."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.utils import timezone

from connectors.egress import Egress
from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.sandbox import Account, Fault, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.secret import Secret
from phr.accounts import access
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.core.crypto import unseal
from phr.core.environment import DatabaseAddress
from phr.sources import portals, registrations
from phr.sources.flows.begin import begin
from phr.sources.flows.finish import finish
from phr.sources.flows.outcomes import Finished
from phr.sources.flows.refresh import access_token
from phr.sources.models import Grant, GrantReply, Portal, Registration, Source
from tests.connectors.sandbox.browser import Answer, send, ticket_of

PROFILES = dict(load_registry())
ANNA = Account(username="anna", password="a word", patient_id="anna-1", name="Anna Berg")
BEN = Account(username="ben", password="a word", patient_id="ben-2", name="Ben Berg")
SESSION = "the key of a session"


def rotating() -> Profile:
    """A profile whose grants rotate."""
    return next(p for p in PROFILES.values() if p.refresh.style == "rotating")


class House:
    """What a test holds: our side's rows, and the portal's handles."""

    def __init__(
        self, *, running: RunningPortal, user: User, sight: Sight, egress: Egress, slug: str
    ) -> None:
        self.running, self.user, self.sight, self.egress = running, user, sight, egress
        self.portal: Portal = portals.add_portal(
            profile_id=running.profile_id, name=f"Mercy {slug}", base_url=running.base_url
        )[0]
        self.registration: Registration = registrations.register(
            profile_id=running.profile_id,
            portal=self.portal,
            client_id=running.client_id,
            secret=Secret(running.client_secret) if running.client_secret else None,
            method=running.client_method,
        )[0]
        self.callback = registrations.callback_url(slug=self.registration.slug)
        running.allow_redirect(self.callback)

    def begin(
        self, *, session: str = SESSION, reconnects: UUID | None = None, now: datetime | None = None
    ) -> str:
        return begin(
            sight=self.sight,
            portal_id=self.portal.pk,
            session_key=session,
            reconnects=reconnects,
            egress=self.egress,
            now=now or timezone.now(),
        )

    def consent(self, url: str, *, account: Account = ANNA, decision: str = "allow") -> dict[str, str]:
        """Walk through sign-in and consent as a browser does; return the query of the callback."""
        issuer = url.partition("/authorize?")[0]
        ticket = ticket_of(send(url))
        form = {"ticket": ticket, "username": account.username, "password": account.password}
        assert send(f"{issuer}/sign-in", form=form).status == 200
        back: Answer = send(f"{issuer}/consent", form={"ticket": ticket, "decision": decision})
        assert back.headers["location"].startswith(f"{self.callback}?")
        return back.query

    def finish(
        self,
        params: dict[str, str],
        *,
        user: User | None = None,
        session: str = SESSION,
        slug: str | None = None,
        now: datetime | None = None,
    ) -> Finished:
        return finish(
            user=user or self.user,
            session_key=session,
            slug=slug or self.registration.slug,
            params=params,
            egress=self.egress,
            now=now or timezone.now(),
        )

    def connect(self, *, account: Account = ANNA, reconnects: UUID | None = None) -> Finished:
        return self.finish(self.consent(self.begin(reconnects=reconnects), account=account))

    def token(
        self, source_id: UUID, *, rejected: Secret | None = None, late: timedelta = timedelta()
    ) -> Secret:
        return access_token(
            sight=self.sight,
            source_id=source_id,
            egress=self.egress,
            now=timezone.now() + late,
            rejected=rejected,
        )

    def source(self, source_id: UUID) -> Source:
        with self.sight.open():
            return Source.objects.get(pk=source_id)

    def grant(self, source_id: UUID) -> Grant:
        with self.sight.open():
            return Grant.objects.get(source_id=source_id)

    def mark(self, source_id: UUID, *, ago: timedelta) -> datetime:
        """Leave the marker of a refresh that was begun and never ended."""
        marker = timezone.now() - ago
        with self.sight.open():
            assert Grant.objects.filter(source_id=source_id).update(refresh_started_at=marker) == 1
        return marker

    def replies(self, source_id: UUID) -> int:
        with self.sight.open():
            return GrantReply.objects.filter(grant__source_id=source_id).count()

    def refresh_token(self, source_id: UUID) -> Secret:
        token = unseal(self.grant(source_id), "refresh_token")
        assert token is not None
        return token

    def works(self, token: Secret, *, account: Account = ANNA) -> bool:
        """Say whether the portal gives the patient for this token."""
        url = f"{self.running.base_url}/Patient/{account.patient_id}"
        return send(url, bearer=token.reveal()).status == 200

    def asked(self, end: str) -> int:
        """Count the portal's requests to addresses that end so."""
        return sum(each.path.endswith(end) for each in self.running.requests())


class OpenHouse(Protocol):
    def __call__(
        self,
        profile: Profile | None = None,
        *,
        slug: str = "mercy",
        faults: tuple[Fault, ...] = (),
        client: SandboxClient = ...,
        **server: Any,
    ) -> House: ...


@pytest.fixture
def user(committed: DatabaseAddress, make_user: Callable[..., User]) -> User:
    return make_user("anna@example.org")


@pytest.fixture
def other_user(committed: DatabaseAddress, make_user: Callable[..., User]) -> User:
    return make_user("other@example.org")


@pytest.fixture
def stop() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def person(user: User) -> Sight:
    return access.create_person(user=user, name="Anna Berg")


@pytest.fixture
def house(user: User, person: Sight, tmp_path: Path, stop: ExitStack) -> OpenHouse:
    """Open a portal of a profile (a rotating one by default); further keywords change its server."""

    def open_house(
        profile: Profile | None = None,
        *,
        slug: str = "mercy",
        faults: tuple[Fault, ...] = (),
        client: SandboxClient | None = None,
        **server: Any,
    ) -> House:
        profile = profile or rotating()
        if not server and profile.refresh.style == "rotating":
            server = {"refresh_rotates": True}
        served = dataclasses.replace(profile, server=dataclasses.replace(profile.server, **server))
        spec = PortalSpec(
            slug=slug,
            name="Mercy Hospital",
            profile=served,
            resources=[
                f'{{"resourceType":"Patient","id":"{each.patient_id}"}}'.encode() for each in (ANNA, BEN)
            ],
            accounts=[ANNA, BEN],
            clients=(client or SandboxClient(),),
            faults=faults,
        )
        running = stop.enter_context(serve([spec], state_dir=tmp_path / slug)).portals[0]
        port = urlsplit(running.base_url).port
        assert port is not None
        egress = stop.enter_context(Egress(allow=frozenset({("127.0.0.1", port)})))
        return House(running=running, user=user, sight=person, egress=egress, slug=slug)

    return open_house
