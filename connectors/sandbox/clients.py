"""The apps that a portal knows: those of its spec, and those that registered themselves."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.profile import ClientMethod, Server
from connectors.sandbox.database import Database
from connectors.sandbox.spec import SandboxClient

# Clients of the spec are numbered from 0 at each start; those that registered themselves stay, from here on.
FIRST_OWN: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An app as the portal knows it."""

    id: str
    secret: str
    method: ClientMethod
    redirect_uris: tuple[str, ...]
    scope: str
    jwks: dict[str, Any] | None
    name: str
    launch_url: str


def default_method(server: Server) -> ClientMethod:
    """Return how an app that does not say proves itself here: the first way that needs no key pair."""
    others: list[ClientMethod] = [method for method in server.client_auth if method != "private_key_jwt"]
    return others[0] if others else "private_key_jwt"


def has_secret(method: ClientMethod) -> bool:
    """Say whether a client of this kind is given a secret."""
    return method not in {"public", "private_key_jwt"}


class Clients:
    """Every registration at one portal."""

    def __init__(self, *, database: Database) -> None:
        """Work on the portal's state."""
        self._database = database

    def load(self, clients: Sequence[SandboxClient], *, server: Server) -> list[Registered]:
        """Hold the clients of a start. An id or secret not given stays that of the start before."""
        found = []
        with self._database.transaction():
            held = {row["ordinal"]: row for row in self._database.all("SELECT * FROM client")}
            self._database.all("DELETE FROM client WHERE ordinal < ?", FIRST_OWN)
            for ordinal, client in enumerate(clients):
                before = held.get(ordinal)
                method = client.method or default_method(server)
                secret = client.secret or (before["secret"] if before else "") or secrets.token_urlsafe(24)
                registered = Registered(
                    id=client.id or (before["id"] if before else secrets.token_hex(12)),
                    secret=secret if has_secret(method) else "",
                    method=method,
                    redirect_uris=tuple(client.redirect_uris),
                    scope=client.scope,
                    jwks=None if client.jwks is None else dict(client.jwks),
                    name=client.name,
                    launch_url=client.launch_url,
                )
                self._write(ordinal, registered)
                found.append(registered)
        return found

    def add(
        self,
        *,
        method: ClientMethod,
        redirect_uris: Sequence[str] = (),
        scope: str = "",
        jwks: Mapping[str, Any] | None = None,
        name: str = "",
        launch_url: str = "",
    ) -> Registered:
        """Register a further app, under an id of its own."""
        registered = Registered(
            id=secrets.token_hex(12),
            secret=secrets.token_urlsafe(24) if has_secret(method) else "",
            method=method,
            redirect_uris=tuple(redirect_uris),
            scope=scope,
            jwks=None if jwks is None else dict(jwks),
            name=name,
            launch_url=launch_url,
        )
        with self._database.transaction():
            last = self._database.one("SELECT max(ordinal) AS last FROM client")
            held = -1 if last is None or last["last"] is None else int(last["last"])
            self._write(max(held + 1, FIRST_OWN), registered)
        return registered

    def allow_redirect(self, uri: str) -> None:
        """Add a redirect URI to every client."""
        with self._database.transaction():
            for row in self._database.all("SELECT * FROM client"):
                uris = list(dict.fromkeys([*json.loads(row["redirect_uris"]), uri]))
                self._database.all(
                    "UPDATE client SET redirect_uris = ? WHERE id = ?", json.dumps(uris), row["id"]
                )

    def set_launch_url(self, url: str) -> None:
        """Say where every client is launched from the portal."""
        self._database.all("UPDATE client SET launch_url = ?", url)

    def find(self, identifier: str) -> Registered | None:
        """Look up a client by its id."""
        row = self._database.one("SELECT * FROM client WHERE id = ?", identifier)
        return None if row is None else _registered(row)

    def remove(self, identifier: str) -> None:
        """Forget a client."""
        self._database.all("DELETE FROM client WHERE id = ?", identifier)

    def launchable(self) -> list[Registered]:
        """List the apps that the portal can launch."""
        rows = self._database.all("SELECT * FROM client WHERE launch_url != '' ORDER BY ordinal")
        return [_registered(row) for row in rows]

    def _write(self, ordinal: int, registered: Registered) -> None:
        self._database.all(
            "INSERT INTO client (ordinal, id, secret, method, redirect_uris, scope, jwks, name, launch_url)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ordinal,
            registered.id,
            registered.secret,
            registered.method,
            json.dumps(registered.redirect_uris),
            registered.scope,
            json.dumps(registered.jwks),
            registered.name,
            registered.launch_url,
        )


def _registered(row: Any) -> Registered:
    return Registered(
        id=row["id"],
        secret=row["secret"],
        method=row["method"],
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        scope=row["scope"],
        jwks=json.loads(row["jwks"]),
        name=row["name"],
        launch_url=row["launch_url"],
    )
