"""What a portal remembers of browsers: who is signing in for which app, who is signed in, what was launched."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors.sandbox.database import Database
from connectors.sandbox.grants import digest

SIGN_IN_SECONDS: Final = 600
SESSION_SECONDS: Final = 3600
# A launch is followed at once or not at all (SMART App Launch 2.2 wants it short-lived and used once).
LAUNCH_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIn:
    """An authorization request under way. `staff`: it came by the staff's endpoint. "" is nobody yet."""

    query: str
    username: str
    patient: str
    staff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What stands behind an opaque `launch` value."""

    client_id: str
    username: str
    patient: str
    context: Mapping[str, Any]
    used: bool


class SignIns:
    """The browser's part of a portal's state."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        """Work on the portal's state."""
        self._database = database
        self._clock = clock

    # ---- authorization requests

    def begin(self, query: str, *, staff: bool) -> str:
        """Keep an authorization request while the person signs in; the id goes into the page."""
        identifier = secrets.token_urlsafe(24)
        with self._database.transaction():
            self._database.all("DELETE FROM sign_in WHERE expires_at <= ?", self._now())
            self._database.all(
                "INSERT INTO sign_in (id, query, expires_at, staff) VALUES (?, ?, ?, ?)",
                identifier,
                query,
                self._now() + SIGN_IN_SECONDS,
                staff,
            )
        return identifier

    def find(self, identifier: str) -> SigningIn | None:
        """Look up a request under way."""
        row = self._database.one(
            "SELECT * FROM sign_in WHERE id = ? AND expires_at > ?", identifier, self._now()
        )
        if row is None:
            return None
        return SigningIn(
            query=row["query"], username=row["username"], patient=row["patient"], staff=bool(row["staff"])
        )

    def signed_in(self, identifier: str, *, username: str, patient: str) -> None:
        """Note who signed in, and for which patient ("" while staff have not chosen)."""
        self._database.all(
            "UPDATE sign_in SET username = ?, patient = ? WHERE id = ?", username, patient, identifier
        )

    def end(self, identifier: str) -> bool:
        """Forget the authorization request. False when it was answered already."""
        row = self._database.one("DELETE FROM sign_in WHERE id = ? RETURNING id", identifier)
        return row is not None

    # ---- the portal's own pages

    def open_session(self, username: str) -> str:
        """Sign somebody in at the portal's own pages; returns what the cookie holds."""
        token = secrets.token_urlsafe(24)
        with self._database.transaction():
            self._database.all("DELETE FROM session WHERE expires_at <= ?", self._now())
            self._database.all(
                "INSERT INTO session VALUES (?, ?, ?)", digest(token), username, self._now() + SESSION_SECONDS
            )
        return token

    def session(self, token: str) -> str:
        """Return who is signed in with this cookie, or ""."""
        row = self._database.one(
            "SELECT * FROM session WHERE id = ? AND expires_at > ?", digest(token), self._now()
        )
        return "" if row is None else str(row["username"])

    def close_session(self, token: str) -> None:
        """Sign somebody out."""
        self._database.all("DELETE FROM session WHERE id = ?", digest(token))

    # ---- launches

    def launch(self, *, client_id: str, username: str, patient: str, context: Mapping[str, Any]) -> str:
        """Begin a launch; returns the opaque value that the app hands back."""
        token = secrets.token_urlsafe(24)
        self._database.all(
            "INSERT INTO launch VALUES (?, ?, ?, ?, ?, ?, 0)",
            digest(token),
            client_id,
            username,
            patient,
            json.dumps(context),
            self._now() + LAUNCH_SECONDS,
        )
        return token

    def launched(self, token: str, *, client_id: str) -> Launched | None:
        """Look up a launch of this client that is neither too old nor used up."""
        row = self._database.one(
            "SELECT * FROM launch WHERE digest = ? AND client_id = ? AND expires_at > ? AND NOT used",
            digest(token),
            client_id,
            self._now(),
        )
        if row is None:
            return None
        return Launched(
            client_id=row["client_id"],
            username=row["username"],
            patient=row["patient"],
            context=json.loads(row["context"]),
            used=bool(row["used"]),
        )

    def use_launch(self, token: str) -> None:
        """Mark a launch as used up."""
        self._database.all("UPDATE launch SET used = 1 WHERE digest = ?", digest(token))

    def _now(self) -> float:
        return self._clock().timestamp()
