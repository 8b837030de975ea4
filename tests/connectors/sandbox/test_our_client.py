"""Our own client against the sandbox over real sockets: connect, crawl, compare with what was served."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit

from connectors.egress import Egress
from connectors.errors import SkipResource
from connectors.fhir.client import FhirClient
from connectors.fhir.plan import plan
from connectors.fhir.plan.step import PlanStep
from connectors.profile import Profile, Server
from connectors.sandbox import RunningPortal, SandboxClient
from connectors.sandbox.family import family
from connectors.sandbox.records import dump
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
from connectors.smart.discovery import Server as Discovered
from connectors.smart.discovery import discover
from connectors.smart.identity import fetch_keys, patient_from, search_parameters, verify_id_token
from connectors.smart.tokens import Client, TokenReply, exchange_code, refresh, revoke
from tests.connectors.sandbox.browser import CALLBACK, App, send, ticket_of
from tests.connectors.sandbox.conftest import PROFILES, OpenPortal


def connect(
    egress: Egress, portal: RunningPortal, profile: Profile
) -> tuple[Discovered, Client, TokenReply, str | None]:
    server = discover(egress=egress, base_url=portal.base_url, profile=profile)
    secret = Secret(portal.client_secret) if portal.client_secret else None
    client = Client(id=portal.client_id, method=portal.client_method, secret=secret)
    scope = requested(profile=profile, scopes_supported=server.scopes_supported)
    verifier, nonce, state = new_code_verifier(), new_nonce(), new_state()
    url = authorization_request(
        server=server,
        profile=profile,
        client_id=client.id,
        redirect_uri=CALLBACK,
        scope=scope,
        state=state,
        code_verifier=verifier,
        nonce=nonce,
        base_url=portal.base_url,
    ).url
    app = App(portal)
    ticket = ticket_of(send(url))
    account = portal.accounts[0]
    form = {"ticket": ticket, "username": account.username, "password": account.password}
    assert send(f"{server.issuer}/sign-in", form=form).status == 200
    back = dict(parse_qsl(urlsplit(app.decide(ticket).headers["location"]).query))
    assert back["state"] == state
    reply = exchange_code(
        egress=egress,
        server=server,
        client=client,
        profile=profile,
        code=code_from(answer=back, server=server, profile=profile),
        code_verifier=verifier,
        redirect_uri=CALLBACK,
    )
    claims = None
    if reply.id_token is not None:
        claims = verify_id_token(
            id_token=reply.id_token,
            keys=fetch_keys(egress=egress, server=server),
            server=server,
            profile=profile,
            client_id=client.id,
            nonce=nonce if sends_nonce(scope=scope) else None,
            now=datetime.now(UTC),
        )
    return server, client, reply, patient_from(reply=reply, profile=profile, claims=claims)


def test_it_connects_crawls_refreshes_and_leaves(portal: OpenPortal) -> None:
    profile = replace(PROFILES["generic"], server=Server(refresh_rotates=True))
    person = family(seed=1, until=date(2026, 6, 1)).people[0]
    slug, records = max(person.portals.items(), key=lambda held: len(held[1]))
    patient = person.accounts[slug].patient_id
    given = [dump(each) for each in records]
    running = portal(
        profile,
        resources=given,
        clients=[SandboxClient(redirect_uris=(CALLBACK,))],
        patient_id=patient,
    )
    with Egress(allow=frozenset({("127.0.0.1", running.port)})) as egress:
        server, client, reply, found = connect(egress, running, profile)
        assert found == patient
        fhir = FhirClient(
            egress=egress, base_url=running.base_url, profile=profile, bearer=lambda: reply.access_token
        )
        steps = plan(
            profile=profile,
            granted=ScopeSet.parse(reply.scope),
            capability=fhir.capability(),
            patient_id=patient,
            standing=search_parameters(reply=reply, profile=profile),
            now=datetime.now(UTC),
        )
        steps = tuple(step for step in steps if step.state == "run")
        got, refused = crawl(fhir, steps)
        # Where a server insists on a parameter, what our queries do not name stays out of reach, as it really does.
        assert {each.partition(":")[0] for each in refused} <= set(profile.server.requires)
        for resource_type in sorted({step.resource_type for step in steps}):
            served = {body for body in running.served(resource_type) if patient.encode() in body}
            if resource_type not in profile.server.requires:
                assert got.get(resource_type, set()) >= served, resource_type
        for resource_type, bodies in got.items():
            assert bodies <= set(running.served(resource_type))
        assert sum(len(group) for group in got.values()) > 100
        again(egress, server, client, profile, reply)
        assert reply.refresh_token
        assert revoke(egress=egress, server=server, client=client, token=reply.refresh_token)
        assert send(f"{running.base_url}/Patient/{patient}", bearer=reply.access_token.reveal()).status == 401


def crawl(fhir: FhirClient, steps: Sequence[PlanStep]) -> tuple[dict[str, set[bytes]], list[str]]:
    got: dict[str, set[bytes]] = {}
    refused = []
    for step in steps:
        entries = []
        try:
            if step.kind == "read":
                entries.append(fhir.read(step.reference))
            else:
                url: str | None = fhir.query_url(step.resource_type, step.text)
                while url:
                    page = fhir.page(url)
                    entries += page.entries
                    url = page.next_url
        except SkipResource as error:
            refused.append(f"{step.resource_type}: {error}")
        for entry in entries:
            got.setdefault(entry.resource_type, set()).add(entry.raw)
    return got, refused


def again(egress: Egress, server: Discovered, client: Client, profile: Profile, reply: TokenReply) -> None:
    assert reply.refresh_token is not None
    renewed = refresh(
        egress=egress,
        token_endpoint=server.token_endpoint,
        client=client,
        profile=profile,
        refresh_token=reply.refresh_token,
        scope=reply.scope,
    )
    assert renewed.access_token != reply.access_token
    assert (renewed.refresh_token is not None) is profile.server.refresh_rotates
