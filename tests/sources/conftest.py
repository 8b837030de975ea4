"""One user, one person, and a sandbox portal over real sockets to connect to; every commit is real."""

from __future__ import annotations

import dataclasses
import json
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
from connectors.sandbox.spec import Staff
from connectors.secret import Secret
from connectors.smart.discovery import headers_for
from phr.accounts import access
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.core.crypto import unseal
from phr.core.environment import DatabaseAddress
from phr.sources import portals, registrations
from phr.sources.flows.begin import Begun, begin
from phr.sources.flows.finish import finish
from phr.sources.flows.launch import Launched, launched
from phr.sources.flows.outcomes import Finished, Unconfirmed
from phr.sources.flows.refresh import access_token
from phr.sources.models import Grant, GrantReply, Portal, Registration, Source
from tests.connectors.sandbox.browser import Answer, send, ticket_of

PROFILES = dict(load_registry())
ANNA = Account(username="anna", password="a word", patient_id="anna-1", name="Anna Berg")
BEN = Account(username="ben", password="a word", patient_id="ben-2", name="Ben Berg")
DOCTOR = Staff(username="doctor", password="a word", name="Dr Vogel", reference="Practitioner/vogel")
BORN = {"anna-1": "1980-02-29", "ben-2": "2012-07-01"}
SESSION = "the key of a session"


def rotating() -> Profile:
    """A profile whose grants rotate, and that does everything else as the specification says."""
    return next(
        p
        for p in PROFILES.values()
        if p.refresh.style == "rotating"
        and (p.auth.aud, p.auth.pkce) == ("send", "send")
        and "standalone" in p.auth.flows
        and not p.auth.issuers
    )


class Clock:
    """The real time, and what a test lets pass beside it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead


class House:
    """What a test holds: our side's rows, and the portal's handles."""

    def __init__(
        self,
        *,
        running: RunningPortal,
        user: User,
        sight: Sight,
        egress: Egress,
        slug: str,
        clock: Clock,
    ) -> None:
        self.running, self.user, self.sight, self.egress = running, user, sight, egress
        self.clock = clock
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
        self.callback = registrations.redirect_uri_of(registration=self.registration)
        running.allow_redirect(self.callback)

    def begin(self, *, session: str = SESSION, now: datetime | None = None, **further: Any) -> str:
        """Begin, and return the address of a journey that is made by GET."""
        begun = self.leave(session=session, now=now, **further)
        assert begun.request.method == "GET"
        return begun.request.url

    def leave(self, *, session: str = SESSION, now: datetime | None = None, **further: Any) -> Begun:
        return begin(
            sight=self.sight,
            portal_id=self.portal.pk,
            session_key=session,
            egress=self.egress,
            now=now or self.clock(),
            **further,
        )

    @property
    def origin(self) -> str:
        return "/".join(self.running.base_url.split("/")[:3])

    def consent(
        self,
        url: str,
        *,
        account: Account | Staff = ANNA,
        patient: Account = ANNA,
        decision: str = "allow",
    ) -> dict[str, str]:
        """Walk through sign-in and consent as a browser does; return the query of the callback.

        ``patient``: whom staff choose, where the portal asks them.
        """
        return self.consent_to(send(url), account=account, patient=patient, decision=decision).query

    def consent_to(
        self,
        page: Answer,
        *,
        account: Account | Staff = ANNA,
        patient: Account = ANNA,
        decision: str = "allow",
    ) -> Answer:
        """Go on from the portal's sign-in page; return what sends the browser back."""
        issuer = f"{self.origin}/oauth2"
        ticket = ticket_of(page)
        form = {"ticket": ticket, "username": account.username, "password": account.password}
        page = send(f"{issuer}/sign-in", form=form)
        assert page.status == 200
        if b"/oauth2/choose" in page.body:
            page = send(f"{issuer}/choose", form={"ticket": ticket, "patient": patient.patient_id})
            assert page.status == 200
        back: Answer = send(f"{issuer}/consent", form={"ticket": ticket, "decision": decision})
        redirect_uri = registrations.redirect_uri_of(registration=self.registration)
        assert back.headers["location"].startswith(f"{redirect_uri}?")
        return back

    def start_from_portal(self, *, account: Account | Staff = ANNA, patient: Account = ANNA) -> Answer:
        """Sign in at the portal's own page and start us there; return where it sends the browser."""
        self.running.set_launch_url(registrations.launch_url(slug=self.registration.slug))
        form = {"username": account.username, "password": account.password}
        cookie = send(f"{self.origin}/portal/sign-in", form=form).headers["set-cookie"].partition(";")[0]
        form = {"app": self.running.client_id, "patient": patient.patient_id}
        return send(f"{self.origin}/portal/launch", form=form, headers={"Cookie": cookie})

    def launched(self, *, account: Account | Staff = ANNA, patient: Account = ANNA) -> Launched:
        """Start us from the portal's own page."""
        given = self.start_from_portal(account=account, patient=patient).query
        return launched(slug=self.registration.slug, iss=given["iss"], value=given["launch"])

    def finish(
        self,
        params: dict[str, str],
        *,
        user: User | None = None,
        session: str = SESSION,
        slug: str | None = None,
        now: datetime | None = None,
    ) -> Finished:
        finished = self.come_back(params, user=user, session=session, slug=slug, now=now)
        assert isinstance(finished, Finished)
        return finished

    def come_back(
        self,
        params: dict[str, str],
        *,
        user: User | None = None,
        session: str = SESSION,
        slug: str | None = None,
        now: datetime | None = None,
    ) -> Finished | Unconfirmed:
        return finish(
            user=user or self.user,
            session_key=session,
            slug=slug or self.registration.slug,
            params=params,
            egress=self.egress,
            now=now or self.clock(),
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
            now=self.clock() + late,
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
        profile = PROFILES[self.running.profile_id]
        headers = headers_for(profile=profile, client_id=self.running.client_id)
        headers["Accept"] = profile.fhir.accept
        # Where the coverage says who the patient is, the patient need not be shown.
        coverage = "coverage" in profile.patient.sources
        what = f"Coverage/cov-{account.patient_id}" if coverage else f"Patient/{account.patient_id}"
        url = f"{self.running.base_url}/{what}"
        return send(url, bearer=token.reveal(), headers=headers).status == 200

    def pass_interval(self) -> None:
        """Let the time pass that this vendor wants between two refreshes, here and there."""
        profile = PROFILES[self.running.profile_id]
        self.clock.ahead += timedelta(seconds=profile.refresh.min_interval_seconds or 0)

    def asked(self, end: str) -> int:
        """Count the portal's requests to addresses that end so."""
        return sum(each.path.endswith(end) for each in self.running.requests())


def _record(account: Account) -> list[bytes]:
    """A patient, and what an insurer knows a patient by."""
    first, last = account.name.split()
    patient = {
        "resourceType": "Patient",
        "id": account.patient_id,
        "name": [{"use": "official", "given": [first], "family": last}],
        "birthDate": BORN[account.patient_id],
    }
    coverage = {
        "resourceType": "Coverage",
        "id": f"cov-{account.patient_id}",
        "status": "active",
        "beneficiary": {"reference": f"Patient/{account.patient_id}"},
        "payor": [{"display": "An insurer"}],
    }
    return [json.dumps(each).encode() for each in (patient, coverage)]


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
            resources=[resource for each in (ANNA, BEN) for resource in _record(each)],
            accounts=[ANNA, BEN],
            staff=[DOCTOR],
            clients=(client or SandboxClient(),),
            faults=faults,
        )
        clock = Clock()
        running = stop.enter_context(serve([spec], state_dir=tmp_path / slug, clock=clock)).portals[0]
        port = urlsplit(running.base_url).port
        assert port is not None
        egress = stop.enter_context(Egress(allow=frozenset({("127.0.0.1", port)})))
        return House(running=running, user=user, sight=person, egress=egress, slug=slug, clock=clock)

    return open_house
