import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.sandbox import Account, Fault, PortalSpec, RunningPortal, SandboxClient, serve
from tests.connectors.sandbox.browser import CALLBACK

PROFILES = dict(load_registry())
ANNA = Account(username="anna", password="a word", patient_id="anna", name="Anna Berg")
PATIENT = b'{"resourceType":"Patient","id":"anna","name":[{"family":"Berg"}],"birthDate":"1980-02-29"}'


class OpenPortal(Protocol):
    def __call__(
        self,
        profile: Profile | None = None,
        *,
        resources: Sequence[bytes] = (PATIENT,),
        clients: Sequence[SandboxClient] = (SandboxClient(redirect_uris=(CALLBACK,)),),
        faults: Sequence[Fault] = (),
        state: str = "state",
        patient_id: str = "anna",
        **server: Any,
    ) -> RunningPortal: ...


def standard() -> Profile:
    """A server without quirks: the one whose `[server]` differs least from the defaults."""

    def quirks(profile: Profile) -> int:
        plain = type(profile.server)()
        names = [field.name for field in dataclasses.fields(plain)]
        return sum(getattr(plain, name) != getattr(profile.server, name) for name in names)

    return min(PROFILES.values(), key=quirks)


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
        clients: Sequence[SandboxClient] = (SandboxClient(redirect_uris=(CALLBACK,)),),
        faults: Sequence[Fault] = (),
        state: str = "state",
        patient_id: str = "anna",
        **server: Any,
    ) -> RunningPortal:
        profile = profile or standard()
        profile = dataclasses.replace(profile, server=dataclasses.replace(profile.server, **server))
        spec = PortalSpec(
            slug="mercy",
            name="Mercy Hospital",
            profile=profile,
            resources=resources,
            accounts=[dataclasses.replace(ANNA, patient_id=patient_id)],
            clients=clients,
            faults=faults,
        )
        return stop.enter_context(serve([spec], state_dir=tmp_path / state)).portals[0]

    return open_portal
