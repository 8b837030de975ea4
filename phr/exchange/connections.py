"""The operator's connections to whole systems: made, asked for an export, and let go."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db import connection as database

from connectors.fhir.bulk_request import kick_off_url, narrowest
from connectors.profile import ExportLevel
from connectors.smart.keys import SigningAlgorithm
from connectors.smart.tokens import Client
from phr.accounts import desk as desks
from phr.accounts.desk import Desk
from phr.exchange import lease
from phr.exchange.models import Export, SystemConnection
from phr.sources import keys
from phr.sources.models import Portal, Registration
from phr.sources.profiles import profile_of
from phr.sources.registrations import NotRegistered, client_of, registration_for

_OWN: Final = "connection_id = %s"
_OF_A_CONNECTION: Final = (
    ("landedname", _OWN),
    ("wanted", "patient_id IN (SELECT id FROM exchange_exportedpatient WHERE connection_id = %s)"),
    ("landed", _OWN),
    ("exportedpatient", _OWN),
    ("setaside", _OWN),
    ("exportfile", "export_id IN (SELECT id FROM exchange_export WHERE connection_id = %s)"),
    ("export", _OWN),
    ("systemconnection", "id = %s"),
)


class BadConnection(ValueError):  # noqa: N818 - what the caller meets
    """This cannot be a connection; the message is a sentence for the operator."""


def connect(
    *,
    portal: Portal,
    level: ExportLevel | None = None,
    group_id: str = "",
    registration: Registration | None = None,
    client_id: str = "",
    algorithm: SigningAlgorithm = "RS384",
    types: Sequence[str] = (),
    type_filters: Sequence[str] = (),
    every_hours: int | None = None,
    name: str = "",
    now: datetime,
) -> tuple[SystemConnection, bool]:
    """Keep how whole exports are had from a portal; returns the connection, and whether it is new.

    Without `level`, the narrowest that the vendor offers. `client_id`: of our program, where the vendor gave it one of
    its own; it signs with our key of `algorithm`. Else `registration`, else the portal's or its vendor's. The same
    portal, level and group again takes the new settings; where other types or filters are asked for, the next export
    asks for everything.
    Raises BadConnection (also where other things are to be asked for while an export is under way) and UnknownProfile.
    """
    profile = profile_of(portal.profile_id)
    # Of a vendor whose offer nobody wrote down, what every server has that has any.
    offered: tuple[ExportLevel, ...] = profile.bulk.levels or ("patient", "group")
    level = level or narrowest(offered, group_id=group_id)
    if level is None:
        raise BadConnection(
            f"{profile.name} offers exports of: {', '.join(offered)}. Which group? Give --group."
        )
    if profile.bulk.levels and level not in profile.bulk.levels:
        raise BadConnection(f"{profile.name} offers exports of: {', '.join(profile.bulk.levels)}.")
    try:
        kick_off_url(base_url=portal.base_url, level=level, group_id=group_id)
    except ValueError as error:
        raise BadConnection(f"This export cannot be asked for: {error}.") from None
    registration = registration or registration_for(portal=portal)
    if not client_id and registration is None:
        raise BadConnection(
            "There is no client id for this portal: register_client keeps one, or give --client-id."
        )
    if not client_id and registration is not None and registration.method == Registration.Method.PUBLIC:
        raise BadConnection(
            "A public client cannot ask for an export: the vendor must give our program a key or secret."
        )
    if client_id:
        keys.require(algorithm=algorithm, now=now)
    asked = {"base_url": portal.base_url, "types": list(types), "type_filters": list(type_filters)}
    settings = {
        **asked,
        "kind": SystemConnection.Kind.PORTAL,
        "name": name or portal.name,
        "profile_id": portal.profile_id,
        "registration": None if client_id else registration,
        "client_id": client_id,
        "algorithm": algorithm if client_id else "",
        "every_hours": every_hours,
    }
    with desks.for_errand().open():
        rows = SystemConnection.objects.select_for_update(of=("self",))
        held = rows.filter(portal=portal, level=level, group_id=group_id).first()
        if held is not None and {name: getattr(held, name) for name in asked} != asked:
            if open_export(held.pk) is not None:
                raise BadConnection("An export is under way: change what is asked for when it is over.")
            # Of what is wanted anew nothing was read before: changes alone would leave it out.
            settings["since"] = None
        return SystemConnection.objects.update_or_create(
            portal=portal, level=level, group_id=group_id, defaults=settings
        )


def level_of(connection: SystemConnection) -> ExportLevel:
    """Return the level of a connection's exports."""
    match connection.level:
        case "group":
            return "group"
        case "patient":
            return "patient"
        case _:
            return "system"


def for_files(*, name: str, profile_id: str, base_url: str = "") -> SystemConnection:
    """Return the place that files of this name are put into, made where it is new.

    `base_url`: the FHIR base of the server that they come from, where it is known; else only relative references and
    those by urn name anybody. Raises UnknownProfile, and BadConnection for a base that is no address, or not the one
    that the place was made with: what was mapped there is known by it.
    """
    profile_of(profile_id)
    if base_url and not base_url.startswith(("https://", "http://")):
        raise BadConnection("A FHIR base begins with https:// or http://.")
    found = SystemConnection.objects.filter(kind=SystemConnection.Kind.FILES, name=name).first()
    if found is not None:
        if base_url not in {"", found.base_url}:
            raise BadConnection(
                "Files of that name are of another server, or of an unknown one: take another name."
            )
        return found
    row = SystemConnection(kind=SystemConnection.Kind.FILES, name=name, profile_id=profile_id)
    row.base_url = base_url or f"urn:uuid:{row.pk}"
    row.save(force_insert=True)
    return row


def client_for(connection: SystemConnection, *, now: datetime) -> Client:
    """Return what the token endpoint is addressed with. Raises NotRegistered and KeyringError."""
    if connection.client_id:
        pair = keys.current(algorithm="ES384" if connection.algorithm == "ES384" else "RS384")
        if pair is None:
            raise NotRegistered("no_key")
        return Client(
            id=connection.client_id,
            method="private_key_jwt",
            secret=pair.private_key,
            key_id=pair.key_id,
            algorithm=pair.algorithm,
        )
    if connection.registration is None:
        raise NotRegistered("no_registration")
    return client_of(registration=connection.registration, now=now)


def request(
    *,
    desk: Desk,
    connection: SystemConnection,
    trigger: Export.Trigger = Export.Trigger.OPERATOR,
    since: datetime | None = None,
    now: datetime,
) -> Export:
    """Ask for an export; one that is open already is returned as it is. The caller rings after its commit.

    `since`: only what changed after it; None asks for everything.
    """
    with desk.open():
        try:
            with transaction.atomic():
                found = Export.objects.create(
                    connection=connection, trigger=trigger, since=since, created_at=now
                )
        except IntegrityError:
            # export_one_open: two that ask at once get one.
            waiting = open_export(connection.pk)
            if waiting is None:
                raise
            found = waiting
        lease.ask(connection_id=connection.pk, due_at=now)
    return found


def open_export(connection_id: UUID) -> Export | None:
    """Return the export of a connection that is not over; the desk is open."""
    states = [Export.State.QUEUED, Export.State.ASKED, Export.State.FETCHING]
    return Export.objects.filter(connection_id=connection_id, state__in=states).first()


def forget(*, desk: Desk, connection_id: uuid.UUID) -> None:
    """Let a connection go, with all that waits of it; records of people that it was mapped to keep what they have."""
    with desk.open(), database.cursor() as cursor:
        # By statements: Django would bring every row here first, to ask it what goes with it.
        for table, column in _OF_A_CONNECTION:
            cursor.execute(
                f"DELETE FROM exchange_{table} WHERE {column}",  # noqa: S608 - constants of ours
                [connection_id],
            )
