"""The token endpoint: codes and refresh tokens become access tokens, and tokens are given back.

Sources: RFC 6749, RFC 7009, SMART App Launch 2.2.
"""

from datetime import datetime
from typing import Literal

from connectors.egress import Egress
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.client import Client
from connectors.smart.oauth import oauth_client, only_ours
from connectors.smart.server import Server
from connectors.smart.token_reply import TokenReply, read_token

__all__ = ["Client", "TokenReply", "exchange_code", "own_id", "refresh", "revoke"]


def own_id(*, client: Client, profile: Profile) -> dict[str, str]:
    """Return our client id for the form of a token request, where it would not stand there anyway and the
    profile wants it beside the proof.
    """
    proved_elsewhere = client.method in {"client_secret_basic", "private_key_jwt"}
    return {"client_id": client.id} if profile.auth.client_id_in_form and proved_elsewhere else {}


def exchange_code(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    profile: Profile,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    now: datetime | None = None,
) -> TokenReply:
    """Exchange an authorization code, once.

    `now` dates the signature of a client with a key. Raises `Denied` when the server does not accept code,
    client or request; `RetryLater` when it is busy or away (the code may be spent); `BadReply` for an
    answer that is not a token response; `EgressRefused` for a redirect.
    """
    extra = own_id(client=client, profile=profile)
    if profile.auth.pkce != "off":
        extra["code_verifier"] = code_verifier
    oauth = oauth_client(egress=egress, client=client, endpoint=server.token_endpoint, now=now)
    with only_ours(oauth):
        token = oauth.fetch_token(
            server.token_endpoint,
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            **extra,
        )
        return read_token(token=token)


def refresh(
    *,
    egress: Egress,
    token_endpoint: str,
    client: Client,
    profile: Profile,
    refresh_token: Secret,
    scope: str,
    now: datetime | None = None,
) -> TokenReply:
    """Exchange a refresh token. The caller holds the grant's lock, and keeps the old token where none comes.

    `scope` is sent where the profile asks for it. Raises `Reauthorize` for `invalid_grant` and for nothing
    else; `Denied` when the registration or request is refused, which the grant survives; `RetryLater` for
    everything that time may mend, an answer that cannot be read among it; `EgressRefused` for a redirect.
    """
    extra = own_id(client=client, profile=profile)
    if profile.auth.send_scope_on_refresh and scope:
        extra["scope"] = scope
    oauth = oauth_client(egress=egress, client=client, endpoint=token_endpoint, now=now)
    with only_ours(oauth, refreshing=True):
        token = oauth.refresh_token(token_endpoint, refresh_token=refresh_token.reveal(), **extra)
        return read_token(token=token, sent=refresh_token)


def revoke(
    *,
    egress: Egress,
    server: Server,
    client: Client,
    token: Secret,
    kind: Literal["refresh_token", "access_token"] = "refresh_token",
    now: datetime | None = None,
) -> bool:
    """Tell the server to forget a token (RFC 7009). Returns False where it offers no way to, or declines.

    Raises `RetryLater` when it is busy or away, `EgressRefused` for a redirect.
    """
    if not server.revocation_endpoint:
        return False
    oauth = oauth_client(egress=egress, client=client, endpoint=server.revocation_endpoint, now=now)
    with only_ours(oauth):
        answer = oauth.revoke_token(server.revocation_endpoint, token=token.reveal(), token_type_hint=kind)
        return bool(200 <= answer.status_code < 300)
