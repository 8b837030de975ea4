"""Apps that register themselves."""

import json
import secrets
import time
from http.client import HTTPConnection  # noqa: TID251 - not to be judged through our own client
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.connectors.sandbox.browser import CALLBACK, KEY, Answer, App, send
from tests.connectors.sandbox.conftest import JWKS, OpenPortal

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def post(url: str, body: Any, *, bearer: str = "", method: str = "POST") -> Answer:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    connection.request(method, parts.path, json.dumps(body), headers)
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def metadata(**changes: Any) -> dict[str, Any]:
    asked = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "A record of my own",
    }
    return {name: value for name, value in (asked | changes).items() if value is not None}


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_an_app_registers_and_is_known(portal: OpenPortal, method: str) -> None:
    everybody = ("public", "client_secret_basic", "client_secret_post", "private_key_jwt")
    app = App(portal(dynamic_registration="rfc7591", client_auth=everybody))
    keys = JWKS if method == "private_key_jwt" else None
    endpoint = app.configuration["registration_endpoint"]
    answer = post(endpoint, metadata(token_endpoint_auth_method=method, jwks=keys))
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json
    assert made["token_endpoint_auth_method"] == method
    assert made["redirect_uris"] == [CALLBACK]
    assert made["client_name"] == "A record of my own"
    assert made["client_id_issued_at"] <= time.time()
    assert ("client_secret" in made) is method.startswith("client_secret")
    assert made.get("client_secret_expires_at") == (0 if method.startswith("client_secret") else None)
    assert made["client_id"] != app.portal.client_id
    page = app.authorize(client_id=made["client_id"])
    assert page.status == 200
    assert b"A record of my own" in page.body


def test_what_is_registered_can_be_read_and_ended(portal: OpenPortal) -> None:
    app = App(portal(dynamic_registration="rfc7591"))
    made = post(app.configuration["registration_endpoint"], metadata()).json
    url, token = made["registration_client_uri"], made["registration_access_token"]
    assert send(url).status == 401
    assert send(url, bearer="guess").status == 401
    assert send(url, bearer=token).json["client_secret"] == made["client_secret"]
    assert post(url, {}, bearer=token, method="DELETE").status == 204
    assert send(url, bearer=token).status == 401
    assert app.authorize(client_id=made["client_id"]).status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://records.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"{CALLBACK}#part"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["callback"]}, "invalid_redirect_uri"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.as_dict(private=True)]}},
            "invalid_client_metadata",
        ),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS, "jwks_uri": "https://a.example"},
            "invalid_client_metadata",
        ),
    ],
)
def test_a_faulty_registration_is_declined_with_its_error(
    portal: OpenPortal, changes: dict[str, Any], error: str
) -> None:
    running = portal(dynamic_registration="rfc7591", client_auth=("client_secret_basic", "private_key_jwt"))
    answer = post(App(running).configuration["registration_endpoint"], metadata(**changes))
    assert (answer.status, answer.json["error"]) == (400, error)


def test_keys_may_stand_at_an_address(portal: OpenPortal) -> None:
    running = portal(
        dynamic_registration="rfc7591",
        client_auth=("private_key_jwt",),
        spec={"fetch_keys": {"https://app.example/jwks.json": JWKS}.get},
    )
    endpoint = App(running).configuration["registration_endpoint"]
    for address, status in (("https://app.example/jwks.json", 201), ("https://app.example/other", 400)):
        asked = metadata(token_endpoint_auth_method="private_key_jwt", jwks_uri=address)
        assert post(endpoint, asked).status == status


def test_an_initial_access_token_may_be_due(portal: OpenPortal) -> None:
    running = portal(dynamic_registration="rfc7591", spec={"initial_access_token": "from the vendor"})
    endpoint = App(running).configuration["registration_endpoint"]
    for bearer, status in (("", 401), ("guess", 401), ("from the vendor", 201)):
        assert post(endpoint, metadata(), bearer=bearer).status == status


def test_there_may_be_no_registration(portal: OpenPortal) -> None:
    app = App(portal())
    assert "registration_endpoint" not in app.configuration
    assert post(f"{app.origin}/oauth2/register", metadata()).status == 404


def test_a_registration_outlives_a_restart(portal: OpenPortal) -> None:
    made = post(
        App(portal(dynamic_registration="rfc7591")).configuration["registration_endpoint"], metadata()
    ).json
    again = App(portal(dynamic_registration="rfc7591"))
    assert again.authorize(client_id=made["client_id"]).status == 200


class Device:
    """A client made for one consent."""

    def __init__(self, app: App, tokens: dict[str, Any]) -> None:
        self.key = ECKey.generate_key("P-384", {"kid": "device", "use": "sig"})
        self.app = app
        asked = {"software_id": app.portal.client_id, "jwks": {"keys": [self.key.as_dict(private=False)]}}
        answer = post(f"{app.origin}/oauth2/register", asked, bearer=tokens["access_token"])
        assert answer.status == 201, answer
        self.id = answer.json["client_id"]

    def token(self, *, key: ECKey | None = None, **changes: Any) -> Answer:
        endpoint = self.app.configuration["token_endpoint"]
        claims = {"iss": self.id, "sub": self.id, "aud": endpoint, "jti": secrets.token_urlsafe(8)}
        claims |= {"exp": int(time.time()) + 240} | changes
        signed = jwt.encode({"alg": "ES384", "kid": "device"}, claims, key or self.key, ["ES384"])
        return send(endpoint, form={"grant_type": GRANT, "assertion": signed, "client_id": self.id})


def test_a_client_of_one_consent_gets_tokens_without_a_refresh_token(portal: OpenPortal) -> None:
    app = App(portal(dynamic_registration="software_id", refresh_given=False))
    assert GRANT in app.configuration["grant_types_supported"]
    device = Device(app, app.connect())
    app.portal.expire_tokens()
    answer = device.token()
    assert answer.status == 200
    assert answer.json["patient"] == "anna"
    assert "refresh_token" not in answer.json
    url = f"{app.portal.base_url}/Patient/anna"
    assert send(url, bearer=answer.json["access_token"]).status == 200
    assert device.token(aud="https://elsewhere.example").json["error"] == "invalid_grant"
    assert device.token(iss="another").json["error"] == "invalid_grant"
    assert device.token(exp=int(time.time()) + 3600).json["error"] == "invalid_grant"
    assert device.token(key=ECKey.generate_key("P-384")).json["error"] == "invalid_grant"
    app.portal.revoke_grants()
    assert device.token().json["error"] == "invalid_grant"
    assert send(url, bearer=answer.json["access_token"]).status == 401


def test_a_client_of_one_consent_is_made_by_that_consents_token_alone(portal: OpenPortal) -> None:
    app = App(portal(dynamic_registration="software_id"))
    tokens = app.connect()
    endpoint = app.configuration["registration_endpoint"]
    asked = {"software_id": app.portal.client_id, "jwks": JWKS}
    assert post(endpoint, asked).status == 401
    assert post(endpoint, asked, bearer="guess").status == 401
    faulty: tuple[dict[str, Any], ...] = ({"software_id": "another"}, {"jwks": {"keys": []}}, {"jwks": None})
    for wrong in faulty:
        answer = post(endpoint, asked | wrong, bearer=tokens["access_token"])
        assert answer.json["error"] == "invalid_client_metadata"
    assert post(endpoint, [], bearer=tokens["access_token"]).json["error"] == "invalid_client_metadata"


def test_where_to_register_may_be_told_to_who_says_which_app_it_is(portal: OpenPortal) -> None:
    running = portal(dynamic_registration="software_id", register_needs_header="X-Which-App")
    assert "registration_endpoint" not in App(running).configuration

    def named(**headers: str) -> set[str]:
        statement = send(f"{running.base_url}/metadata", headers=headers).json
        [extension] = statement["rest"][0]["security"]["extension"]
        return {each["url"] for each in extension["extension"]}

    assert "register" not in named()
    assert "register" in named(**{"X-Which-App": running.client_id})
