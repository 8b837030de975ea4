"""The operator's program: a token with a key alone, an export of each kind, its files read to their end."""

from __future__ import annotations

import json
from typing import Final

from connectors.fhir.bulk_client import BulkClient, Gone, Working
from connectors.fhir.bulk_request import kick_off_url
from connectors.profile import ExportLevel
from connectors.scopes import requested
from connectors.secret import Secret
from connectors.smart.backend import access_token, find
from tests.conformance.app import NotOffered, PatientApp
from tests.conformance.chart import GROUP

_PATIENCE: Final = 20


class Operator:
    """Whoever runs the app, with a registration of their own."""

    def __init__(self, app: PatientApp) -> None:
        self._app = app

    def token(self) -> Secret:
        """Ask for a token with nobody at a browser. Raises NotOffered."""
        app = self._app
        if "backend" not in app.profile.auth.flows:
            raise NotOffered("no way without a person")
        method = next((each for each in app.profile.auth.clients if each != "public"), None)
        if method is None:
            raise NotOffered("no client that proves itself")
        server = find(egress=app.egress, base_url=app.base_url)
        # An operator asks for what an export is wanted for; where types have no names, for all.
        scope = requested(
            profile=app.profile,
            scopes_supported=server.scopes_supported,
            flow="backend",
            only=None if app.profile.scopes.style == "wildcard" else ("Patient",),
        )
        return access_token(
            egress=app.egress,
            token_endpoint=server.token_endpoint,
            client=app.client(method),
            scope=scope,
            now=app.clock(),
        ).token

    def export(self, level: ExportLevel) -> set[str]:
        """Return "Type/id" of everything that an export of this kind holds."""
        app = self._app
        if level not in app.profile.bulk.levels:
            raise NotOffered(f"no export of the kind {level}")
        bearer = self.token()
        bulk = BulkClient(
            egress=app.egress, base_url=app.base_url, profile=app.profile, bearer=lambda: bearer
        )
        group = GROUP if level == "group" else ""
        status = bulk.kick_off(kick_off_url(base_url=app.base_url, level=level, group_id=group))
        for _ in range(_PATIENCE):
            found = bulk.poll(status)
            if isinstance(found, Working):
                app.clock.sleep(found.after or 1.0)
                continue
            assert not isinstance(found, Gone), "the export is forgotten"
            held: set[str] = set()
            for file in found.files:
                with bulk.file(file.url, requires_token=found.requires_token) as lines:
                    for line in lines.cut():
                        resource = json.loads(line.raw)
                        held.add(f"{resource['resourceType']}/{resource['id']}")
            assert bulk.cancel(status), "the export is not forgotten"
            return held
        raise AssertionError("the export does not end")
