"""One patient of the corpus at three portals of three vendors: served, connected, synced, and compared."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from connectors.egress import Egress
from connectors.registry import load_registry
from connectors.sandbox import Account, PortalSpec, RunningPortal, SandboxClient, serve
from connectors.sandbox.records import dump, read_records
from connectors.sandbox.split import SplitReport, split
from connectors.secret import Secret
from phr.accounts.access import Sight
from phr.records.queries import BODY_TEXT
from phr.sources.flows.from_tokens import from_tokens
from phr.sync.models import Run
from tests.sync.conftest import sync

VENDORS: Final = ("epic", "oracle_health", "athenahealth")
# Some portals give the people and places that a record names under `user/` alone.
SCOPE: Final = "patient/*.read offline_access user/*.read"


@dataclass(frozen=True, slots=True)
class Hospital:
    """One of the portals, and the source that is connected to it."""

    portal: RunningPortal
    source_id: uuid.UUID
    egress: Egress


@dataclass(slots=True)
class Life:
    """A patient's record, how it was spread, and the hospitals that hold it now."""

    name: str
    originals: Sequence[dict[str, Any]]
    truth: SplitReport
    hospitals: Mapping[str, Hospital]
    # Of each hospital's resources, the original: (source, "Type/id there") to "Type/id as it came".
    origin: dict[tuple[uuid.UUID, str], str] = field(default_factory=dict)

    def sync(self, person: Sight) -> dict[str, Run]:
        return {
            vendor: sync(person, hospital.source_id, hospital.egress)
            for vendor, hospital in self.hospitals.items()
        }


@contextmanager
def living(
    path: Path,
    *,
    person: Sight,
    network: Callable[..., Egress],
    folder: Path,
    vendors: Sequence[str] = VENDORS,
    shared: float = 0.25,
) -> Iterator[Life]:
    """Spread a file's patient over portals of these vendors, serve them, and connect the person to each."""
    originals = read_records([path])
    registry = load_registry()
    styles = {vendor: registry[vendor].server.id_style for vendor in vendors}
    copies, truth = split(originals, portals=vendors, shared=shared, id_styles=styles)
    specs = []
    for vendor in vendors:
        patient = next(copy["id"] for copy in copies[vendor] if copy["resourceType"] == "Patient")
        specs.append(
            PortalSpec(
                slug=vendor.replace("_", "-"),
                name=f"A portal of {vendor}",
                profile=registry[vendor],
                resources=[dump(copy) for copy in copies[vendor]],
                accounts=[Account(username="p", password="p", patient_id=patient, name="P")],
                clients=[SandboxClient(redirect_uris=("http://127.0.0.1:8000/callback/x/",))],
            )
        )
    with serve(specs, state_dir=folder) as running:
        hospitals = {
            vendor: connected(portal, person=person, egress=network(portal))
            for vendor, portal in zip(vendors, running.portals, strict=True)
        }
        life = Life(path.stem.partition("_")[0], originals, truth, hospitals)
        for original, there in truth.placed.items():
            for vendor, reference in there.items():
                life.origin[hospitals[vendor].source_id, reference] = original
        yield life


def connected(portal: RunningPortal, *, person: Sight, egress: Egress) -> Hospital:
    """Connect the person to a portal's first account with a grant that the sandbox issues."""
    patient = portal.accounts[0].patient_id
    reply = portal.issue_grant(patient_id=patient, scope=SCOPE)
    source, _created = from_tokens(
        sight=person,
        profile_id=portal.profile_id,
        base_url=portal.base_url,
        name=portal.name,
        patient=patient,
        access_token=Secret(reply["access_token"]),
        scope=reply.get("scope", SCOPE),
        # The practice that every search must name, where there is one.
        context={name: value for name, value in reply.items() if name.startswith("ah_")},
        egress=egress,
        now=timezone.now(),
    )
    return Hospital(portal, source.pk, egress)


def literal(raw: bytes | str) -> Any:
    """Read JSON with every number as the text that it was sent as: 13.20 is not 13.2."""
    return json.loads(raw, parse_float=_number, parse_int=_number)


def _number(text: str) -> tuple[str, str]:
    return ("number", text)


def held(person: Sight, source_id: uuid.UUID) -> dict[str, str]:
    """Return what is stored of a source: "Type/id" to its JSON text, jsonb's own where that is the record."""
    with person.open(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT resource_type || '/' || fhir_id, {BODY_TEXT} FROM records_resource AS r"
            " WHERE person_id = %s AND source_id = %s",
            [person.person_id, source_id],
        )
        rows = cursor.fetchall()
    assert len(rows) == len({key for key, _ in rows}), "each is stored once"
    return dict(rows)


def served(portal: RunningPortal) -> dict[str, bytes]:
    """Return what a portal serves: "Type/id" to its text."""
    return {f"{kind}/{json.loads(raw)['id']}": raw for kind in portal.types() for raw in portal.served(kind)}


def by_type(references: Any) -> Counter[str]:
    return Counter(reference.partition("/")[0] for reference in references)
