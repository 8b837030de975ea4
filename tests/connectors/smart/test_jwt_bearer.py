import pytest
from joserfc import jwt

from connectors.egress import Egress
from connectors.errors import Denied, Reauthorize, RetryLater
from connectors.secret import Secret
from connectors.smart.jwt_bearer import GRANT_TYPE, access_token
from connectors.smart.keys import generate_key_pair, load_private_key
from connectors.smart.tokens import Client, TokenReply
from tests.connectors.smart.portal import BASIC, NOW, PUBLIC, Portal

PAIR = generate_key_pair(algorithm="RS384")
CLIENT = Client(
    id="made-for-one-consent", method="private_key_jwt", secret=PAIR.private_key, key_id=PAIR.key_id
)
GRANTED = {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}


def ask(portal: Portal, egress: Egress, client: Client = CLIENT, scope: str = "") -> TokenReply:
    return access_token(
        egress=egress, token_endpoint=f"{portal.base_url}/token", client=client, scope=scope, now=NOW
    )


def test_the_assertion_is_the_grant(portal: Portal, egress: Egress) -> None:
    portal.says("/token", GRANTED)

    reply = ask(portal, egress)

    form = portal.asked[0].form
    assert {name: form[name] for name in ("grant_type", "client_id")} == {
        "grant_type": GRANT_TYPE,
        "client_id": "made-for-one-consent",
    }
    assert set(form) == {"grant_type", "client_id", "assertion"}
    key = load_private_key(private_key=PAIR.private_key, algorithm="RS384")
    token = jwt.decode(form["assertion"], key, algorithms=["RS384"])
    assert token.claims["iss"] == token.claims["sub"] == "made-for-one-consent"
    assert token.claims["aud"] == f"{portal.base_url}/token"
    assert token.claims["exp"] - NOW.timestamp() <= 300
    assert (reply.access_token, reply.refresh_token, reply.expires_in) == (Secret("a"), None, 300)


def test_each_request_has_an_assertion_of_its_own(portal: Portal, egress: Egress) -> None:
    portal.says("/token", GRANTED)

    ask(portal, egress, scope="patient/*.rs")
    ask(portal, egress)

    assert portal.asked[0].form["assertion"] != portal.asked[1].form["assertion"]
    assert portal.asked[0].form["scope"] == "patient/*.rs"


def test_a_portal_that_forgot_the_client_has_ended_the_grant(portal: Portal, egress: Egress) -> None:
    portal.says("/token", {"error": "invalid_grant"}, status=400)

    with pytest.raises(Reauthorize):
        ask(portal, egress)


def test_nothing_else_ends_it(portal: Portal, egress: Egress) -> None:
    portal.says("/token", {"error": "invalid_client"}, status=401)
    with pytest.raises(Denied):
        ask(portal, egress)
    portal.says("/token", "<html>", status=400)
    with pytest.raises(RetryLater):
        ask(portal, egress)


@pytest.mark.parametrize("client", [PUBLIC, BASIC])
def test_it_takes_a_client_with_a_key_alone(portal: Portal, egress: Egress, client: Client) -> None:
    with pytest.raises(ValueError, match="key"):
        ask(portal, egress, client)
    assert portal.asked == []
