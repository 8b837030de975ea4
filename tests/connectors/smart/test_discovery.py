import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.errors import BadReply, EgressRefused, RetryLater
from connectors.profile import Profile
from connectors.smart.discovery import Server, discover, fetch_openid
from tests.connectors.smart.described import (
    CONFIGURATION,
    METADATA,
    WELL_KNOWN,
    capability,
)
from tests.connectors.smart.portal import Portal


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


def test_it_reads_what_the_server_can_do(portal: Portal, found: Any) -> None:
    portal.says(
        WELL_KNOWN,
        {
            **CONFIGURATION,
            "grant_types_supported": ["authorization_code", "authorization_code", 7],
            "registration_endpoint": "https://as.example/register",
            "management_endpoint": "manage",
            "token_endpoint_auth_signing_alg_values_supported": ["ES384"],
            "user_access_brand_bundle": "https://brands.example/bundle.json",
            "user_access_brand_identifier": "https://org.example",
            "authorization_response_iss_parameter_supported": True,
        },
    )

    server = found()

    assert server.grant_types == ("authorization_code",)
    assert server.registration_endpoint == "https://as.example/register"
    assert server.management_endpoint == f"{portal.base_url}/r4/manage"
    assert server.signing_algorithms == ("ES384",)
    assert server.user_access_brand_bundle == "https://brands.example/bundle.json"
    assert server.user_access_brand_identifier == "https://org.example"
    assert server.names_issuer


def test_some_write_the_name_of_a_list_without_its_end(portal: Portal, found: Any) -> None:
    document = {**CONFIGURATION, "token_endpoint_auth_methods": ["client_secret_post"]}
    del document["token_endpoint_auth_methods_supported"]
    portal.says(WELL_KNOWN, document)

    assert found().auth_methods == ("client_secret_post",)


@pytest.mark.parametrize(
    ("client_id", "sent"), [("our-id", {"x-client": "our-id", "x-fixed": "1"}), ("", {"x-fixed": "1"})]
)
def test_the_headers_of_the_profile_name_our_client(
    portal: Portal, egress: Egress, generic: Profile, client_id: str, sent: dict[str, str]
) -> None:
    profile = replace(
        generic, fhir=replace(generic.fhir, headers={"X-Client": "{client_id}", "X-Fixed": "1"})
    )
    portal.says(METADATA, capability(authorize="https://as.example/a", token="https://as.example/t"))

    discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=profile, client_id=client_id)

    for asked in portal.asked:
        assert {name: value for name, value in asked.headers.items() if name.startswith("x-")} == sent


@pytest.mark.parametrize("base", ["/r4", "/r4/"])
def test_a_base_is_asked_the_same_with_and_without_its_slash(
    portal: Portal, egress: Egress, generic: Profile, base: str
) -> None:
    portal.says(WELL_KNOWN, CONFIGURATION)

    discover(egress=egress, base_url=f"{portal.base_url}{base}", profile=generic)

    assert portal.paths == [WELL_KNOWN]


def test_where_to_register_is_looked_for_in_the_older_document_too(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    portal.says(WELL_KNOWN, CONFIGURATION)
    portal.says(
        METADATA,
        capability(
            authorize="https://evil.example/a", token="https://x.example/t", register="https://as.example/r"
        ),
    )
    profile = replace(generic, auth=replace(generic.auth, dynamic_registration="software_id"))

    def asked(profile: Profile) -> Server:
        return discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=profile)

    # Then that address alone is taken from it, and only for who registers
    assert asked(profile).registration_endpoint == "https://as.example/r"
    assert asked(profile).authorization_endpoint == "https://as.example/authorize"
    assert asked(generic).registration_endpoint == ""
    assert portal.paths.count(METADATA) == 2

    # And a server that says nothing there is as usable as before
    portal.says(METADATA, "<html>", status=404)
    assert asked(profile).registration_endpoint == ""


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_issuer_is_asked_for_its_keys(portal: Portal, egress: Egress, slash: str) -> None:
    issuer = f"{portal.base_url}/realm{slash}"
    portal.says(
        "/realm/.well-known/openid-configuration", {"issuer": issuer, "jwks_uri": "https://k.example/"}
    )

    assert fetch_openid(egress=egress, issuer=issuer).jwks_uri == "https://k.example/"


def test_the_document_of_another_issuer_is_not_believed(portal: Portal, egress: Egress) -> None:
    portal.says("/.well-known/openid-configuration", {"issuer": "https://evil.example"})

    with pytest.raises(BadReply):
        fetch_openid(egress=egress, issuer=portal.base_url)


# ---- pinning


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
        assert server.auth_methods or "token_endpoint_auth_methods" not in document.read_text(), document.name
        assert server.left_out == (), document.name


@pytest.mark.corpus
def test_it_reads_every_recorded_statement_that_names_endpoints(
    portal: Portal, found: Any, corpus: Path
) -> None:
    read = 0
    for document in sorted((corpus / "capability").glob("*.json")):
        if "oauth-uris" not in document.read_text():
            continue
        portal.says(METADATA, document.read_bytes())
        assert found().token_endpoint.startswith("https://"), document.name
        read += 1
    assert read >= 10
