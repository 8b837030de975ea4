"""The resources a portal holds: their text as served, their versions, and the index they are found by."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors.sandbox.database import Database
from connectors.sandbox.dates import span
from connectors.sandbox.index import SHARED_TYPES, Row, row
from connectors.sandbox.records import add_members, parse

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One version of one resource. `body`: its text as served, but for attachment addresses."""

    type: str
    id: str
    version: int
    last_updated: float
    deleted: bool
    body: bytes


def instant(moment: float) -> str:
    """Write seconds since 1970 as a FHIR instant with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Content:
    """All resources of one portal. `meta`: whether versionId and lastUpdated are put into their texts."""

    def __init__(self, *, database: Database, meta: bool, clock: Callable[[], datetime]) -> None:
        """Read the index from the database."""
        self._database = database
        self._meta = meta
        self._clock = clock
        self._rows: dict[str, dict[str, Row]] = defaultdict(dict)
        self._binary_owners: dict[str, set[str]] = defaultdict(set)
        for held in database.all("SELECT * FROM resource WHERE NOT deleted ORDER BY ordinal"):
            self._index(parse(held["body"]), held["last_updated"])

    def load(self, bodies: Iterable[bytes]) -> int:
        """Hold what a start of the sandbox was given. Returns how many are new or changed.

        What was changed since through `put` or `delete` stays changed: only a text that differs from the one
        given before is stored.
        """
        stored = 0
        with self._database.transaction():
            given = {
                (held["type"], held["id"]): held["given"]
                for held in self._database.all("SELECT * FROM resource")
            }
            for body in bodies:
                resource = parse(body)
                key = (str(resource["resourceType"]), str(resource["id"]))
                digest = hashlib.sha256(body).digest()
                if given.get(key) == digest:
                    continue
                self._store(body, resource, given=digest)
                stored += 1
        return stored

    def put(self, body: bytes) -> int:
        """Store a resource anew; version and lastUpdated move. Returns the version."""
        return self._store(body, parse(body), given=None)

    def delete(self, *, resource_type: str, identifier: str) -> None:
        """Delete a resource: searches omit it, a read answers 410. Raises KeyError if it is not held."""
        with self._database.transaction():
            held = self.find(resource_type=resource_type, identifier=identifier)
            if held is None or held.deleted:
                raise KeyError(f"{resource_type}/{identifier}")
            self._write(held, held.version + 1, self._now(), body=b"", deleted=True, given=None)
            self._rows[resource_type].pop(identifier, None)

    def find(self, *, resource_type: str, identifier: str, version: int | None = None) -> Stored | None:
        """Look up the newest version, or the one asked for; deleted ones too."""
        if version is None:
            sql = "SELECT * FROM resource WHERE type = ? AND id = ?"
            held = self._database.one(sql, resource_type, identifier)
        else:
            sql = "SELECT * FROM history WHERE type = ? AND id = ? AND version = ?"
            held = self._database.one(sql, resource_type, identifier, version)
        return None if held is None else _stored(held)

    def history(self, *, resource_type: str, identifier: str) -> list[Stored]:
        """List every version, newest first."""
        rows = self._database.all(
            "SELECT * FROM history WHERE type = ? AND id = ? ORDER BY version DESC", resource_type, identifier
        )
        return [_stored(held) for held in rows]

    def rows(self, resource_type: str | None = None) -> list[Row]:
        """List the index of one type, or of all, in the order the resources came."""
        with self._database.transaction():
            if resource_type is not None:
                return list(self._rows[resource_type].values())
            return [held for group in self._rows.values() for held in group.values()]

    def row(self, reference: str) -> Row | None:
        """Look up "Type/id" in the index."""
        resource_type, _, identifier = reference.partition("/")
        return self._rows[resource_type].get(identifier) if resource_type in self._rows else None

    def types(self) -> list[str]:
        """List the types held."""
        return sorted(name for name, group in self._rows.items() if group)

    def belongs(self, held: Row, patient: str) -> bool:
        """Say whether a token of `patient` may see this one."""
        if held.type == "Binary":
            return patient in self._binary_owners.get(held.id, ()) or patient in held.owners
        if held.owners:
            return patient in held.owners
        if held.type == "Provenance":
            targets = (self.row(reference) for reference in held.references.get("target", ()))
            return any(target is not None and self.belongs(target, patient) for target in targets)
        return held.type in SHARED_TYPES

    def _now(self) -> float:
        # To the millisecond, as it is served: `_lastUpdated=gt` of what was seen must not find it again.
        return math.floor(self._clock().timestamp() * 1000) / 1000

    def _store(self, body: bytes, resource: Mapping[str, Any], *, given: bytes | None) -> int:
        with self._database.transaction():
            kind, identifier = str(resource["resourceType"]), str(resource["id"])
            before = self.find(resource_type=kind, identifier=identifier)
            version = 1 if before is None else before.version + 1
            moment = self._now()
            meta = resource.get("meta")
            if before is None and isinstance(meta, Mapping) and isinstance(meta.get("lastUpdated"), str):
                written = span(meta["lastUpdated"])
                moment = moment if written is None else written.low
            if self._meta:
                body = stamp(body, version=version, moment=moment, replace=before is not None)
            blank = Stored(
                type=kind,
                id=identifier,
                version=0,
                last_updated=0,
                deleted=False,
                body=b"",
            )
            self._write(before or blank, version, moment, body=body, deleted=False, given=given)
            self._index(resource, moment)
        return version

    def _write(
        self, held: Stored, version: int, moment: float, *, body: bytes, deleted: bool, given: bytes | None
    ) -> None:
        values = (held.type, held.id, version, moment, deleted, body)
        self._database.all("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)", *values)
        self._database.all(
            "INSERT INTO resource"
            " SELECT ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(ordinal), 0) + 1 FROM resource) WHERE true"
            " ON CONFLICT DO UPDATE SET version = excluded.version, last_updated = excluded.last_updated,"
            " deleted = excluded.deleted, body = excluded.body,"
            " given = coalesce(nullif(excluded.given, x''), given)",
            *values,
            given or b"",
        )

    def _index(self, resource: Mapping[str, Any], moment: float) -> None:
        entry = row(resource, last_updated=moment)
        self._rows[entry.type][entry.id] = entry
        for binary in entry.binaries:
            self._binary_owners[binary] |= entry.owners


def _stored(held: Any) -> Stored:
    return Stored(
        type=held["type"],
        id=held["id"],
        version=held["version"],
        last_updated=held["last_updated"],
        deleted=bool(held["deleted"]),
        body=held["body"],
    )


def stamp(body: bytes, *, version: int, moment: float, replace: bool) -> bytes:
    """Put versionId and lastUpdated into a resource's text: where they are absent, or anew when `replace`.

    Without `meta` it is a pure insertion. With one, the other members' texts are kept as they are.
    """
    own = {"versionId": f'"{version}"'.encode(), "lastUpdated": f'"{instant(moment)}"'.encode()}
    top = {name: bytes(raw) for name, raw in _members.decode(body).items()}
    if "meta" not in top:
        return add_members(body, b'"meta":' + _join(own))
    meta = {name: bytes(raw) for name, raw in _members.decode(top["meta"]).items()}
    merged = meta | own if replace else own | meta
    if merged == meta:
        return body
    return _join(top | {"meta": _join(merged)})


def _join(members: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in members.items()) + b"}"
