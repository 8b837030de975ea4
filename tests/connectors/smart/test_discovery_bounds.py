import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.egress import Egress
from connectors.errors import BadReply, EgressRefused, PortalError
from connectors.profile import Profile
from connectors.smart.discovery import Server, discover
from connectors.smart.documents import DocumentCache
from connectors.smart.server import origin
from tests.connectors.smart.described import (
    ADDRESSES,
    ANYTHING,
    CONFIGURATION,
    METADATA,
    WELL_KNOWN,
    capability,
)
from tests.connectors.smart.portal import Portal


@pytest.fixture
def found(portal: Portal, egress: Egress, generic: Profile) -> Any:
    return lambda: discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=generic)


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


# ---- what stands elsewhere


def test_a_code_and_its_token_come_from_one_server(portal: Portal, found: Any) -> None:
    # Given a document that would send the person to one server and their code to another
    portal.says(WELL_KNOWN, {**CONFIGURATION, "token_endpoint": "https://evil.example/token"})

    with pytest.raises(BadReply) as caught:
        found()

    assert caught.value.code == "discovery_elsewhere"


def test_the_same_holds_for_the_older_document(portal: Portal, found: Any) -> None:
    portal.says(METADATA, capability(authorize="https://as.example/a", token="https://as.example:8443/t"))

    with pytest.raises(BadReply) as caught:
        found()

    assert caught.value.code == "discovery_elsewhere"


def test_no_token_is_sent_to_a_third_server(portal: Portal, found: Any) -> None:
    portal.says(
        WELL_KNOWN,
        {
            **CONFIGURATION,
            "revocation_endpoint": "https://evil.example/revoke",
            "introspection_endpoint": "https://as.example/introspect",
            "registration_endpoint": "/register",
        },
    )

    server = found()

    assert server.revocation_endpoint == ""
    assert server.left_out == ("revocation_endpoint",)
    assert server.introspection_endpoint == "https://as.example/introspect"
    # The base is a server of the portal's own
    assert server.registration_endpoint == f"{portal.base_url}/register"


def test_an_address_for_people_may_stand_anywhere_and_one_that_is_none_harms_nobody(
    portal: Portal, found: Any
) -> None:
    portal.says(
        WELL_KNOWN,
        {
            **CONFIGURATION,
            "management_endpoint": "https://people.example/apps",
            "user_access_brand_bundle": "javascript:alert(1)",
        },
    )

    assert found().management_endpoint == "https://people.example/apps"
    assert found().user_access_brand_bundle == ""


# ---- what it says of itself


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<!DOCTYPE html><title>Welcome</title>", "html"),
        (b"x" * 10_000_000, "too_large"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"\x00", "not_json"),
        (b"[]", "bad_discovery"),
        (b"{}", "bad_discovery"),
    ],
    ids=["html", "ten_megabytes", "a_pit", "bytes", "a_list", "empty"],
)
def test_a_document_that_is_none_is_named_for_what_it_is(
    portal: Portal, found: Any, body: bytes, code: str
) -> None:
    portal.says(WELL_KNOWN, body)

    with pytest.raises(BadReply) as caught:
        found()

    assert caught.value.code == code


@given(
    document=st.fixed_dictionaries(
        {"authorization_endpoint": ADDRESSES, "token_endpoint": ADDRESSES},
        optional={
            "revocation_endpoint": ADDRESSES,
            "jwks_uri": ADDRESSES,
            "issuer": ANYTHING,
            "capabilities": ANYTHING,
            "scopes_supported": ANYTHING,
            "authorization_response_iss_parameter_supported": ANYTHING,
        },
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_says_there_is_a_server_that_may_be_used_or_one_of_our_errors(
    portal: Portal, found: Any, document: dict[str, Any]
) -> None:
    portal.says(WELL_KNOWN, document)

    try:
        server = found()
    except PortalError:
        return
    own = origin(portal.base_url)
    assert origin(server.authorization_endpoint) == origin(server.token_endpoint)
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        address = getattr(server, name)
        assert not address or address.startswith("https://") or origin(address) == own
    assert Server.from_dict(json.loads(json.dumps(server.as_dict()))) == server


# ---- kept by its headers


def test_a_portal_is_asked_once_an_hour_where_it_says_so(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    portal.says(WELL_KNOWN, CONFIGURATION, headers={"Cache-Control": "max-age=3600"})
    cache = DocumentCache()

    servers = {
        discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=generic, cache=cache)
        for _ in range(3)
    }

    assert len(servers) == 1
    assert portal.paths == [WELL_KNOWN]


def test_the_older_document_is_kept_too_as_what_we_need_of_it(
    portal: Portal, egress: Egress, generic: Profile
) -> None:
    portal.says(
        METADATA,
        capability(authorize="https://as.example/a", token="https://as.example/t"),
        headers={"ETag": '"1"'},
    )
    cache = DocumentCache()
    first = discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=generic, cache=cache)
    portal.says(METADATA, status=304)

    assert discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=generic, cache=cache) == first
    assert portal.asked[-1].headers["if-none-match"] == '"1"'


# ---- the issuer's own document
