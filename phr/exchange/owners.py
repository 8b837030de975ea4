"""Where the resources of an export belong: to which patient, to whoever refers to them, or to nobody that is clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from connectors.fhir.bulk_owner import Owner, names_of, owner_of
from connectors.fhir.bundle import Entry
from connectors.fhir.references import SUPPORTING
from phr.exchange import identity
from phr.exchange.models import ID_LENGTH, ExportedPatient, Landed, LandedName, SystemConnection

# What completes the records of those who refer to it, where it says of nobody that it is theirs. A result without a
# subject is not among them: it may be anybody's.
SHARED: Final = SUPPORTING | {"Binary", "Device", "Endpoint", "InsurancePlan", "Substance"}
Key = tuple[str, str]
Role = Landed.Role


@dataclass(frozen=True, slots=True)
class Place:
    """Where one resource belongs: `patient` where that is known; `names` as LandedName keeps them."""

    role: Landed.Role
    patient: ExportedPatient | None = None
    names: frozenset[tuple[str, str]] = frozenset()


def server_of(connection: SystemConnection) -> str:
    """Return the address that absolute references are below; "" for files, whose server nobody named."""
    return connection.base_url if connection.base_url.startswith("http") else ""


def places(*, connection: SystemConnection, entries: Mapping[Key, Entry]) -> dict[Key, Place]:
    """Say where each resource belongs. Patients who were not known become so, and are locked.

    The lock keeps anybody from mapping them before the caller's transaction ends.
    """
    base_url = server_of(connection)
    owners = {
        key: owner_of(entry.raw, resource_type=key[0], resource_id=key[1], base_url=base_url)
        for key, entry in entries.items()
    }
    ids = {owner.names[0] for owner in owners.values() if owner.kind == "patient"}
    patients = _patients(connection, ids)
    return {key: _place(entries[key], owner, patients=patients) for key, owner in owners.items()}


def _place(
    entry: Entry,
    owner: Owner,
    *,
    patients: Mapping[str, ExportedPatient],
) -> Place:
    if owner.kind == "patient" and owner.names[0] in patients:
        return Place(Role.OWNED, patients[owner.names[0]])
    if owner.kind == "identifier":
        # Whoever carries it may not be the only one: that is known when all patients have been read (settle).
        (digest,) = identity.digests(owner.names)
        return Place(Role.OWNED, names=frozenset({(LandedName.Meaning.OWNER, digest)}))
    if owner.kind == "about":
        return Place(Role.OWNED, names=frozenset((LandedName.Meaning.ABOUT, name) for name in owner.names))
    if owner.kind == "none" and entry.resource_type in SHARED:
        called = names_of(entry.raw, resource_type=entry.resource_type, resource_id=entry.id)
        return Place(Role.SHARED, names=frozenset((LandedName.Meaning.IS, name) for name in called))
    return Place(Role.UNCLEAR)


def _patients(connection: SystemConnection, ids: Iterable[str]) -> dict[str, ExportedPatient]:
    """Return the patients of these ids, made where they are new; locked, so that nobody maps them meanwhile."""
    wanted = sorted(each for each in ids if len(each) <= ID_LENGTH)
    if not wanted:
        return {}
    known = set(
        ExportedPatient.objects.filter(connection=connection, fhir_id__in=wanted).values_list(
            "fhir_id", flat=True
        )
    )
    ExportedPatient.objects.bulk_create(
        [ExportedPatient(connection=connection, fhir_id=each) for each in wanted if each not in known],
        ignore_conflicts=True,
    )
    rows = ExportedPatient.objects.select_for_update(no_key=True).filter(
        connection=connection, fhir_id__in=wanted
    )
    return {row.fhir_id: row for row in rows.order_by("pk")}
