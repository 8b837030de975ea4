"""A patient's app as one would type it into a REPL: connectors, and what a step becomes (`decide`), no more.

It knows a portal's published address, a profile and its own registrations; of the server it knows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, PortalError, Reauthorize
from connectors.fhir.client import FhirClient
from connectors.fhir.pace import Pace
from connectors.profile import ClientMethod, Profile
from connectors.scopes import ScopeSet, requested
from connectors.secret import Secret
from connectors.smart.authorize import (
    authorization_request,
    code_from,
    new_code_verifier,
    new_nonce,
    new_state,
    sends_nonce,
)
from connectors.smart.discovery import Server, discover
from connectors.smart.identity import fetch_keys, patient_from, search_parameters, verify_id_token
from connectors.smart.tokens import Client, TokenReply, exchange_code, refresh, revoke
from tests.conformance.browser import Browser
from tests.conformance.network import Clock, Network

CALLBACK = "https://app.example.org/callback/"


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
    patient: str
    claims: Mapping[str, Any] | None
    granted_at: datetime
    refreshed_at: datetime
    refresh_token: Secret | None = field(repr=False, default=None)

    @property
    def granted(self) -> ScopeSet:
        return ScopeSet.parse(self.scope)


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
        browser: Browser,
    ) -> None:
        self.profile = profile
        self.base_url = base_url
        self.clock = clock
        self.egress = Egress(transport=network)
        self.browser = browser
        self._clients = clients
        limit = profile.limits.requests_per_minute
        self._pace = None if limit is None else Pace(limit, clock.seconds, clock.sleep)

    # ---- connecting

    def client(self, method: ClientMethod | None = None) -> Client:
        """Return the registration of that kind, or of the kind that the profile prefers."""
        if method is not None and method not in self.profile.auth.clients:
            raise NotOffered(f"no client of the kind {method}")
        return self._clients[method or self.profile.auth.clients[0]]

    def discover(self) -> Server:
        return discover(egress=self.egress, base_url=self.base_url, profile=self.profile)

    def scope(self, server: Server) -> str:
        return requested(profile=self.profile, scopes_supported=server.scopes_supported)

    def connect(self, *, method: ClientMethod | None = None, client: Client | None = None) -> Connection:
        """Standalone launch, from discovery to the patient's id."""
        server = self.discover()
        client = client or self.client(method)
        asked = self.scope(server)
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
            base_url=self.base_url,
        )
        answer = self.browser.go(request.url, request.fields, until=CALLBACK)
        return self._connected(
            server=server,
            client=client,
            asked=asked,
            verifier=verifier,
            nonce=nonce,
            state=state,
            answer=answer,
        )

    def _connected(
        self,
        *,
        server: Server,
        client: Client,
        asked: str,
        verifier: str,
        nonce: str,
        state: str,
        answer: Mapping[str, str],
    ) -> Connection:
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
            claims = verify_id_token(
                id_token=reply.id_token,
                keys=fetch_keys(egress=self.egress, server=server),
                server=server,
                profile=self.profile,
                client_id=client.id,
                nonce=nonce if sends_nonce(scope=asked) else None,
                now=self.clock(),
            )
        patient = patient_from(reply=reply, profile=self.profile, claims=claims)
        connection = Connection(
            server=server,
            client=client,
            reply=reply,
            scope=reply.scope or asked,
            asked=asked,
            patient=patient or "",
            claims=claims,
            granted_at=self.clock(),
            refreshed_at=self.clock(),
            refresh_token=reply.refresh_token,
        )
        if not connection.patient:
            connection.patient = self._patient_by_asking(connection)
        return connection

    def _patient_by_asking(self, connection: Connection) -> str:
        """Ask the portal which patient it shows, in the ways that the profile names."""
        fhir = self.fhir(connection)
        for source in self.profile.patient.sources:
            if source == "search":
                found = fhir.page(fhir.search_url("Patient", (("_count", "2"),))).entries
                if len(found) == 1:
                    return found[0].id
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
        now, said = self.clock(), self.profile.refresh
        return (
            said.lifetime_days is not None
            and now >= connection.granted_at + timedelta(days=said.lifetime_days)
        ) or (said.idle_days is not None and now >= connection.refreshed_at + timedelta(days=said.idle_days))

    def refresh(self, connection: Connection) -> TokenReply:
        """Renew the access token as the application does: not sooner than allowed, the new token kept first.

        Raises Reauthorize where nothing is left to renew it with.
        """
        if connection.refresh_token is None:
            raise Reauthorize("grant_over")
        least = self.profile.refresh.min_interval_seconds
        if least is not None:
            passed = (self.clock() - connection.refreshed_at).total_seconds()
            self.clock.sleep(least - passed)
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

    def is_alive(self, connection: Connection) -> bool:
        """Say whether the portal still takes the access token."""
        try:
            self.fhir(connection).read(f"Patient/{connection.patient}")
        except Reauthorize:
            return False
        except PortalError:
            return True
        return True
