"""What a sandbox portal is made of, and what can be made to go wrong in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.profile import ClientMethod, Profile

FaultKind = Literal[
    "status",  # answer with `status`, and with Retry-After where `retry_after` is set
    "html",  # answer 200 with a web page
    "truncate",  # announce the whole body, send half of it
    "reset",  # reset the connection without an answer
    "hang",  # wait `seconds`, then answer as usual
    "broken_bundle",  # a Bundle whose JSON breaks off, correctly framed
    "stop_paging",  # no next link after `pages` pages, the total still saying more
    "expire_page",  # the link to a further page is no longer known
    "bad_resource",  # `body` stands among the entries of the page
    "invalid_grant",  # token endpoint: this error
    "refuse",  # the type is refused as if its scope were missing
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    `times`: how many requests it befalls before it is used up; None: every one until the faults are set anew.
    `where`: a resource type, "token", "authorize", "metadata", or "" for every FHIR request.
    """

    kind: FaultKind
    times: int | None = 1
    where: str = ""
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    pages: int = 1
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in at the portal, and the patient they are there."""

    username: str
    password: str
    patient_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Somebody who works there: signs in at the portal and opens the chart of one of its patients."""

    username: str
    password: str
    name: str
    # As `fhirUser` says it.
    reference: str = "Practitioner/staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxClient:
    """An app registered at the portal. A missing id or secret is made up once and kept in the state.

    `scope`: what the registration lists, for servers that grant that and not what was asked; "" lists all.
    `jwks`: the public keys of a `private_key_jwt` client. `launch_url`: where the portal's own page launches
    the app; "" is not launched from there. `name`: as the portal's pages call it.
    """

    id: str = ""
    secret: str = ""
    method: ClientMethod | None = None
    redirect_uris: tuple[str, ...] = ()
    scope: str = ""
    jwks: Mapping[str, Any] | None = None
    launch_url: str = ""
    name: str = "Your health record app"


def utc_now() -> datetime:
    """Return the time: the default clock of a portal."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Documents that a vendor's server was seen to serve, as parsed JSON; None is written from the profile."""

    smart_configuration: Mapping[str, Any] | None = None
    openid_configuration: Mapping[str, Any] | None = None
    capability: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSpec:
    """One portal to serve. `slug` names its state file and stays the same from start to start.

    `resources`: raw JSON texts, or a mapping of type to such texts.
    """

    slug: str
    name: str
    profile: Profile
    resources: Iterable[bytes] | Mapping[str, Sequence[bytes]] = ()
    accounts: Sequence[Account] = ()
    staff: Sequence[Staff] = ()
    clients: Sequence[SandboxClient] = (SandboxClient(),)
    # Served in place of our own, its addresses rewritten.
    captured: Captured = Captured()
    # What an app that registers itself must hold; "" lets anybody register.
    initial_access_token: str = ""
    # Reads the keys at a `jwks_uri` that an app registers; without it such a registration is declined.
    fetch_keys: Callable[[str], Mapping[str, Any]] | None = None
    latency_ms: int = 0
    faults: Sequence[Fault] = field(default=())

    def bodies(self) -> list[bytes]:
        """List the resources' texts whichever way they were given."""
        if isinstance(self.resources, Mapping):
            return [raw for group in self.resources.values() for raw in group]
        return list(self.resources)
