"""Codes, grants and tokens of one portal. Tokens and codes are kept as digests only."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from joserfc.jwk import RSAKey

from connectors.sandbox.database import Database

CODE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Consenting:
    """Who allows an app what: `user` as `fhirUser` says it, and the launch context beside the patient."""

    username: str
    patient: str
    user: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What somebody allowed an app."""

    id: int
    client_id: str
    username: str
    patient: str
    scope: str
    created_at: float
    revoked: bool
    # Who allowed it, as `fhirUser` says it: "Patient/1", "Practitioner/2".
    user: str
    # The launch context that stands in the token response beside the patient.
    context: Mapping[str, Any]
    refreshed_at: float | None


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


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(8)})


_shared_key: Final = cache(_new_key)


class Grants:
    """Everything about who may come in."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        """Work on the portal's state."""
        self.database = database
        self._clock = clock

    def now(self) -> float:
        """Return the portal's time in seconds since 1970."""
        return self._clock().timestamp()

    def signing_key(self) -> RSAKey:
        """Return the key that signs id_tokens and JWT access tokens, made once for a portal.

        Portals without a file share one, which ends with the process: to make a key takes longer than all
        else that a portal does to start.
        """
        if self.database.path is None:
            return _shared_key()
        with self.database.transaction():
            held = self.database.setting("signing_key")
            if held is not None:
                return RSAKey.import_key(json.loads(held))
            key = _new_key()
            self.database.set_setting("signing_key", json.dumps(key.as_dict(private=True)))
            return key

    # ---- grants, codes, tokens

    def grant(
        self,
        *,
        client_id: str,
        username: str,
        patient: str,
        scope: str,
        user: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> Granted:
        """Write down a new grant. `user`: who allowed it, the patient unless it is said."""
        row = self.database.one(
            "INSERT INTO grant_ (client_id, username, patient, scope, created_at, user, context)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
            client_id,
            username,
            patient,
            scope,
            self.now(),
            user or f"Patient/{patient}",
            json.dumps(dict(context or {})),
        )
        return _granted(row)

    def granted(self, identifier: int) -> Granted:
        """Look up a grant."""
        return _granted(self.database.one("SELECT * FROM grant_ WHERE id = ?", identifier))

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
            grant=self.granted(row["grant_id"]),
        )

    def use_code(self, code: Code) -> None:
        """Mark a code as used."""
        self.database.all("UPDATE code SET used = 1 WHERE digest = ?", code.digest)

    def nonce_seen(self, nonce: str) -> bool:
        """Say whether a code was issued for this nonce before."""
        return self.database.one("SELECT 1 FROM code WHERE nonce = ?", nonce) is not None

    def add_token(
        self, token: str, *, kind: str, grant_id: int, scope: str, expires_at: float | None
    ) -> None:
        """Keep a token; `expires_at` None never expires."""
        self.database.all(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, 0, 0)", digest(token), kind, grant_id, scope, expires_at
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
            grant=self.granted(row["grant_id"]),
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

    def note_refresh(self, grant: Granted) -> None:
        """Remember when the grant was refreshed last."""
        self.database.all("UPDATE grant_ SET refreshed_at = ? WHERE id = ?", self.now(), grant.id)

    def prolong(self, token: Token, *, expires_at: float | None) -> None:
        """Let a token live until another moment; None never expires."""
        self.database.all("UPDATE token SET expires_at = ? WHERE digest = ?", expires_at, token.digest)

    def expire_access(self) -> None:
        """Let every access token expire now."""
        self.database.all("UPDATE token SET expires_at = ? WHERE kind = 'access'", self.now())


def _granted(row: Any) -> Granted:
    return Granted(
        id=row["id"],
        client_id=row["client_id"],
        username=row["username"],
        patient=row["patient"],
        scope=row["scope"],
        created_at=row["created_at"],
        revoked=bool(row["revoked"]),
        user=row["user"] or f"Patient/{row['patient']}",
        context=json.loads(row["context"]),
        refreshed_at=row["refreshed_at"],
    )
