import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import pytest

from connectors.profile import Profile, Server
from connectors.registry import load_registry
from connectors.sandbox import Account, Fault, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.spec import utc_now
from tests.connectors.sandbox.browser import CALLBACK, KEY

PROFILES = dict(load_registry())
JWKS = {"keys": [KEY.as_dict(private=False)]}
ANNA = Account(username="anna", password="a word", patient_id="anna", name="Anna Berg")
PATIENT = b'{"resourceType":"Patient","id":"anna","name":[{"family":"Berg"}],"birthDate":"1980-02-29"}'


class OpenPortal(Protocol):
    def __call__(
        self,
        profile: Profile | None = None,
        *,
        resources: Sequence[bytes] = (PATIENT,),
        clients: Sequence[SandboxClient] = (SandboxClient(redirect_uris=(CALLBACK,), jwks=JWKS),),
        faults: Sequence[Fault] = (),
        state: str = "state",
        patient_id: str = "anna",
        clock: Callable[[], datetime] = utc_now,
        spec: Mapping[str, Any] = MappingProxyType({}),
        **server: Any,
    ) -> RunningPortal: ...


def standard() -> Profile:
    """A server without quirks."""
    return dataclasses.replace(PROFILES["generic"], server=Server())


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 9, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stop() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def portal(tmp_path: Path, stop: ExitStack) -> OpenPortal:
    """Open a portal of a profile (the plainest when none is given); keywords change its `[server]`."""

    def open_portal(
        profile: Profile | None = None,
        *,
        resources: Sequence[bytes] = (PATIENT,),
        clients: Sequence[SandboxClient] = (SandboxClient(redirect_uris=(CALLBACK,), jwks=JWKS),),
        faults: Sequence[Fault] = (),
        state: str = "state",
        patient_id: str = "anna",
        clock: Callable[[], datetime] = utc_now,
        spec: Mapping[str, Any] = MappingProxyType({}),
        **server: Any,
    ) -> RunningPortal:
        profile = profile or standard()
        profile = dataclasses.replace(profile, server=dataclasses.replace(profile.server, **server))
        given = PortalSpec(
            slug="mercy",
            name="Mercy Hospital",
            profile=profile,
            resources=resources,
            accounts=[dataclasses.replace(ANNA, patient_id=patient_id)],
            clients=clients,
            faults=faults,
        )
        given = dataclasses.replace(given, **spec)
        return stop.enter_context(serve([given], state_dir=tmp_path / state, clock=clock)).portals[0]

    return open_portal
