"""A scripted portal, the egress that may reach it, and the two questions for its token endpoint."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.profile import Profile
from connectors.registry import load_registry
from connectors.secret import Secret
from connectors.smart.tokens import Client, TokenReply, exchange_code, refresh
from tests.connectors.smart.portal import NOW, PUBLIC, Ask, Portal, PortalServer, handler, server_of


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    server = PortalServer(("127.0.0.1", 0), handler(made))
    made.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    if made.gate:
        made.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def egress(portal: Portal) -> Iterator[Egress]:
    with Egress(allow=frozenset({("127.0.0.1", int(portal.base_url.rpartition(":")[2]))})) as made:
        yield made


@pytest.fixture(scope="session")
def generic() -> Profile:
    return load_registry()["generic"]


@pytest.fixture
def exchange(portal: Portal, egress: Egress, generic: Profile) -> Ask:
    def ask(*, client: Client = PUBLIC, profile: Profile = generic, **changes: Any) -> TokenReply:
        return exchange_code(
            egress=egress,
            server=server_of(portal),
            client=client,
            profile=profile,
            **{
                "code": "the-code",
                "code_verifier": "the-verifier",
                "redirect_uri": "https://phr.example/callback/acme/",
                "now": NOW,
                **changes,
            },
        )

    return ask


@pytest.fixture
def renew(portal: Portal, egress: Egress, generic: Profile) -> Ask:
    def ask(
        *, client: Client = PUBLIC, profile: Profile = generic, token: str = "the-old-token"
    ) -> TokenReply:
        return refresh(
            egress=egress,
            token_endpoint=f"{portal.base_url}/token",
            client=client,
            profile=profile,
            refresh_token=Secret(token),
            scope="patient/*.rs",
            now=NOW,
        )

    return ask
