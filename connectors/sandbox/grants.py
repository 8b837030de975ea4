"""Clients, sign-ins, codes, grants and tokens of one portal. Tokens and codes are kept as digests only."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc.jwk import RSAKey

from connectors.profile import ClientMethod, Server
from connectors.sandbox.database import Database
from connectors.sandbox.spec import SandboxClient

CODE_SECONDS: Final = 300
SIGN_IN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An app as the portal knows it."""

    id: str
    secret: str
    method: ClientMethod
    redirect_uris: tuple[str, ...]
    scope: str
    jwks: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What somebody allowed an app."""

    id: int
    client_id: str
    username: str
    patient: str
    scope: str
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access or refresh token with its grant."""

    digest: str
    kind: str
    scope: str
    expires_at: float | None
    used: bool
    revoked: bool
    grant: Granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code with its grant."""

    digest: str
    redirect_uri: str
    challenge: str
    challenge_method: str
    nonce: str
    expires_at: float
    used: bool
    grant: Granted


def digest(text: str) -> str:
    """Return what is kept of a token or code."""
    return hashlib.sha256(text.encode()).hexdigest()


def default_method(server: Server) -> ClientMethod:
    """Return how an app that does not say proves itself here: the first way that needs no key pair."""
    others: list[ClientMethod] = [method for method in server.client_auth if method != "private_key_jwt"]
    return others[0] if others else "private_key_jwt"


class Grants:
    """Everything about who may come in."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        """Work on the portal's state."""
        self.database = database
        self._clock = clock

    def now(self) -> float:
        """Return the portal's time in seconds since 1970."""
        return self._clock().timestamp()

    # ---- clients and keys

    def register(self, clients: Sequence[SandboxClient], *, server: Server) -> list[Registered]:
        """Hold the clients of a start. An id or secret not given stays that of the start before."""
        found = []
        with self.database.transaction():
            held = {row["ordinal"]: row for row in self.database.all("SELECT * FROM client")}
            self.database.all("DELETE FROM client")
            for ordinal, client in enumerate(clients):
                before = held.get(ordinal)
                method = client.method or default_method(server)
                registered = Registered(
                    id=client.id or (before["id"] if before else secrets.token_hex(12)),
                    secret=""
                    if method in {"public", "private_key_jwt"}
                    else client.secret or (before and before["secret"]) or secrets.token_urlsafe(24),
                    method=method,
                    redirect_uris=tuple(client.redirect_uris),
                    scope=client.scope,
                    jwks=None if client.jwks is None else dict(client.jwks),
                )
                self.database.all(
                    "INSERT INTO client VALUES (?, ?, ?, ?, ?, ?, ?)",
                    registered.id,
                    ordinal,
                    registered.secret,
                    method,
                    json.dumps(registered.redirect_uris),
                    registered.scope,
                    json.dumps(registered.jwks),
                )
                found.append(registered)
        return found

    def allow_redirect(self, uri: str) -> None:
        """Add a redirect URI to every client."""
        with self.database.transaction():
            for row in self.database.all("SELECT * FROM client"):
                uris = list(dict.fromkeys([*json.loads(row["redirect_uris"]), uri]))
                self.database.all(
                    "UPDATE client SET redirect_uris = ? WHERE id = ?", json.dumps(uris), row["id"]
                )

    def client(self, identifier: str) -> Registered | None:
        """Look up a client by its id."""
        row = self.database.one("SELECT * FROM client WHERE id = ?", identifier)
        if row is None:
            return None
        return Registered(
            id=row["id"],
            secret=row["secret"],
            method=row["method"],
            redirect_uris=tuple(json.loads(row["redirect_uris"])),
            scope=row["scope"],
            jwks=json.loads(row["jwks"]),
        )

    def signing_key(self) -> RSAKey:
        """Return the key that signs id_tokens and JWT access tokens, made once for a portal."""
        with self.database.transaction():
            held = self.database.setting("signing_key")
            if held is not None:
                return RSAKey.import_key(json.loads(held))
            key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(8)})
            self.database.set_setting("signing_key", json.dumps(key.as_dict(private=True)))
            return key

    # ---- the browser's part

    def begin_sign_in(self, query: str) -> str:
        """Keep an authorization request while the person signs in; the id goes into the page."""
        identifier = secrets.token_urlsafe(24)
        with self.database.transaction():
            self.database.all("DELETE FROM sign_in WHERE expires_at <= ?", self.now())
            self.database.all(
                "INSERT INTO sign_in (id, query, expires_at) VALUES (?, ?, ?)",
                identifier,
                query,
                self.now() + SIGN_IN_SECONDS,
            )
        return identifier

    def signing_in(self, identifier: str) -> tuple[str, str] | None:
        """Look up the authorization request's query and who signed in ("" for nobody yet)."""
        row = self.database.one(
            "SELECT * FROM sign_in WHERE id = ? AND expires_at > ?", identifier, self.now()
        )
        return None if row is None else (row["query"], row["username"])

    def signed_in(self, identifier: str, username: str) -> None:
        """Note who signed in."""
        self.database.all("UPDATE sign_in SET username = ? WHERE id = ?", username, identifier)

    def end_sign_in(self, identifier: str) -> bool:
        """Forget the authorization request. False when it was answered already."""
        row = self.database.one("DELETE FROM sign_in WHERE id = ? RETURNING id", identifier)
        return row is not None

    # ---- grants, codes, tokens

    def grant(self, *, client_id: str, username: str, patient: str, scope: str) -> Granted:
        """Write down a new grant."""
        row = self.database.one(
            "INSERT INTO grant_ (client_id, username, patient, scope, created_at) VALUES (?, ?, ?, ?, ?)"
            " RETURNING *",
            client_id,
            username,
            patient,
            scope,
            self.now(),
        )
        return _granted(row)

    def revoke_grant(self, identifier: int) -> None:
        """End a grant: every token of it is dead."""
        self.database.all("UPDATE grant_ SET revoked = 1 WHERE id = ?", identifier)

    def revoke_all(self) -> None:
        """End every grant."""
        self.database.all("UPDATE grant_ SET revoked = 1")

    def add_code(
        self,
        code: str,
        *,
        grant: Granted,
        redirect_uri: str,
        challenge: str,
        challenge_method: str,
        nonce: str,
    ) -> None:
        """Keep an authorization code for five minutes."""
        self.database.all(
            "INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            digest(code),
            grant.id,
            redirect_uri,
            challenge,
            challenge_method,
            nonce,
            self.now() + CODE_SECONDS,
        )

    def code(self, code: str) -> Code | None:
        """Look up a code, used and expired ones too."""
        row = self.database.one("SELECT * FROM code WHERE digest = ?", digest(code))
        if row is None:
            return None
        return Code(
            digest=row["digest"],
            redirect_uri=row["redirect_uri"],
            challenge=row["challenge"],
            challenge_method=row["challenge_method"],
            nonce=row["nonce"],
            expires_at=row["expires_at"],
            used=bool(row["used"]),
            grant=self._granted(row["grant_id"]),
        )

    def use_code(self, code: Code) -> None:
        """Mark a code as used."""
        self.database.all("UPDATE code SET used = 1 WHERE digest = ?", code.digest)

    def nonce_seen(self, nonce: str) -> bool:
        """Say whether a code was issued for this nonce before."""
        return self.database.one("SELECT 1 FROM code WHERE nonce = ?", nonce) is not None

    def add_token(self, token: str, *, kind: str, grant_id: int, scope: str, seconds: float | None) -> None:
        """Keep a token; `seconds` None never expires."""
        expires = None if seconds is None else self.now() + seconds
        self.database.all(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, 0, 0)", digest(token), kind, grant_id, scope, expires
        )

    def token(self, token: str, *, kind: str | None = None) -> Token | None:
        """Look up a token, used, expired and revoked ones too."""
        row = self.database.one("SELECT * FROM token WHERE digest = ?", digest(token))
        if row is None or (kind is not None and row["kind"] != kind):
            return None
        return Token(
            digest=row["digest"],
            kind=row["kind"],
            scope=row["scope"],
            expires_at=row["expires_at"],
            used=bool(row["used"]),
            revoked=bool(row["revoked"]),
            grant=self._granted(row["grant_id"]),
        )

    def is_alive(self, token: Token) -> bool:
        """Say whether a token may still be used."""
        expired = token.expires_at is not None and token.expires_at <= self.now()
        return not (expired or token.used or token.revoked or token.grant.revoked)

    def use_token(self, token: Token) -> None:
        """Mark a refresh token as used up."""
        self.database.all("UPDATE token SET used = 1 WHERE digest = ?", token.digest)

    def revoke_token(self, token: Token) -> None:
        """Revoke an access token alone; with a refresh token its whole grant ends (RFC 7009, section 2.1)."""
        self.database.all("UPDATE token SET revoked = 1 WHERE digest = ?", token.digest)
        if token.kind == "refresh":
            self.revoke_grant(token.grant.id)

    def expire_access(self) -> None:
        """Let every access token expire now."""
        self.database.all("UPDATE token SET expires_at = ? WHERE kind = 'access'", self.now())

    def _granted(self, identifier: int) -> Granted:
        return _granted(self.database.one("SELECT * FROM grant_ WHERE id = ?", identifier))


def _granted(row: Any) -> Granted:
    return Granted(
        id=row["id"],
        client_id=row["client_id"],
        username=row["username"],
        patient=row["patient"],
        scope=row["scope"],
        revoked=bool(row["revoked"]),
    )
