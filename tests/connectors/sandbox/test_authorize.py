"""What an authorization request must say, server by server."""

from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.sandbox import SandboxClient, Staff
from tests.connectors.sandbox.browser import CALLBACK, App, send, ticket_of
from tests.connectors.sandbox.conftest import OpenPortal

STAFF = Staff(username="dr.holm", password="their word", name="Dr. Holm", reference="Practitioner/holm")


@pytest.mark.parametrize(
    ("server", "scope"),
    [
        ({"scope_versions": ("v2",)}, "patient/Goal.read"),
        ({"scope_versions": ("v1",)}, "patient/Goal.rs"),
        ({"scope_wildcards": "refused"}, "patient/*.rs"),
        ({"scope_wildcards": "only"}, "patient/Goal.rs"),
        ({"scope_types": ("Patient",)}, "patient/Patient.rs patient/Goal.rs"),
        ({"scope_types": ("Patient",), "user_scope_types": ("Location",)}, "patient/Location.rs"),
        ({"scope_words": ("openid",)}, "openid offline_access patient/Goal.rs"),
        ({"scopes_required": ("profile",)}, "openid patient/Goal.rs"),
        ({"scopes_required": ("user/Location.rs",)}, "patient/Goal.rs"),
        ({}, "openid something"),
        ({}, "patient/Goal."),
        ({}, "launch patient/Goal.rs"),
        ({}, "system/Goal.rs"),
        ({"flows": ("standalone", "backend")}, "system/Goal.rs"),
    ],
)
def test_a_scope_that_the_server_does_not_have_fails_the_request(
    portal: OpenPortal, server: dict[str, Any], scope: str
) -> None:
    back = App(portal(**server)).authorize(scope=scope)
    assert back.query["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("server", "scope", "granted"),
    [
        ({}, "openid patient/Goal.read patient/*.rs", "openid patient/Goal.read patient/*.rs"),
        (
            {"scope_versions": ("v2",), "scope_version_answer": "dropped"},
            "openid patient/Goal.read patient/Patient.rs",
            "openid patient/Patient.rs",
        ),
        ({"scope_wildcards": "only"}, "patient/*.rs", "patient/*.rs"),
        (
            {"scope_types": ("Patient",), "user_scope_types": ("Location",)},
            "patient/Patient.rs user/Location.rs",
            "patient/Patient.rs user/Location.rs",
        ),
        ({"scopes_required": ("internal",)}, "internal patient/Goal.rs", "internal patient/Goal.rs"),
    ],
)
def test_a_scope_that_the_server_has_is_granted(
    portal: OpenPortal, server: dict[str, Any], scope: str, granted: str
) -> None:
    assert App(portal(**server)).connect(scope=scope)["scope"] == granted


@pytest.mark.parametrize(
    ("server", "listed", "unlisted"),
    [
        ({}, {"openid", "patient/*.read", "patient/*.rs", "patient/Goal.rs"}, {"launch"}),
        ({"scope_versions": ("v1",)}, {"patient/Goal.read"}, {"patient/Goal.rs"}),
        ({"scope_wildcards": "refused"}, {"patient/Goal.rs"}, {"patient/*.rs"}),
        ({"scope_wildcards": "only"}, {"patient/*.rs"}, {"patient/Goal.rs"}),
        ({"scope_types": ("Patient",)}, {"patient/Patient.rs"}, {"patient/Goal.rs"}),
        ({"user_scope_types": ("Location",)}, {"user/Location.rs"}, {"patient/Location.rs"}),
        ({"scopes_listed": False}, {"openid", "launch/patient"}, {"patient/*.rs", "patient/Goal.rs"}),
        ({"scope_words": ("openid",)}, {"openid"}, {"fhirUser", "offline_access"}),
        ({"flows": ("standalone", "ehr")}, {"launch"}, set()),
    ],
)
def test_the_discovery_document_lists_what_is_known(
    portal: OpenPortal, server: dict[str, Any], listed: set[str], unlisted: set[str]
) -> None:
    supported = set(App(portal(**server)).configuration["scopes_supported"])
    assert listed <= supported
    assert not unlisted & supported


def test_a_type_may_be_read_under_user_alone(portal: OpenPortal) -> None:
    place = b'{"resourceType":"Location","id":"ward"}'
    running = portal(resources=[place], user_scope_types=("Location",))
    for scope, status in (("patient/*.rs", 403), ("patient/*.rs user/Location.rs", 200)):
        token = running.issue_grant(patient_id="anna", scope=scope)["access_token"]
        assert send(f"{running.base_url}/Location/ward", bearer=token).status == status


@pytest.mark.parametrize(
    ("check", "sent", "accepted"),
    [
        ("exact", "base", True),
        ("exact", "slash", False),
        ("exact", None, False),
        ("bare", "base", True),
        ("bare", "slash", False),
        ("bare", None, False),
        ("lenient", "slash", True),
        ("lenient", None, True),
        ("lenient", "https://elsewhere.example/fhir", False),
        ("refused", None, True),
        ("refused", "base", False),
        ("none", "https://elsewhere.example/fhir", True),
    ],
)
def test_aud_is_taken_as_the_server_takes_it(
    portal: OpenPortal,
    check: str,
    sent: str | None,
    accepted: bool,  # noqa: FBT001 - a row of the table
) -> None:
    running = portal(aud_check=check)
    aud = {"base": running.base_url, "slash": f"{running.base_url}/"}.get(sent or "", sent)
    answer = App(running).authorize(aud=aud)
    assert answer.status == (200 if accepted else 302)
    if not accepted:
        assert answer.query["error"] == "invalid_request"


def test_an_address_is_published_with_a_slash_where_the_server_stumbles_over_it(portal: OpenPortal) -> None:
    running = portal(aud_check="bare")
    assert running.published_url == f"{running.base_url}/"
    assert send(f"{running.published_url}metadata").status == 200


def test_a_server_may_stumble_over_pkce(portal: OpenPortal) -> None:
    app = App(portal(pkce="broken"))
    assert app.configuration["code_challenge_methods_supported"] == []
    assert app.authorize().query["error"] == "invalid_request"
    code = app.code(code_challenge=None, code_challenge_method=None)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert app.token(**form, code_verifier=app.verifier).json["error"] == "invalid_request"
    assert app.token(**form).status == 200


def test_patients_may_have_an_endpoint_of_their_own(portal: OpenPortal) -> None:
    running = portal(provider_persona=True, flows=("standalone", "provider"), spec={"staff": [STAFF]})
    app = App(running)
    named = app.configuration["authorization_endpoint"]
    assert named.endswith("/personas/provider/authorize")
    query = urlencode(app.request())
    for endpoint, welcome, unwelcome in (
        (named, STAFF, running.accounts[0]),
        (named.replace("/provider/", "/patient/"), running.accounts[0], STAFF),
    ):
        ticket = ticket_of(send(f"{endpoint}?{query}"))
        for person, status in ((unwelcome, 400), (welcome, 200)):
            form = {"ticket": ticket, "username": person.username, "password": person.password}
            assert send(f"{app.origin}/oauth2/sign-in", form=form).status == status
        app = App(running)
        query = urlencode(app.request())
    assert send(f"{app.origin}/oauth2/authorize?{query}").status == 404


def test_a_request_may_come_by_post(portal: OpenPortal) -> None:
    app = App(portal())
    assert "authorize-post" in app.configuration["capabilities"]
    answer = send(app.configuration["authorization_endpoint"], form=app.request())
    account = app.portal.accounts[0]
    form = {"ticket": ticket_of(answer), "username": account.username, "password": account.password}
    assert send(f"{app.origin}/oauth2/sign-in", form=form).status == 200
    back = app.decide(form["ticket"])
    assert app.exchange(back.query["code"]).json["patient"] == "anna"


def test_claims_of_a_token_may_say_whose_record_it_opens(portal: OpenPortal) -> None:
    from joserfc import jwt  # noqa: PLC0415
    from joserfc.jwk import KeySet  # noqa: PLC0415

    app = App(
        portal(
            access_token="jwt",
            patient_in_token=False,
            token_claims={"whose": "{patient}", "practice": "7"},
            token_members={"practice_id": "a-7"},
        )
    )
    tokens = app.connect()
    assert "patient" not in tokens
    assert tokens["practice_id"] == "a-7"
    keys = KeySet.import_key_set(send(app.configuration["jwks_uri"]).json)
    claims = jwt.decode(tokens["access_token"], keys, algorithms=["RS256"]).claims
    assert (claims["whose"], claims["practice"]) == ("anna", "7")
    assert "practice_id" not in claims


def test_the_patient_is_named_to_who_asks_for_it(portal: OpenPortal) -> None:
    scope = "openid fhirUser patient/Patient.rs"
    assert "patient" not in App(portal()).connect(scope=scope)
    assert (
        App(portal(state="other", scope_words=("openid", "fhirUser"))).connect(scope=scope)["patient"]
        == "anna"
    )


def test_introspection_may_want_a_token_and_no_proof(portal: OpenPortal) -> None:
    app = App(portal(introspection_auth="bearer"))
    tokens = app.connect()
    endpoint, form = app.configuration["introspection_endpoint"], {"token": tokens["access_token"]}
    assert send(endpoint, form=form | {"client_id": app.portal.client_id}).status == 401
    found = send(endpoint, form=form, bearer=tokens["access_token"]).json
    assert (found["active"], found["patient"]) == (True, "anna")
    app.portal.revoke_grants()
    assert send(endpoint, form=form, bearer=tokens["access_token"]).status == 401


def test_a_server_has_its_own_algorithms(portal: OpenPortal) -> None:
    app = App(portal(client_auth=("private_key_jwt",), signing_algorithms=("RS384",)))
    assert app.configuration["token_endpoint_auth_signing_alg_values_supported"] == ["RS384"]
    assert app.exchange(app.code()).json["error"] == "invalid_client"


def test_a_client_alone_gets_a_token_of_its_own(portal: OpenPortal) -> None:
    clients = [SandboxClient(id="backend", secret="a secret of it", method="client_secret_basic")]
    app = App(portal(flows=("backend",), clients=clients))
    assert "client_credentials" in app.configuration["grant_types_supported"]
    assert app.token(grant_type="client_credentials", scope="patient/*.rs").json["error"] == "invalid_scope"
    tokens = app.token(grant_type="client_credentials", scope="system/*.rs").json
    assert tokens["scope"] == "system/*.rs"
    assert tokens["expires_in"] <= 300
    assert "refresh_token" not in tokens
    assert "patient" not in tokens
    # It is nobody's: the record of a patient is not its to read here.
    assert send(f"{app.portal.base_url}/Patient/anna", bearer=tokens["access_token"]).status == 404
    assert app.authorize().status == 400


def test_there_may_be_no_such_flow(portal: OpenPortal) -> None:
    app = App(portal())
    assert app.token(grant_type="client_credentials", scope="system/*.rs").status == 400
