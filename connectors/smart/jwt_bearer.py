"""Access tokens for a client that a person's consent registered: its key in place of a refresh token.

The JWT bearer grant (RFC 7523, section 2.1), as servers use it whose dynamic registration makes one client for
each consent (`registration.register_software`). There is no refresh token: the client itself is the grant, and
it ends when the portal forgets it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from connectors.egress import Egress
from connectors.smart.assertion import client_assertion
from connectors.smart.client import Client
from connectors.smart.oauth import oauth_client, only_ours
from connectors.smart.token_reply import TokenReply, read_token

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def access_token(
    *, egress: Egress, token_endpoint: str, client: Client, scope: str = "", now: datetime
) -> TokenReply:
    """Ask for an access token with an assertion of `client`, which has a private key (else ValueError).

    `scope` is sent where it is not empty. Raises as `tokens.refresh` does: `Reauthorize` for `invalid_grant`
    alone, which here says that the portal has forgotten the client.
    """
    if client.method != "private_key_jwt" or client.secret is None:
        raise ValueError("only a client with a key can ask in this way")
    assertion = client_assertion(
        client_id=client.id,
        token_endpoint=token_endpoint,
        private_key=client.secret,
        key_id=client.key_id,
        algorithm=client.algorithm,
        now=now,
    )
    # The assertion is the grant; beside it the client names itself and proves nothing further.
    named = replace(client, method="public", secret=None)
    oauth = oauth_client(egress=egress, client=named, endpoint=token_endpoint, now=now)
    extra = {"scope": scope} if scope else {}
    with only_ours(oauth, refreshing=True):
        token = oauth.fetch_token(token_endpoint, grant_type=GRANT_TYPE, assertion=assertion, **extra)
        return read_token(token=token)
