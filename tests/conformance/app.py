"""A patient's app as one would type it into a REPL: connectors, and what a step becomes (`decide`), no more.

It knows a portal's published address, a profile and its own registrations; of the server it knows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, Reauthorize
from connectors.fhir.client import FhirClient
from connectors.fhir.pace import Pace
from connectors.fhir.plan import plan
from connectors.profile import ClientMethod, Profile
from connectors.scopes import ScopeSet, requested
from connectors.secret import Secret
from connectors.smart import jwt_bearer
from connectors.smart.authorize import (
    authorization_request,
    code_from,
    new_code_verifier,
    new_nonce,
    new_state,
    sends_nonce,
)
from connectors.smart.discovery import Server, discover
from connectors.smart.identity import (
    patient_from,
    patient_in,
    patient_search,
    read_id_token,
    search_parameters,
)
from connectors.smart.introspection import Introspection, introspect
from connectors.smart.keys import KeyPair, SigningAlgorithm, jwks, signing_algorithm
from connectors.smart.lifetime import earliest_refresh, ending
from connectors.smart.registration import (
    ClientMetadata,
    ClientRegistration,
    register,
    register_software,
)
from connectors.smart.tokens import Client, TokenReply, exchange_code, refresh, revoke
from tests.conformance.browser import Browser
from tests.conformance.network import Clock, Network

CALLBACK: Final = "https://app.example.org/callback/"
LAUNCH: Final = "https://app.example.org/launch/"

Launch = Literal["standalone", "ehr", "provider"]


class NotOffered(AssertionError):  # noqa: N818 - it says what the app does not do
    """By its profile the app does not offer what is wanted of it."""


@dataclass(slots=True, kw_only=True)
class Connection:
    """What the app holds of one portal once a person has agreed."""

    server: Server
    client: Client
    reply: TokenReply
    scope: str
    asked: str
    claims: Mapping[str, Any] | None
    granted_at: datetime
    patient: str = ""
    refreshed_at: datetime | None = None
    refresh_token: Secret | None = field(repr=False, default=None)

    @property
    def granted(self) -> ScopeSet:
        return ScopeSet.parse(self.scope)


def _client_of(made: ClientRegistration, pair: KeyPair) -> Client:
    """Return the client that a server made of us."""
    if made.method == "private_key_jwt":
        return Client(
            id=made.client_id,
            method=made.method,
            secret=pair.private_key,
            key_id=pair.key_id,
            algorithm=pair.algorithm,
        )
    return Client(id=made.client_id, method=made.method, secret=made.secret)


class PatientApp:
    """An app, the person who uses it, and the portal that they connect it to."""

    def __init__(
        self,
        *,
        profile: Profile,
        base_url: str,
        network: Network,
        clock: Clock,
        clients: Mapping[ClientMethod, Client],
        keys: Mapping[SigningAlgorithm, KeyPair],
        browser: Browser,
    ) -> None:
        self.profile = profile
        self.base_url = base_url
        self.clock = clock
        self.egress = Egress(transport=network)
        self.browser = browser
        self._clients = clients
        self._keys = keys
        limit = profile.limits.requests_per_minute
        self._pace = None if limit is None else Pace(limit, clock.seconds, clock.sleep)

    # ---- connecting

    def client(self, method: ClientMethod | None = None) -> Client:
        """Return the registration of that kind, or of the kind that the profile prefers."""
        if method is not None and method not in self.profile.auth.clients:
            raise NotOffered(f"no client of the kind {method}")
        return self._clients[method or self.profile.auth.clients[0]]

    def discover(self, *, client_id: str = "") -> Server:
        return discover(egress=self.egress, base_url=self.base_url, profile=self.profile, client_id=client_id)

    def connect(
        self,
        *,
        method: ClientMethod | None = None,
        client: Client | None = None,
        flow: Launch | None = None,
        decision: str = "allow",
    ) -> Connection:
        """Launch, in the first of the ways that the profile names unless told: from discovery to the patient."""
        flow = flow or next((each for each in self.profile.auth.flows if each != "backend"), "standalone")
        if flow not in self.profile.auth.flows:
            raise NotOffered(f"no {flow} launch")
        named = client is not None
        client = client or self.client(method)
        base_url, launch = self.base_url, None
        if flow == "ehr":
            handed = self.browser.launch(self.base_url, app=client.id, until=LAUNCH)
            base_url, launch = handed["iss"], handed["launch"]
            assert base_url.rstrip("/") == self.base_url.rstrip("/"), "launched for another portal"
        server = self.discover(client_id=client.id)
        if client.method == "private_key_jwt" and not named:
            client = self._with_key(client, server)
        asked = requested(profile=self.profile, scopes_supported=server.scopes_supported, flow=flow)
        verifier, nonce, state = new_code_verifier(), new_nonce(), new_state()
        request = authorization_request(
            server=server,
            profile=self.profile,
            client_id=client.id,
            redirect_uri=CALLBACK,
            scope=asked,
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            base_url=base_url,
            flow=flow,
            launch=launch,
        )
        answer = self.browser.go(
            request.url, request.fields, until=CALLBACK, decision=decision, staff=flow == "provider"
        )
        if answer.get("state") != state:
            raise Denied("foreign_host")
        reply = exchange_code(
            egress=self.egress,
            server=server,
            client=client,
            profile=self.profile,
            code=code_from(answer=answer, server=server, profile=self.profile),
            code_verifier=verifier,
            redirect_uri=CALLBACK,
            now=self.clock(),
        )
        claims = None
        if reply.id_token is not None:
            claims = read_id_token(
                egress=self.egress,
                id_token=reply.id_token,
                server=server,
                profile=self.profile,
                client_id=client.id,
                nonce=nonce if sends_nonce(scope=asked) else None,
                now=self.clock(),
            )
        connection = Connection(
            server=server,
            client=client,
            reply=reply,
            scope=reply.scope or asked,
            asked=asked,
            claims=claims,
            granted_at=self.clock(),
            refresh_token=reply.refresh_token,
        )
        found = patient_from(reply=reply, profile=self.profile, claims=claims)
        connection.patient = found or self._patient_by_asking(connection)
        return connection

    def _with_key(self, client: Client, server: Server) -> Client:
        """Sign with what the server takes. Elliptic curves go first: an RSA key takes a tenth of a second to read."""
        fit = not server.signing_algorithms or client.algorithm in server.signing_algorithms
        pair = self._keys[client.algorithm if fit else signing_algorithm(server=server)]
        return replace(client, secret=pair.private_key, key_id=pair.key_id, algorithm=pair.algorithm)

    def _patient_by_asking(self, connection: Connection) -> str:
        """Ask the portal which patient it shows, in the ways that the profile names."""
        fhir = self.fhir(connection)
        for source in self.profile.patient.sources:
            question = patient_search(source=source)
            if question is None:
                continue
            resource_type, parameters = question
            url = fhir.search_url(resource_type, (*parameters, *self.standing(connection)))
            page = fhir.page(url, resource_type=resource_type)
            found = patient_in(source=source, resources=[json.loads(entry.raw) for entry in page.entries])
            if found is not None:
                return found
        raise BadReply("no_patient")

    def fhir(self, connection: Connection) -> FhirClient:
        return FhirClient(
            egress=self.egress,
            base_url=self.base_url,
            profile=self.profile,
            bearer=lambda: connection.reply.access_token,
            client_id=connection.client.id,
            pace=self._pace,
        )

    def standing(self, connection: Connection) -> tuple[tuple[str, str], ...]:
        return search_parameters(reply=connection.reply, profile=self.profile)

    # ---- the life of a grant

    def foresees_end(self, connection: Connection) -> bool:
        """Say whether by what the app knows of the vendor the grant is over by now."""
        end = ending(
            refresh=self.profile.refresh,
            obtained_at=connection.granted_at,
            refreshed_at=connection.refreshed_at,
            access_expires_at=None,
            renewable=connection.refresh_token is not None,
        )
        return end is not None and self.clock() >= end.at

    def refresh(self, connection: Connection) -> TokenReply:
        """Renew the access token as the application does: not sooner than allowed, the new token kept first.

        Raises Reauthorize where nothing is left to renew it with.
        """
        if connection.refresh_token is None:
            raise Reauthorize("grant_over")
        due = earliest_refresh(
            refresh=self.profile.refresh,
            obtained_at=connection.granted_at,
            refreshed_at=connection.refreshed_at,
        )
        if due is not None:
            self.clock.sleep((due - self.clock()).total_seconds())
        reply = refresh(
            egress=self.egress,
            token_endpoint=connection.server.token_endpoint,
            client=connection.client,
            profile=self.profile,
            refresh_token=connection.refresh_token,
            scope=connection.scope,
            now=self.clock(),
        )
        connection.refresh_token = reply.refresh_token or connection.refresh_token
        connection.reply = reply
        connection.refreshed_at = self.clock()
        return reply

    def revoke(self, connection: Connection) -> bool:
        token = connection.refresh_token or connection.reply.access_token
        return revoke(
            egress=self.egress,
            server=connection.server,
            client=connection.client,
            token=token,
            kind="refresh_token" if connection.refresh_token else "access_token",
            now=self.clock(),
        )

    def introspect(self, connection: Connection) -> Introspection | None:
        return introspect(
            egress=self.egress,
            server=connection.server,
            client=connection.client,
            profile=self.profile,
            token=connection.reply.access_token,
            now=self.clock(),
        )

    # ---- registering without anybody's hands

    def register(self) -> Connection:
        """Make a client of its own in the way that the profile says, and connect with it."""
        pair = self._keys["ES384"]
        public = jwks(pairs=[pair])
        match self.profile.auth.dynamic_registration:
            case "rfc7591":
                method = self.profile.auth.clients[0]
                made = register(
                    egress=self.egress,
                    server=self.discover(),
                    metadata=ClientMetadata(
                        redirect_uris=(CALLBACK,),
                        method=method,
                        client_name="An app at the bench",
                        jwks=public if method == "private_key_jwt" else {},
                    ),
                )
                return self.connect(client=_client_of(made, pair))
            case "software_id":
                connection = self.connect()
                made = register_software(
                    egress=self.egress,
                    server=connection.server,
                    software_id=connection.client.id,
                    jwks=public,
                    access_token=connection.reply.access_token,
                )
                connection.client = _client_of(made, pair)
                connection.reply = jwt_bearer.access_token(
                    egress=self.egress,
                    token_endpoint=connection.server.token_endpoint,
                    client=connection.client,
                    scope=connection.scope,
                    now=self.clock(),
                )
                return connection
            case _:
                raise NotOffered("no registration without hands")

    def is_alive(self, connection: Connection) -> bool:
        """Say whether the portal still takes the access token, by the first search that an ordinary run makes."""
        steps = plan(
            profile=self.profile,
            granted=connection.granted,
            capability=None,
            patient_id=connection.patient,
            now=self.clock(),
            standing=self.standing(connection),
        )
        step = next(step for step in steps if step.state == "run" and step.kind != "read")
        try:
            self.fhir(connection).page(f"{self.base_url.rstrip('/')}/{step.path}")
        except Reauthorize:
            return False
        return True
