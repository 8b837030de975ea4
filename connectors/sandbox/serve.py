"""Run portals: one port each, on loopback, in threads of this process."""

import ipaddress
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from waitress import wasyncore
from waitress.server import create_server

from connectors.profile import ClientMethod
from connectors.sandbox.bulk import Bulk
from connectors.sandbox.portal import LoggedRequest, Portal
from connectors.sandbox.records import dump
from connectors.sandbox.spec import Account, Fault, PortalSpec, utc_now

# A hung request holds a thread: enough that the others of a polite client (five connections) still get
# theirs.
THREADS: Final = 8


class NotLoopbackError(ValueError):
    """Sandbox portals give their records to anybody who can read: they listen on this machine only."""


class RunningPortal:
    """A portal that is being served, and the handles to change it while it runs."""

    def __init__(self, portal: Portal, *, port: int) -> None:
        """`port`: where it listens."""
        self._portal = portal
        self.port = port

    @property
    def slug(self) -> str:
        """The portal's slug."""
        return self._portal.spec.slug

    @property
    def name(self) -> str:
        """The portal's name."""
        return self._portal.spec.name

    @property
    def profile_id(self) -> str:
        """The id of its vendor profile."""
        return self._portal.spec.profile.id

    @property
    def base_url(self) -> str:
        """The FHIR base."""
        return self._portal.base_url

    @property
    def published_url(self) -> str:
        """The FHIR base as lists have it, with a slash where the server wants `aud` without."""
        return self._portal.published_url

    @property
    def client_id(self) -> str:
        """The first client's id."""
        return self._portal.registered[0].id

    @property
    def client_secret(self) -> str:
        """The first client's secret, or ""."""
        return self._portal.registered[0].secret

    @property
    def client_method(self) -> ClientMethod:
        """How the first client proves itself."""
        return self._portal.registered[0].method

    @property
    def accounts(self) -> Sequence[Account]:
        """Who can sign in."""
        return self._portal.spec.accounts

    @property
    def bulk(self) -> Bulk:
        """Its exports, and the rules they follow."""
        return self._portal.bulk

    def set_faults(self, *faults: Fault) -> None:
        """Let these faults happen from now on, and no others."""
        self._portal.faults.set(faults)

    def set_latency(self, milliseconds: int) -> None:
        """Let every answer take this much longer."""
        self._portal.faults.latency_ms = milliseconds

    def put(self, resource: bytes | Mapping[str, Any]) -> int:
        """Store a new version of a resource, given as text or parsed. Returns the version."""
        return self._portal.content.put(resource if isinstance(resource, bytes) else dump(resource))

    def delete(self, resource_type: str, identifier: str) -> None:
        """Delete a resource. Raises KeyError when the portal does not hold it."""
        self._portal.content.delete(resource_type=resource_type, identifier=identifier)

    def served(self, resource_type: str) -> list[bytes]:
        """Return the resources of a type byte for byte as they are served."""
        return [
            self._portal.fhir.served(held.body, base_url=self.base_url)
            for row in self._portal.content.rows(resource_type)
            if (held := self._portal.content.find(resource_type=row.type, identifier=row.id)) is not None
        ]

    def types(self) -> list[str]:
        """List the types the portal holds resources of."""
        return self._portal.content.types()

    def allow_redirect(self, uri: str) -> None:
        """Let every client use this redirect URI too."""
        self._portal.clients.allow_redirect(uri)

    def set_launch_url(self, url: str) -> None:
        """Let the portal's own page launch every client at this address."""
        self._portal.clients.set_launch_url(url)

    def expire_tokens(self) -> None:
        """Let every access token expire."""
        self._portal.grants.expire_access()

    def expire_pages(self) -> None:
        """Let every link to a further page be forgotten."""
        self._portal.pages.expire()

    def revoke_grants(self) -> None:
        """End every grant, as a person does in the portal's settings."""
        self._portal.grants.revoke_all()

    def issue_grant(self, *, patient_id: str, scope: str, client_id: str = "") -> dict[str, Any]:
        """Issue tokens without a browser: what the token endpoint would have answered."""
        username = next((a.username for a in self.accounts if a.patient_id == patient_id), "")
        grants = self._portal.grants
        grant = grants.grant(
            client_id=client_id or self.client_id, username=username, patient=patient_id, scope=scope
        )
        return self._portal.oauth.issue(grant)

    def requests(self) -> list[LoggedRequest]:
        """List the requests answered so far, oldest first."""
        return self._portal.requests()

    def as_dict(self) -> dict[str, Any]:
        """Describe the portal for the JSON line of the command."""
        return {
            "slug": self.slug,
            "name": self.name,
            "vendor": self.profile_id,
            "base_url": self.base_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "client_method": self.client_method,
            "accounts": [
                {"username": a.username, "password": a.password, "patient": a.patient_id, "name": a.name}
                for a in self.accounts
            ],
        }


class Running:
    """All portals of one `serve`."""

    def __init__(self, portals: Sequence[RunningPortal]) -> None:
        """Hold them in the order of their specs."""
        self.portals = list(portals)

    def portal(self, slug: str) -> RunningPortal:
        """Find one by its slug. Raises KeyError."""
        found = next((portal for portal in self.portals if portal.slug == slug), None)
        if found is None:
            raise KeyError(slug)
        return found


@contextmanager
def serve(
    specs: Sequence[PortalSpec],
    *,
    state_dir: Path,
    host: str = "127.0.0.1",
    ports: Sequence[int] = (),
    clock: Callable[[], datetime] = utc_now,
) -> Iterator[Running]:
    """Serve each spec on its own port for as long as the context is open.

    `ports`: one a portal; 0, or fewer ports than portals, takes the port of the last start when it is free,
    else any. `state_dir`: one SQLite file a portal. Raises `NotLoopbackError` for a host that others can
    reach, and OSError when a port given is taken.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopbackError("sandbox portals listen on loopback only")
    state_dir.mkdir(parents=True, exist_ok=True)
    # A client that goes away in the middle, or a fault that was asked for, is no news here.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    with ExitStack() as stack:
        running = []
        for position, spec in enumerate(specs):
            portal = Portal(spec, state=state_dir / f"{spec.slug}.sqlite3", clock=clock)
            stack.callback(portal.database.close)
            listener = _listen(portal, host, ports[position] if position < len(ports) else 0)
            port = int(listener.getsockname()[1])
            portal.database.set_setting("port", str(port))
            portal.bind(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            stack.enter_context(_answering(portal, listener))
            running.append(RunningPortal(portal, port=port))
        yield Running(running)


def _listen(portal: Portal, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [port] if port else [int(portal.database.setting("port") or 0), 0]
    for position, candidate in enumerate(wanted):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
        except OSError:
            listener.close()
            if position == len(wanted) - 1:
                raise
        else:
            return listener
    raise AssertionError


@contextmanager
def _answering(portal: Portal, listener: socket.socket) -> Iterator[None]:
    # A map and a loop of its own for each portal: a slow one delays no other.
    channels: dict[int, Any] = {}
    server = create_server(
        portal, map=channels, sockets=[listener], threads=THREADS, ident="sandbox", log_socket_errors=False
    )
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            wasyncore.loop(timeout=1, map=channels, count=1, use_poll=True)

    thread = threading.Thread(target=loop, name=f"sandbox-{portal.spec.slug}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        server.pull_trigger()
        thread.join(timeout=5)
        server.task_dispatcher.shutdown(timeout=5)
        wasyncore.close_all(channels, ignore_all=True)


def json_line(running: Running) -> str:
    """Write what the `sandbox` command prints."""
    return json.dumps({"portals": [portal.as_dict() for portal in running.portals]})


__all__ = ["NotLoopbackError", "Running", "RunningPortal", "json_line", "serve"]
