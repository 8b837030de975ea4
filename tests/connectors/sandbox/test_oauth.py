import time
from typing import Any, get_args

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from connectors.profile import ClientMethod
from connectors.sandbox import SandboxClient
from tests.connectors.sandbox.browser import CALLBACK, App, send
from tests.connectors.sandbox.conftest import OpenPortal


@pytest.mark.parametrize("access_token", ["opaque", "jwt"])
@pytest.mark.parametrize("method", get_args(ClientMethod))
def test_a_person_connects_an_app(portal: OpenPortal, method: ClientMethod, access_token: str) -> None:
    running = portal(client_auth=(method,), access_token=access_token, access_token_seconds=570)
    app = App(running)
    ticket, page = app.consent_page()
    assert page.status == 200
    back = app.decide(ticket)
    assert back.status == 302
    assert back.headers["location"].startswith(f"{CALLBACK}?")
    assert back.query["state"] == "a state of the app"
    answer = app.exchange(back.query["code"])
    tokens = answer.json
    assert answer.headers["cache-control"] == "no-store"
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 570
    assert tokens["patient"] == "anna"
    assert tokens["access_token"].count(".") == (2 if access_token == "jwt" else 0)
    patient = send(f"{running.base_url}/Patient/anna", bearer=tokens["access_token"])
    assert patient.status == 200
    assert patient.headers["content-type"].startswith("application/fhir+json")


def test_an_app_may_not_prove_itself_as_the_server_cannot(portal: OpenPortal) -> None:
    client = SandboxClient(method="client_secret_basic", redirect_uris=(CALLBACK,))
    app = App(portal(client_auth=("public",), clients=[client]))
    assert app.exchange(app.code()).json["error"] == "invalid_client"
    assert app.configuration["token_endpoint_auth_methods_supported"] == ["none"]


def test_the_id_token_verifies_with_the_published_keys(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    claims = id_claims(app, app.connect(nonce="once"))
    assert claims["iss"] == app.configuration["issuer"]
    assert claims["aud"] == running.client_id
    assert claims["nonce"] == "once"
    assert claims["fhirUser"] == f"{running.base_url}/Patient/anna"
    assert all("d" not in key for key in send(app.configuration["jwks_uri"]).json["keys"])


def test_who_it_is_may_be_said_by_another_issuer_and_without_an_address(portal: OpenPortal) -> None:
    app = App(portal(token_issuer="https://issuer.example", fhir_user="relative"))
    claims = id_claims(app, app.connect())
    assert claims["iss"] == "https://issuer.example"
    assert claims["fhirUser"] == "Patient/anna"
    found = send(f"{app.configuration['issuer']}/.well-known/openid-configuration").json
    assert found["issuer"] == "https://issuer.example"


def test_there_may_be_no_id_token(portal: OpenPortal) -> None:
    app = App(portal(id_token=False))
    assert "id_token" not in app.connect()
    assert "sso-openid-connect" not in app.configuration["capabilities"]


def id_claims(app: App, tokens: dict[str, Any]) -> dict[str, Any]:
    keys = KeySet.import_key_set(send(app.configuration["jwks_uri"]).json)
    return dict(jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims)


def test_the_issuer_describes_itself(portal: OpenPortal) -> None:
    app = App(portal())
    issuer = app.configuration["issuer"]
    found = send(f"{issuer}/.well-known/openid-configuration").json
    assert found["issuer"] == issuer
    assert found["token_endpoint"] == app.configuration["token_endpoint"]


def test_the_capability_statement_names_the_same_endpoints(portal: OpenPortal) -> None:
    running = portal()
    statement = send(f"{running.base_url}/metadata").json
    [extension] = statement["rest"][0]["security"]["extension"]
    found = {each["url"]: each["valueUri"] for each in extension["extension"]}
    configuration = App(running).configuration
    assert found["authorize"] == configuration["authorization_endpoint"]
    assert found["token"] == configuration["token_endpoint"]
    assert statement["fhirVersion"] == "4.0.1"


def test_denying_sends_the_app_access_denied(portal: OpenPortal) -> None:
    app = App(portal())
    ticket, _ = app.consent_page()
    back = app.decide(ticket, "deny")
    assert back.query["error"] == "access_denied"
    assert back.query["state"] == "a state of the app"
    assert "code" not in back.query


def test_a_decision_counts_once(portal: OpenPortal) -> None:
    app = App(portal())
    ticket, _ = app.consent_page()
    assert app.decide(ticket).status == 302
    again = app.decide(ticket)
    assert again.status == 400
    assert b"start again" in again.body


def test_nobody_consents_without_signing_in(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    issuer = app.configuration["issuer"]
    ticket = app.authorize().body.split(b'name=ticket value="')[1].split(b'"')[0].decode()
    assert app.decide(ticket).status == 400
    wrong = send(f"{issuer}/sign-in", form={"ticket": ticket, "username": "anna", "password": "b"})
    assert wrong.status == 400
    assert b"do not match" in wrong.body
    assert app.decide(ticket).status == 400


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": f"{CALLBACK}x"}, {"redirect_uri": None}, {"client_id": "someone"}],
    ids=["another_redirect", "no_redirect", "unknown_client"],
)
def test_it_never_redirects_where_it_should_not(portal: OpenPortal, changes: dict[str, str | None]) -> None:
    answer = App(portal()).authorize(**changes)
    assert answer.status == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nothing known"}, "invalid_scope"),
        ({"scope": "openid patient/*.read"}, "invalid_scope"),
        ({"nonce": None}, "invalid_request"),
    ],
    ids=[
        "no_pkce",
        "plain",
        "plain_by_default",
        "aud_elsewhere",
        "no_aud",
        "implicit",
        "unknown_scope",
        "wildcard",
        "no_nonce",
    ],
)
def test_a_bad_request_goes_back_with_its_error(
    portal: OpenPortal, changes: dict[str, str | None], error: str
) -> None:
    running = portal(pkce="required", aud_check="exact", scope_wildcards="refused", nonce_required=True)
    back = App(running).authorize(**changes)
    assert back.status == 302
    assert back.query["error"] == error
    assert back.query["state"] == "a state of the app"


@pytest.mark.parametrize("aud", [None, "slash"])
def test_a_lenient_server_takes_aud_as_it_comes(portal: OpenPortal, aud: str | None) -> None:
    running = portal(aud_check="lenient")
    given = None if aud is None else f"{running.base_url}/"
    assert App(running).authorize(aud=given).status == 200


def test_plain_is_refused_even_where_pkce_is_not_required(portal: OpenPortal) -> None:
    back = App(portal(pkce="optional")).authorize(code_challenge_method="plain")
    assert back.query["error"] == "invalid_request"


def test_a_server_that_names_its_issuer_names_it_on_the_way_back(portal: OpenPortal) -> None:
    app = App(portal(authorization_iss=True))
    ticket, _ = app.consent_page()
    assert app.decide(ticket, "deny").query["iss"] == app.configuration["issuer"]


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "v" * 50}, {"redirect_uri": f"{CALLBACK}x"}, {"code": "made up"}],
    ids=["verifier", "redirect", "code"],
)
def test_a_code_is_bound_to_what_asked_for_it(portal: OpenPortal, changes: dict[str, str]) -> None:
    app = App(portal())
    answer = app.exchange(app.code(), **changes)
    assert answer.status == 400
    assert answer.json["error"] == "invalid_grant"


def test_the_second_use_of_a_code_takes_back_what_the_first_gave(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    code = app.code()
    tokens = app.exchange(code).json
    url = f"{running.base_url}/Patient/anna"
    assert send(url, bearer=tokens["access_token"]).status == 200
    assert app.exchange(code).json["error"] == "invalid_grant"
    assert send(url, bearer=tokens["access_token"]).status == 401
    assert app.refresh(tokens).json["error"] == "invalid_grant"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_wrong_secret_gets_nothing(portal: OpenPortal, method: Any) -> None:
    client = SandboxClient(id="app", secret="the secret", method=method, redirect_uris=(CALLBACK,))
    app = App(portal(clients=[client]))
    form = {"grant_type": "authorization_code", "code": app.code(), "code_verifier": app.verifier}
    form |= {"redirect_uri": CALLBACK, "client_id": "app"}
    endpoint = app.configuration["token_endpoint"]
    for wrong in ({}, {"client_secret": "guess"}):
        answer = send(endpoint, form=form | wrong)
        assert answer.json["error"] == "invalid_client"
    if method == "client_secret_post":
        assert send(endpoint, form=form | {"client_secret": "the secret"}).status == 200
    else:
        assert app.token(**form).status == 200


def test_a_client_proves_itself_with_its_key_once(portal: OpenPortal) -> None:
    key = ECKey.generate_key("P-384", {"kid": "one", "use": "sig"})
    client = SandboxClient(
        id="app",
        method="private_key_jwt",
        redirect_uris=(CALLBACK,),
        jwks={"keys": [key.as_dict(private=False)]},
    )
    app = App(portal(clients=[client], client_auth=("private_key_jwt",)))
    endpoint = app.configuration["token_endpoint"]
    now = int(time.time())
    claims = {"iss": "app", "sub": "app", "aud": endpoint, "exp": now + 240, "jti": "a"}
    form = {"grant_type": "authorization_code", "code": app.code(), "code_verifier": app.verifier}
    form |= {"redirect_uri": CALLBACK}
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    def attempt(key: ECKey = key, **changes: Any) -> dict[str, Any]:
        signed = jwt.encode({"alg": "ES384", "kid": "one"}, claims | changes, key, ["ES384"])
        answer: dict[str, Any] = send(endpoint, form=form | {"client_assertion": signed}).json
        return answer

    assert attempt(key=ECKey.generate_key("P-384"))["error"] == "invalid_client"
    assert attempt(aud="https://elsewhere.example")["error"] == "invalid_client"
    assert attempt(exp=now + 3600)["error"] == "invalid_client"
    assert attempt(sub="another")["error"] == "invalid_client"
    tokens = attempt()
    assert tokens["access_token"]
    form |= {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert attempt()["error"] == "invalid_client"  # its jti was seen
    assert attempt(jti="b")["access_token"]


def test_a_registration_may_decide_the_scope(portal: OpenPortal) -> None:
    client = SandboxClient(redirect_uris=(CALLBACK,), scope="patient/Patient.rs patient/Goal.rs")
    app = App(portal(scopes_granted="registration", clients=[client]))
    granted = app.connect(scope="openid fhirUser patient/Observation.read")["scope"]
    assert granted == "openid fhirUser patient/Patient.rs patient/Goal.rs"


def test_a_revoked_refresh_token_ends_the_grant(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    tokens = app.connect()
    assert app.introspect(tokens["access_token"])["active"] is True
    form = {"token": tokens["refresh_token"], "client_id": running.client_id}
    assert send(app.configuration["revocation_endpoint"], form=form).status == 200
    assert app.introspect(tokens["access_token"]) == {"active": False}
    assert app.refresh(tokens).json["error"] == "invalid_grant"


def test_an_issued_grant_is_like_one_of_the_flow(portal: OpenPortal) -> None:
    running = portal()
    tokens = running.issue_grant(patient_id="anna", scope="patient/Patient.read offline_access")
    app = App(running)
    assert app.refresh(tokens).status == 200
    assert send(f"{running.base_url}/Patient/anna", bearer=tokens["access_token"]).status == 200


def test_expired_and_revoked_tokens_are_not_accepted(portal: OpenPortal) -> None:
    running = portal()
    app = App(running)
    tokens = app.connect()
    url = f"{running.base_url}/Patient/anna"
    running.expire_tokens()
    answer = send(url, bearer=tokens["access_token"])
    assert answer.status == 401
    assert answer.json["resourceType"] == "OperationOutcome"
    tokens = tokens | app.refresh(tokens).json
    assert send(url, bearer=tokens["access_token"]).status == 200
    running.revoke_grants()
    assert send(url, bearer=tokens["access_token"]).status == 401
    assert app.refresh(tokens).json["error"] == "invalid_grant"


def test_the_state_holds_no_token(portal: OpenPortal, tmp_path: Any) -> None:
    tokens = App(portal()).connect()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("mercy.sqlite3*"))
    assert tokens["access_token"].encode() not in held
    assert tokens["refresh_token"].encode() not in held
