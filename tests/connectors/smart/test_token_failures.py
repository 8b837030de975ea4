"""Whatever a token endpoint does: one of our errors, and only `invalid_grant` ends a grant."""

import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.egress import Egress
from connectors.errors import BadReply, Denied, EgressRefused, PortalError, Reauthorize, RetryLater
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart import oauth
from connectors.smart.tokens import TokenReply, refresh
from tests.connectors.smart.portal import GRANTED, PUBLIC, Ask, Portal


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    "description",
    ["expired", 'the "grant" of Jane Roe', "abgelaufen: für immer", "two\nlines", 7, None, {"a": 1}],
)
def test_invalid_grant_ends_a_grant_whatever_stands_beside_it(
    portal: Portal, renew: Ask, status: int, description: Any
) -> None:
    portal.says("/token", {"error": "invalid_grant", "error_description": description}, status=status)

    with pytest.raises(Reauthorize) as caught:
        renew()

    assert (caught.value.code, caught.value.status) == ("grant_over", status)
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "code"),
    [
        pytest.param(400, {"error": "invalid_client"}, {}, Denied, "client_refused", id="invalid_client"),
        pytest.param(
            401, {"error": "unauthorized_client"}, {}, Denied, "client_refused", id="unauthorized_client"
        ),
        pytest.param(400, {"error": "invalid_scope"}, {}, Denied, "bad_scope", id="invalid_scope"),
        pytest.param(
            400, {"error": "unsupported_grant_type"}, {}, Denied, "request_refused", id="grant_type"
        ),
        pytest.param(400, {"error": ["invalid_grant"]}, {}, Denied, "request_refused", id="error_is_a_list"),
        pytest.param(
            400, {"error": "temporarily_unavailable"}, {}, RetryLater, "server_error", id="unavailable"
        ),
        pytest.param(400, "", {}, RetryLater, "not_json", id="bare_400"),
        pytest.param(401, "<html>", {}, RetryLater, "html", id="html_401"),
        pytest.param(200, "<!DOCTYPE html>", {}, RetryLater, "html", id="html_200"),
        pytest.param(200, "access_token=abc", {}, RetryLater, "not_json", id="form"),
        pytest.param(200, "[1]", {}, RetryLater, "bad_response", id="list"),
        pytest.param(200, "{}", {}, RetryLater, "bad_response", id="empty_object"),
        pytest.param(400, "{}", {}, RetryLater, "bad_response", id="empty_object_400"),
        pytest.param(200, '{"a":' * 100_00, {}, RetryLater, "too_deep", id="a_pit"),
        pytest.param(200, b"\xff\xfe", {}, RetryLater, "not_json", id="bytes"),
        pytest.param(
            500, {"error": "invalid_grant"}, {}, RetryLater, "server_error", id="500_beats_its_body"
        ),
        pytest.param(502, "<html>", {}, RetryLater, "server_error", id="bad_gateway"),
        pytest.param(
            429, {"error": "invalid_grant"}, {}, RetryLater, "rate_limited", id="429_beats_its_body"
        ),
        pytest.param(200, {**GRANTED, "token_type": "mac"}, {}, RetryLater, "wrong_token_type", id="mac"),
        pytest.param(
            200, {**GRANTED, "access_token": "a\r\nX: y"}, {}, RetryLater, "bad_response", id="injection"
        ),
        pytest.param(200, {**GRANTED, "access_token": ""}, {}, RetryLater, "bad_response", id="empty_token"),
        pytest.param(200, {**GRANTED, "access_token": 7}, {}, RetryLater, "bad_response", id="number_token"),
        pytest.param(200, b"x" * 300_000, {}, RetryLater, "too_large", id="too_large"),
        pytest.param(200, b"{}", {"Content-Length": "99"}, RetryLater, "truncated", id="breaks_off"),
        pytest.param(302, "", {"Location": "/elsewhere"}, EgressRefused, "redirect_refused", id="redirect"),
        pytest.param(
            307,
            "",
            {"Location": "http://127.0.0.1:9/"},
            EgressRefused,
            "redirect_refused",
            id="redirect_away",
        ),
    ],
)
def test_a_refresh_fails_without_ending_the_grant(  # noqa: PLR0917 - a table of cases
    portal: Portal,
    renew: Ask,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[PortalError],
    code: str,
) -> None:
    if code == "truncated":
        headers = {**headers, "Connection": "close"}
    portal.says("/token", body, status=status, headers=headers)

    with pytest.raises(kind) as caught:
        renew()

    assert caught.value.code == code
    assert portal.paths == ["/token"]
    assert "the-old-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": "invalid_grant"}, Denied, "code_refused"),
        (400, {"error": "access_denied"}, Denied, "access_denied"),
        (401, {"error": "invalid_client"}, Denied, "client_refused"),
        (200, "<html>", BadReply, "html"),
        (200, {}, BadReply, "bad_response"),
        (503, "", RetryLater, "server_error"),
    ],
)
def test_an_exchange_that_fails_says_so(  # noqa: PLR0917 - a table of cases
    portal: Portal, exchange: Ask, status: int, body: Any, kind: type[PortalError], code: str
) -> None:
    portal.says("/token", body, status=status)

    with pytest.raises(kind) as caught:
        exchange()

    assert type(caught.value) is kind
    assert caught.value.code == code


@given(body=st.binary(max_size=200) | st.from_regex(rb'\{"[a-z_]{1,20}": ?[^}]{0,30}\}', fullmatch=True))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_only_our_errors_come_out(portal: Portal, renew: Ask, body: bytes) -> None:
    portal.says("/token", body)

    outcome: TokenReply | PortalError
    try:
        outcome = renew()
    except PortalError as error:
        outcome = error

    assert not isinstance(outcome, Reauthorize) or b"invalid_grant" in body


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"Retry-After": "17"}, 17.0),
        (
            {
                "Retry-After": "Sun, 01 Nov 2026 12:02:00 GMT",
                "Date": "Sun, 01 Nov 2026 12:00:30 GMT",
            },
            90.0,
        ),
        ({"Retry-After": "Sun, 01 Nov 2020 12:00:00 GMT"}, 0.0),
        ({"Retry-After": "999999999999"}, 86400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_the_portal_asks(
    portal: Portal, renew: Ask, status: int, headers: dict[str, str], after: float | None
) -> None:
    portal.says("/token", "busy", status=status, headers=headers)

    with pytest.raises(RetryLater) as caught:
        renew()

    assert (caught.value.after, caught.value.status) == (after, status)


def test_a_silent_token_endpoint_is_given_up(
    portal: Portal, renew: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.gate = threading.Event()
    monkeypatch.setattr(oauth, "DEADLINE", 0.2)

    with pytest.raises(RetryLater) as caught:
        renew()

    assert caught.value.code == "timeout"


def test_a_portal_that_is_down_is_tried_later(egress: Egress, generic: Profile, portal: Portal) -> None:
    allowed = Egress(allow=frozenset({("127.0.0.1", 9)}))

    with allowed, pytest.raises(RetryLater):
        refresh(
            egress=allowed,
            token_endpoint="http://127.0.0.1:9/token",
            client=PUBLIC,
            profile=generic,
            refresh_token=Secret("x"),
            scope="",
        )


def test_ten_megabytes_are_not_read_into_memory(portal: Portal, renew: Ask) -> None:
    portal.says("/token", b"x" * 10_000_000, headers={"Content-Length": "10000000"})
    tracemalloc.start()

    try:
        with pytest.raises(RetryLater):
            renew()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3_000_000
