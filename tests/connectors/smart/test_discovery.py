import json
from pathlib import Path
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, EgressRefused, RetryLater
from connectors.profile import Profile
from connectors.smart.discovery import Server, discover
from tests.connectors.smart.portal import Portal

WELL_KNOWN = "/r4/.well-known/smart-configuration"
METADATA = "/r4/metadata"
CONFIGURATION = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "jwks_uri": "https://as.example/keys",
    "capabilities": ["launch-standalone", 7, "permission-v2"],
    "scopes_supported": ["openid"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
}


def capability(**uris: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "rest": [
            {"mode": "server"},
            {
                "security": {
                    "extension": [
                        {"url": "https://other.example"},
                        {
                            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                            "extension": [{"url": name, "valueUri": uri} for name, uri in uris.items()],
                        },
                    ]
                }
            },
        ],
    }


@pytest.fixture
def found(portal: Portal, egress: Egress, generic: Profile) -> Any:
    return lambda: discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=generic)


def test_it_reads_the_well_known_document(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, CONFIGURATION)

    server = found()

    assert server.issuer == "https://as.example"
    assert server.token_endpoint == "https://as.example/token"
    assert server.jwks_uri == "https://as.example/keys"
    assert server.capabilities == ("launch-standalone", "permission-v2")
    assert server.auth_methods == ("private_key_jwt",)
    assert server.revocation_endpoint == ""
    assert not server.names_issuer
    assert portal.paths == [WELL_KNOWN]
    assert portal.asked[0].headers["accept"] == "application/json"


def test_it_resolves_relative_addresses_against_the_base(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, {"authorization_endpoint": "auth", "token_endpoint": "/token"})

    assert found().authorization_endpoint == f"{portal.base_url}/r4/auth"
    assert found().token_endpoint == f"{portal.base_url}/token"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(404, "<html>not here</html>", id="not_there"),
        pytest.param(200, "<html>a portal for people</html>", id="a_web_page"),
        pytest.param(500, "", id="an_error"),
        pytest.param(200, {"capabilities": []}, id="without_endpoints"),
        pytest.param(200, [1], id="a_list"),
        pytest.param(401, "", id="behind_a_login"),
    ],
)
def test_it_falls_back_to_the_capability_statement(
    portal: Portal, found: Any, status: int, body: Any
) -> None:
    portal.says(WELL_KNOWN, body, status=status)
    portal.says(
        METADATA, capability(authorize="https://as.example/a", token="https://as.example/t", revoke="/revoke")
    )

    server = found()

    assert (server.authorization_endpoint, server.token_endpoint) == (
        "https://as.example/a",
        "https://as.example/t",
    )
    assert server.revocation_endpoint == f"{portal.base_url}/revoke"
    assert server.issuer == ""
    assert portal.asked[1].headers["accept"] == "application/fhir+json"


@pytest.mark.parametrize(
    "body",
    [{}, {"rest": "x"}, {"rest": [{"security": 1}]}, capability(token="https://as.example/t"), "<html>"],
)
def test_it_says_that_a_server_without_endpoints_is_not_usable(portal: Portal, found: Any, body: Any) -> None:
    portal.says(METADATA, body)

    with pytest.raises(BadReply):
        found()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://as.example/authorize",
        "javascript:alert(1)",
        "https://user@as.example/authorize",
        "https://as.example/authorize#x",
        "https:///authorize",
        "https://as.example/a b",
        "data:text/html,x",
        "https://[as.example",
        "file:///etc/passwd",
    ],
)
def test_it_sends_no_browser_to_an_address_that_is_not_https(
    portal: Portal, found: Any, endpoint: str
) -> None:
    portal.says(WELL_KNOWN, {**CONFIGURATION, "authorization_endpoint": endpoint})

    with pytest.raises(BadReply) as caught:
        found()

    assert caught.value.code == "bad_discovery"


def test_a_busy_server_is_tried_later_and_asked_once(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, "slow down", status=429, headers={"Retry-After": "12"})

    with pytest.raises(RetryLater) as caught:
        found()

    assert caught.value.after == 12
    assert portal.paths == [WELL_KNOWN]


def test_a_server_that_fails_at_both_addresses_is_tried_later(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, status=500)
    portal.says(METADATA, status=404)

    with pytest.raises(RetryLater):
        found()


def test_it_reads_no_more_than_a_megabyte(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, b" " * 2_000_000)
    portal.says(METADATA, b" " * 10)

    with pytest.raises(BadReply):
        found()


def test_it_goes_to_no_address_that_is_not_allowed(egress: Egress, generic: Profile) -> None:
    with pytest.raises(EgressRefused):
        discover(egress=egress, base_url="http://127.0.0.1:9/r4", profile=generic)


@pytest.mark.parametrize(
    "elsewhere",
    ["http://127.0.0.1:9/", "https://evil.example/", "//evil.example/x", "javascript:x", "https://[x"],
)
def test_a_redirect_to_another_server_is_not_followed(portal: Portal, found: Any, elsewhere: str) -> None:
    # Given a portal that sends both questions elsewhere
    portal.says(WELL_KNOWN, status=302, headers={"Location": elsewhere})
    portal.says(METADATA, status=307, headers={"Location": elsewhere})

    with pytest.raises(BadReply) as caught:
        found()

    # Then nobody else was asked: the egress would refuse with another error
    assert caught.value.code == "discovery_elsewhere"
    assert portal.paths == [WELL_KNOWN, METADATA]


def test_a_redirect_within_the_server_is_followed(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, status=301, headers={"Location": "/config"})
    portal.says("/config", CONFIGURATION)

    assert found().issuer == "https://as.example"


def test_a_redirect_in_a_circle_ends(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, status=302, headers={"Location": WELL_KNOWN})

    with pytest.raises(EgressRefused):
        found()
    assert len(portal.asked) <= 5


def test_what_is_pinned_comes_back_as_it_was(portal: Portal, found: Any) -> None:
    portal.says(WELL_KNOWN, CONFIGURATION)
    server = found()

    assert Server.from_dict(json.loads(json.dumps(server.as_dict()))) == server


@pytest.mark.parametrize(
    "data", [{}, {"token_endpoint": 1}, {"authorization_endpoint": "a", "token_endpoint": "b", "x": 1}]
)
def test_it_rebuilds_nothing_from_other_data(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a server"):
        Server.from_dict(data)


@pytest.mark.corpus
def test_it_reads_every_recorded_document(portal: Portal, found: Any, corpus: Path) -> None:
    documents = sorted((corpus / "smart-configuration").glob("*smart-configuration*.json"))
    assert documents

    for document in documents:
        portal.says(WELL_KNOWN, document.read_bytes())
        server = found()
        assert server.authorization_endpoint.startswith("https://"), document.name
        assert server.token_endpoint.startswith("https://"), document.name
        assert server.capabilities, document.name
