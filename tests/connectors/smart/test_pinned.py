from dataclasses import replace

import pytest

from connectors.errors import BadReply
from connectors.smart.server import PINNED, DiscoveryChanged, Server, changes, origin, require_unchanged

SERVER = Server(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize",
    token_endpoint="https://as.example/token",
    revocation_endpoint="https://as.example/revoke",
    introspection_endpoint="https://as.example/introspect",
    jwks_uri="https://as.example/keys",
)


@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("now", ["https://evil.example/x?secret=1", ""])
def test_another_address_stops_a_reconnect_and_is_named(name: str, now: str) -> None:
    found = replace(SERVER, **{name: now})  # type: ignore[arg-type]

    with pytest.raises(DiscoveryChanged) as caught:
        require_unchanged(pinned=SERVER, found=found)

    assert isinstance(caught.value, BadReply)
    assert caught.value.code == "discovery_changed"
    (change,) = caught.value.changes
    assert change.field == name
    assert change.before == getattr(SERVER, name)
    assert name in change.sentence
    assert "secret" not in change.sentence
    assert ("evil.example" in change.sentence) == bool(now)


def test_a_server_that_can_do_more_or_less_is_the_same_server() -> None:
    later = replace(SERVER, capabilities=("launch-ehr",), scopes_supported=("x",), grant_types=("y",))

    require_unchanged(pinned=SERVER, found=later)


def test_an_address_that_nobody_relied_on_may_come() -> None:
    before = replace(SERVER, revocation_endpoint="", jwks_uri="")

    assert changes(pinned=before, found=SERVER) == ()


def test_what_an_older_version_pinned_is_still_read() -> None:
    old = {"authorization_endpoint": "https://a.example/x", "token_endpoint": "https://a.example/y"}

    assert Server.from_dict(old).left_out == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://A.example:443/y", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.example", False),
        ("https://a.example", "https://a.example.evil.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, *, same: bool) -> None:
    assert (origin(one) == origin(other)) is same


@pytest.mark.parametrize(
    "text", ["", "javascript:x", "//a.example", "https://", "https://[x", "ftp://a.example"]
)
def test_what_is_no_address_has_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        origin(text)
