"""A person's browser and an app's HTTP, as plain as they come: the sandbox is tried over real sockets."""

import base64
import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass
from http.client import HTTPConnection  # noqa: TID251 - not to be judged through our own client
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from connectors.sandbox import RunningPortal
from connectors.sandbox.assertion import ASSERTION_TYPE

CALLBACK = "http://127.0.0.1:8000/callback/mercy/"
# Made once: how an app proves itself where it needs a key.
KEY = ECKey.generate_key("P-384", {"kid": "of the app", "use": "sig"})
SCOPE = "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address that the browser is sent to."""
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.headers["location"]).query).items()
        }


def send(
    url: str,
    *,
    form: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    bearer: str = "",
    timeout: float = 10,
) -> Answer:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if form is None:
            connection.request("GET", path, headers=sent | (headers or {}))
        else:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request("POST", path, body=urlencode(form), headers=sent | (headers or {}))
        answer = connection.getresponse()
        return Answer(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
    finally:
        connection.close()


class App:
    """An app that connects to a portal the way SMART App Launch has it."""

    def __init__(self, portal: RunningPortal) -> None:
        self.portal = portal
        self.configuration: dict[str, Any] = send(f"{portal.base_url}/.well-known/smart-configuration").json
        self.verifier = secrets.token_urlsafe(48)

    @property
    def origin(self) -> str:
        return "/".join(self.portal.base_url.split("/")[:3])

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def request(self, **changes: str | None) -> dict[str, str]:
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.portal.client_id,
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "state": "a state of the app",
            "aud": self.portal.base_url,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "nonce": secrets.token_urlsafe(12),
        }
        return {name: value for name, value in (asked | changes).items() if value is not None}

    def authorize(self, **changes: str | None) -> Answer:
        endpoint = self.configuration["authorization_endpoint"].replace("/provider/", "/patient/")
        return send(f"{endpoint}?{urlencode(self.request(**changes))}")

    def consent_page(self, **changes: str | None) -> tuple[str, Answer]:
        """Sign in as the first account; return the ticket and the page that asks for consent."""
        ticket = ticket_of(self.authorize(**changes))
        account = self.portal.accounts[0]
        form = {"ticket": ticket, "username": account.username, "password": account.password}
        return ticket, send(f"{self.origin}/oauth2/sign-in", form=form)

    def decide(self, ticket: str, decision: str = "allow") -> Answer:
        return send(f"{self.origin}/oauth2/consent", form={"ticket": ticket, "decision": decision})

    def code(self, **changes: str | None) -> str:
        ticket, _ = self.consent_page(**changes)
        return self.decide(ticket).query["code"]

    def token(self, **form: str) -> Answer:
        headers = {}
        form = {"client_id": self.portal.client_id} | form
        match self.portal.client_method:
            case "client_secret_basic":
                pair = f"{self.portal.client_id}:{self.portal.client_secret}".encode()
                headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            case "client_secret_post":
                form["client_secret"] = self.portal.client_secret
            case "private_key_jwt":
                form["client_assertion_type"] = ASSERTION_TYPE
                form["client_assertion"] = self.assertion()
        return send(self.configuration["token_endpoint"], form=form, headers=headers)

    def assertion(self) -> str:
        name = self.portal.client_id
        claims = {"iss": name, "sub": name, "aud": self.configuration["token_endpoint"]}
        claims |= {"exp": int(time.time()) + 240, "jti": secrets.token_urlsafe(12)}
        return jwt.encode({"alg": "ES384", "kid": "of the app"}, claims, KEY, ["ES384"])

    def exchange(self, code: str, /, **changes: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        return self.token(**(form | changes))

    def connect(self, **changes: str | None) -> dict[str, Any]:
        answer = self.exchange(self.code(**changes))
        assert answer.status == 200, answer
        tokens: dict[str, Any] = answer.json
        return tokens

    def refresh(self, tokens: dict[str, Any]) -> Answer:
        return self.token(
            grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=tokens["scope"]
        )

    def introspect(self, token: str) -> dict[str, Any]:
        headers = {}
        form = {"token": token, "client_id": self.portal.client_id}
        if self.portal.client_secret:
            pair = f"{self.portal.client_id}:{self.portal.client_secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        answer: dict[str, Any] = send(
            self.configuration["introspection_endpoint"], form=form, headers=headers
        ).json
        return answer


def ticket_of(page: Answer) -> str:
    found = re.search(rb'name=ticket value="([^"]+)"', page.body)
    assert found, page
    return found[1].decode()
