import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.errors import BadReply, Denied, PortalError, RetryLater
from connectors.profile import Profile
from connectors.smart.authorize import (
    authorization_url,
    code_from,
    new_code_verifier,
    new_nonce,
    new_state,
)
from connectors.smart.discovery import Server

SERVER = Server(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize",
    token_endpoint="https://as.example/token",
)
REQUEST: dict[str, Any] = {
    "client_id": "our-id",
    "redirect_uri": "https://phr.example/callback/acme/",
    "scope": "openid patient/*.rs",
    "state": "the-state",
    "code_verifier": "the-verifier-of-at-least-forty-three-characters",
    "nonce": "the-nonce",
    "base_url": "https://portal.example/r4/",
}


def sent(profile: Profile, server: Server = SERVER, **changes: Any) -> dict[str, list[str]]:
    url = authorization_url(server=server, profile=profile, **{**REQUEST, **changes})
    return parse_qs(urlsplit(url).query, strict_parsing=True)


def with_auth(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, auth=replace(profile.auth, **changes))


def test_it_asks_for_a_code_with_everything_that_smart_wants(generic: Profile) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(REQUEST["code_verifier"].encode()).digest())

    assert sent(generic) == {
        "response_type": ["code"],
        "client_id": ["our-id"],
        "redirect_uri": ["https://phr.example/callback/acme/"],
        "scope": ["openid patient/*.rs"],
        "state": ["the-state"],
        "aud": ["https://portal.example/r4/"],
        "nonce": ["the-nonce"],
        "code_challenge": [challenge.decode().rstrip("=")],
        "code_challenge_method": ["S256"],
    }


@pytest.mark.parametrize(
    ("aud", "expected"),
    [
        ("send", ["https://portal.example/r4/"]),
        ("strip_slash", ["https://portal.example/r4"]),
        ("omit", None),
    ],
)
def test_it_names_the_audience_as_the_profile_says(
    generic: Profile, aud: str, expected: list[str] | None
) -> None:
    assert sent(with_auth(generic, aud=aud)).get("aud") == expected


def test_it_leaves_pkce_out_only_where_the_profile_says_so(generic: Profile) -> None:
    off = sent(with_auth(generic, pkce="off"))

    assert not any(name.startswith("code_challenge") for name in off)


def test_it_sends_pkce_to_a_server_that_does_not_list_it(generic: Profile) -> None:
    assert "code_challenge" in sent(generic, replace(SERVER, code_challenge_methods=("plain",)))


def test_it_sends_a_nonce_only_with_openid(generic: Profile) -> None:
    assert "nonce" not in sent(generic, scope="patient/*.rs")


def test_it_echoes_the_launch_of_an_ehr(generic: Profile) -> None:
    assert sent(generic, launch="xyz")["launch"] == ["xyz"]


def test_it_keeps_the_endpoints_own_query_but_lets_it_not_speak_for_us(generic: Profile) -> None:
    hostile = "https://as.example/authorize?tenant=7&redirect_uri=https://evil.example&state=theirs"

    found = sent(generic, replace(SERVER, authorization_endpoint=hostile))

    assert found["tenant"] == ["7"]
    assert found["redirect_uri"] == ["https://phr.example/callback/acme/"]
    assert found["state"] == ["the-state"]


def test_it_carries_the_verifier_and_no_secret_in_no_address(generic: Profile) -> None:
    url = authorization_url(server=SERVER, profile=generic, **REQUEST)

    assert REQUEST["code_verifier"] not in url
    assert "client_secret" not in url
    assert "response_type=token" not in url


def test_state_nonce_and_verifier_are_long_and_new_each_time() -> None:
    for make in (new_state, new_nonce, new_code_verifier):
        made = {make() for _ in range(200)}
        assert len(made) == 200
        assert all(43 <= len(text) <= 128 for text in made)


# ---- the answer


def test_it_takes_the_code(generic: Profile) -> None:
    assert code_from(answer={"code": "abc", "state": "s"}, server=SERVER, profile=generic) == "abc"
    assert (
        code_from(answer={"code": "abc", "iss": "https://as.example"}, server=SERVER, profile=generic)
        == "abc"
    )


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ("access_denied", Denied, "access_denied"),
        ("invalid_scope", Denied, "bad_scope"),
        ("unauthorized_client", Denied, "client_refused"),
        ("login_required", Denied, "interaction_required"),
        ("something <script>", Denied, "request_refused"),
        ("server_error", RetryLater, "server_error"),
        ("temporarily_unavailable", RetryLater, "server_error"),
    ],
)
def test_it_says_who_said_no(generic: Profile, error: str, kind: type[PortalError], code: str) -> None:
    with pytest.raises(kind) as caught:
        code_from(
            answer={"error": error, "error_description": "Jane Roe", "code": "abc"},
            server=SERVER,
            profile=generic,
        )

    assert caught.value.code == code
    assert "Jane" not in str(caught.value)
    assert "script" not in str(caught.value)


@pytest.mark.parametrize("answer", [{}, {"code": ""}, {"state": "s"}, {"code": "a" * 9000}])
def test_an_answer_without_a_code_is_no_answer(generic: Profile, answer: dict[str, str]) -> None:
    with pytest.raises(BadReply):
        code_from(answer=answer, server=SERVER, profile=generic)


def test_an_answer_of_another_issuer_is_refused_before_its_code_is_used(generic: Profile) -> None:
    with pytest.raises(Denied):
        code_from(answer={"code": "abc", "iss": "https://evil.example"}, server=SERVER, profile=generic)


def test_an_answer_without_issuer_is_refused_where_the_server_names_it_always(generic: Profile) -> None:
    server = replace(SERVER, names_issuer=True)

    assert (
        code_from(answer={"code": "abc", "iss": "https://as.example"}, server=server, profile=generic)
        == "abc"
    )
    with pytest.raises(Denied):
        code_from(answer={"code": "abc"}, server=server, profile=generic)


def test_the_issuers_of_the_profile_count_for_an_answer_too(generic: Profile) -> None:
    profile = with_auth(generic, issuers=("https://openid.example",))

    answer = {"code": "abc", "iss": "https://openid.example"}

    assert code_from(answer=answer, server=SERVER, profile=profile) == "abc"
