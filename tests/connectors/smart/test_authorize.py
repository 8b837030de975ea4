import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connectors.errors import BadReply, Denied, PortalError, RetryLater
from connectors.profile import Profile
from connectors.smart.authorize import (
    AuthorizationRequest,
    authorization_request,
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


def asked(profile: Profile, server: Server = SERVER, **changes: Any) -> AuthorizationRequest:
    return authorization_request(server=server, profile=profile, **{**REQUEST, **changes})


def sent(profile: Profile, server: Server = SERVER, **changes: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(asked(profile, server, **changes).url).query, strict_parsing=True)


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


# ---- who begins


@pytest.mark.parametrize("aud", ["send", "strip_slash"])
def test_it_echoes_the_launch_of_an_ehr_and_its_address_as_given(generic: Profile, aud: str) -> None:
    profile = with_auth(generic, aud=aud)

    found = sent(profile, flow="ehr", launch="xyz", base_url="https://portal.example/r4/")

    assert found["launch"] == ["xyz"]
    assert found["aud"] == ["https://portal.example/r4/"]


@pytest.mark.parametrize("wrong", [{"flow": "ehr"}, {"launch": "xyz"}, {"flow": "provider", "launch": "xyz"}])
def test_a_launch_value_goes_with_an_ehr_launch_alone(generic: Profile, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="launch"):
        asked(generic, **wrong)


@pytest.mark.parametrize(
    ("changes", "persona"),
    [({}, "patient"), ({"flow": "provider"}, "provider"), ({"flow": "ehr", "launch": "x"}, "provider")],
)
def test_patients_who_begin_here_sign_in_where_patients_do(
    generic: Profile, changes: dict[str, Any], persona: str
) -> None:
    # Given a server that names the staff's page
    server = replace(SERVER, authorization_endpoint="https://as.example/personas/provider/authorize?t=1")
    profile = with_auth(generic, authorize_rewrite={"/personas/provider/": "/personas/patient/"})

    url = asked(profile, server, **changes).url

    assert url.startswith(f"https://as.example/personas/{persona}/authorize?t=1&")


def test_a_server_that_names_the_patients_page_is_taken_at_its_word(generic: Profile) -> None:
    profile = with_auth(generic, authorize_rewrite={"/personas/provider/": "/personas/patient/"})

    assert asked(profile).url.startswith("https://as.example/authorize?")


@pytest.mark.parametrize(
    ("piece", "instead"),
    [
        ("as.example", "evil.example"),
        ("as.example", "as.example@evil.example"),
        ("as.example", "user@as.example"),
        ("https", "http"),
        ("as.example", "as.example:8443"),
        ("https://as.example", "javascript:alert(1)"),
    ],
)
def test_a_rewritten_address_stays_on_the_server_that_was_discovered(
    generic: Profile, piece: str, instead: str
) -> None:
    # Given a profile as no loader lets through
    profile = with_auth(generic, authorize_rewrite={piece: instead})

    with pytest.raises(BadReply) as caught:
        asked(profile)

    assert caught.value.code == "discovery_elsewhere"


# ---- GET and POST

POSTS = replace(
    SERVER, capabilities=("authorize-post",), authorization_endpoint="https://as.example/authorize?t=1"
)
LONG = " ".join(f"patient/Type{number}.rs" for number in range(120))


def test_a_long_request_is_posted_where_the_server_takes_it(generic: Profile) -> None:
    # Given what the same request says by GET
    by_get = sent(generic, replace(POSTS, capabilities=()), scope=LONG)

    found = asked(generic, POSTS, scope=LONG)

    assert (found.method, found.url) == ("POST", "https://as.example/authorize?t=1")
    assert {name: [value] for name, value in found.fields.items()} == {
        name: value for name, value in by_get.items() if name != "t"
    }
    assert found.fields["scope"] == LONG


@pytest.mark.parametrize(
    ("server", "scope"), [(POSTS, "openid"), (replace(POSTS, capabilities=("launch-ehr",)), LONG)]
)
def test_any_other_request_is_an_address(generic: Profile, server: Server, scope: str) -> None:
    found = asked(generic, server, scope=scope)

    assert (found.method, dict(found.fields)) == ("GET", {})
    assert parse_qs(urlsplit(found.url).query)["scope"] == [scope]


@pytest.mark.parametrize("scope", ["openid", LONG])
def test_it_is_never_the_implicit_flow(generic: Profile, scope: str) -> None:
    hostile = replace(
        POSTS,
        authorization_endpoint="https://as.example/a?response_type=token&response_mode=fragment&request=x&p=1",
        capabilities=("authorize-post", "response_type=token"),
    )

    found = asked(generic, hostile, scope=scope)

    said = {**dict(parse_qsl(urlsplit(found.url).query)), **found.fields}
    assert (said["response_type"], said["p"]) == ("code", "1")
    assert not {"response_mode", "request"} & set(said)


def test_a_request_prints_neither_state_nor_nonce(generic: Profile) -> None:
    printed = repr(asked(generic)) + repr(asked(generic, POSTS, scope=LONG))

    assert "the-state" not in printed
    assert "the-nonce" not in printed


def test_it_keeps_the_endpoints_own_query_but_lets_it_not_speak_for_us(generic: Profile) -> None:
    hostile = "https://as.example/authorize?tenant=7&redirect_uri=https://evil.example&state=theirs"

    found = sent(generic, replace(SERVER, authorization_endpoint=hostile))

    assert found["tenant"] == ["7"]
    assert found["redirect_uri"] == ["https://phr.example/callback/acme/"]
    assert found["state"] == ["the-state"]


def test_it_carries_the_verifier_and_no_secret_in_no_address(generic: Profile) -> None:
    for request in (asked(generic), asked(generic, POSTS, scope=LONG)):
        said = request.url + repr(dict(request.fields))
        assert REQUEST["code_verifier"] not in said
        assert "client_secret" not in said
        assert "client_assertion" not in said


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


@pytest.mark.parametrize(
    ("iss", "accepted"),
    [("https://openid.example", True), ("https://as.example", True), ("https://evil.example", False)],
)
def test_the_issuers_of_the_profile_count_for_an_answer_too(
    generic: Profile, iss: str, *, accepted: bool
) -> None:
    profile = with_auth(generic, issuers=("https://openid.example",))
    answer = {"code": "abc", "iss": iss}

    if accepted:
        assert code_from(answer=answer, server=SERVER, profile=profile) == "abc"
    else:
        with pytest.raises(Denied) as caught:
            code_from(answer=answer, server=SERVER, profile=profile)
        assert caught.value.code == "foreign_host"
