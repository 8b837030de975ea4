"""The bench: one vendor's portal in process, and apps that are driven by whatever profile a test gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from joserfc.jwk import RSAKey

from connectors.profile import ClientMethod, Profile
from connectors.registry import load_registry
from connectors.sandbox import Account, Fault, PortalSpec, SandboxClient
from connectors.sandbox.portal import Portal
from connectors.sandbox.spec import Captured, Staff
from connectors.secret import Secret
from connectors.smart.keys import KeyPair, SigningAlgorithm, generate_key_pair, jwks
from connectors.smart.tokens import Client
from tests.conformance.app import CALLBACK, LAUNCH, Connection, PatientApp
from tests.conformance.browser import Browser
from tests.conformance.chart import Chart, chart_of
from tests.conformance.network import Clock, Network, Sent
from tests.conformance.shapes import FURTHER, LINKS, SUPPORTING, US_CORE
from tests.conformance.sync import Record, Sync

# Documents written from the profile, none captured.
_WRITTEN: Final = Captured()
# Search parameters that lead from a type to its patient.
_TO_PATIENT: Final = frozenset({"patient", "subject", "beneficiary", "individual"})
_TYPE_SCOPE: Final = re.compile(r"(?:patient|user)/([A-Z][A-Za-z]+)\.([a-z*]+)")
HOST: Final = "portal.example.org"
_ROSA: Final = ("rosa", "a word of hers")
_STAFF: Final = ("staff", "a word of theirs")
_METHODS: Final[tuple[ClientMethod, ...]] = (
    "public",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
)


class NotHere(Exception):  # noqa: N818 - it says why a check has nothing to look at
    """The server has no such thing, so there is nothing to check."""


@cache
def profiles() -> Mapping[str, Profile]:
    return load_registry()


@cache
def key_pairs() -> Mapping[SigningAlgorithm, KeyPair]:
    """The key pairs of all apps of this process, one an algorithm."""
    rsa = RSAKey.generate_key(
        2048, auto_kid=False
    )  # ours have 3072 bits, which take longer to make and to read
    return {
        "ES384": generate_key_pair(algorithm="ES384"),
        "RS384": KeyPair(
            private_key=Secret(rsa.as_pem(private=True).decode("ascii")),
            algorithm="RS384",
            key_id=rsa.thumbprint(),
        ),
    }


@dataclass(slots=True)
class Clean:
    """A full sync without anything going wrong, and every request that it took."""

    app: PatientApp
    connection: Connection
    record: Record
    requests: list[Sent]


class World:
    """A portal that behaves as `server.server` says, with one patient's chart in it."""

    def __init__(self, server: Profile, captured: Captured = _WRITTEN) -> None:
        self.profile = server
        self.server = server.server
        self.captured = captured
        self.clock = Clock()
        self.network = Network(clock=self.clock)
        self.chart: Chart = chart_of(server.server, unreachable=_unreachable(captured))
        self.portal = Portal(self._spec(), state=None, clock=self.clock)
        self.portal.bind(f"https://{HOST}")
        self.network.route(HOST, self.portal)
        self._clean: dict[int, tuple[Profile, Clean]] = {}

    @property
    def is_captured(self) -> bool:
        """Whether it serves documents that a server of the vendor was seen to serve."""
        return self.captured != _WRITTEN

    @property
    def base_url(self) -> str:
        """The base as lists have it: with a slash at its end where the server minds it in `aud`."""
        return self.portal.published_url

    def _spec(self) -> PortalSpec:
        public = jwks(pairs=key_pairs().values())
        username, password = _ROSA
        return PortalSpec(
            slug="portal",
            name="A portal",
            profile=self.profile,
            resources=self.chart.texts(),
            accounts=[
                Account(
                    username=username, password=password, patient_id=self.chart.patient, name="Rosa Marin"
                )
            ],
            staff=[Staff(username=_STAFF[0], password=_STAFF[1], name="Dr. Sanders")],
            captured=self.captured,
            clients=[
                SandboxClient(
                    id=f"app-{method}",
                    secret="" if method in {"public", "private_key_jwt"} else "a secret of the app",
                    method=method,
                    redirect_uris=(CALLBACK,),
                    launch_url=LAUNCH,
                    jwks=public if method == "private_key_jwt" else None,
                )
                for method in _METHODS
            ],
        )

    def app(self, profile: Profile) -> PatientApp:
        """Return an app of this profile, on a day of its own: what others asked of the portal is over."""
        self.clock.forward(days=1)
        return PatientApp(
            profile=profile,
            base_url=self.base_url,
            network=self.network,
            clock=self.clock,
            clients={method: _client(method) for method in _METHODS},
            keys=key_pairs(),
            browser=Browser(network=self.network, person=_ROSA, staff=_STAFF),
        )

    def clean(self, profile: Profile) -> Clean:
        """Connect and sync once for all checks that look at an ordinary day. Raises what that raises."""
        held = self._clean.get(id(profile))
        if held is None or held[0] is not profile:
            app = self.app(profile)
            begun = len(self.network.log)
            connection = app.connect()
            record = Sync(app, connection).run()
            requests = [sent for sent in self.network.log[begun:] if not sent.browser]
            held = (profile, Clean(app, connection, record, requests))
            # Of the profile itself and of the latest without one of its facts: others are not asked for again.
            self._clean = {key: kept for key, kept in self._clean.items() if kept[0] is self.profile}
            self._clean[id(profile)] = held
        return held[1]

    def since(self, position: int) -> list[Sent]:
        """Return what the app (not the browser) asked since the log had this length."""
        return [sent for sent in self.network.log[position:] if not sent.browser]

    def faults(self, *faults: Fault) -> None:
        self.portal.faults.set(faults)

    def fhir_path(self, sent: Sent) -> str | None:
        """Return what follows the FHIR base in a request's path; None for a request to anything else."""
        base = self.portal.base_url.partition(HOST)[2].casefold()
        path = sent.path.casefold()
        return sent.path[len(base) :].lstrip("/") if path.startswith(f"{base}/") else None


def _client(method: ClientMethod) -> Client:
    """Return a registration; which of the keys signs is settled when the server has said what it takes."""
    match method:
        case "public":
            return Client(id=f"app-{method}", method=method)
        case "private_key_jwt":
            return key_client("ES384")
        case _:
            return Client(id=f"app-{method}", method=method, secret=Secret("a secret of the app"))


def key_client(algorithm: SigningAlgorithm) -> Client:
    """Return the registration that proves itself by signing with this algorithm."""
    pair = key_pairs()[algorithm]
    return Client(
        id="app-private_key_jwt",
        method="private_key_jwt",
        secret=pair.private_key,
        key_id=pair.key_id,
        algorithm=algorithm,
    )


def _unreachable(captured: Captured) -> set[str]:
    """Return the types that captured documents give no way to: no scope, no read, no search by patient."""
    types = {*US_CORE, *FURTHER, *SUPPORTING, *LINKS, "Provenance", "Binary"}
    found: set[str] = set()
    if captured.capability is not None:
        reached = {"Binary"}  # files are served whether they are listed or not
        for listed in captured.capability["rest"][0]["resource"]:
            parameters = {each["name"] for each in listed.get("searchParam", ())}
            if listed["type"] in {*SUPPORTING, "Provenance"} or parameters & _TO_PATIENT:
                reached.add(listed["type"])
        found |= types - reached
    scopes = (captured.smart_configuration or {}).get("scopes_supported", ())
    named = [match for word in scopes if (match := _TYPE_SCOPE.match(word))]
    if named:
        # What may be read and not searched is reached by references alone.
        searched = {match[1] for match in named if match[2] in {"read", "*"} or "s" in match[2]}
        found |= types - searched - {match[1] for match in named if match[1] in {*SUPPORTING, "Binary"}}
    return found


@cache
def world_of(profile_id: str) -> World:
    """The world of a profile's server, made once in a process: its clock only goes on."""
    return World(profiles()[profile_id])
