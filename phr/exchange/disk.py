"""Export files on this machine: NDJSON, Bundles and single resources, also packed, read like those of a server.

A file is told by its name and size; started again, the command goes on where the file was committed last.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from connectors.errors import BadReply
from connectors.fhir.bulk_lines import KEPT_BYTES, Line, cut
from connectors.fhir.bundle import read_page, resource_type_of
from connectors.fhir.caps import MAX_PAGE_BYTES, MAX_RESOURCE_BYTES
from phr.exchange.job import Job
from phr.exchange.models import Export, ExportFile

_CHUNK: Final = 1 << 18
# Of what is packed: a bomb is noticed long before a disk or a night is full.
_MAX_BYTES: Final = 64 * 1024**3
_MAX_MEMBERS: Final = 10_000
_LINES: Final = (".ndjson", ".jsonl")
_NOT_RECORDS: Final = frozenset({"log.ndjson", "manifest.json", "package.json"})


class NothingToRead(Exception):  # noqa: N818 - what the caller meets
    """There is no such file, or none in it that could hold records; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or one member of an archive: `name` tells it from the others, `size` in bytes as it is packed."""

    path: Path
    member: str
    name: str
    size: int


def find(paths: Sequence[Path]) -> list[Found]:
    """Return what is to be read, in order: files, those in folders, and those in archives. Raises NothingToRead."""
    found: list[Found] = []
    for path in paths:
        if path.is_dir():
            for each in sorted(each for each in path.rglob("*") if each.is_file()):
                found += _of(each, within=path)
        elif path.is_file():
            found += _of(path, within=path.parent)
        else:
            raise NothingToRead(f"There is no file {path}.")
    if not found:
        raise NothingToRead("There is no file that could hold records: .ndjson, .json, also .gz and .zip.")
    return found


def opener(found: Mapping[str, Found]) -> Disk:
    """Return how the files of an export are opened, by their names."""
    return Disk(dict(found))


@dataclass(frozen=True, slots=True)
class Disk:
    """Opens files of this machine (phr.exchange.fetch.Opener)."""

    found: Mapping[str, Found]

    def __call__(self, job: Job, export: Export, file: ExportFile) -> AbstractContextManager[OnDisk]:
        """Open a file. Raises BadReply for one that is not there any more, or another than it was."""
        del job, export
        each = self.found.get(file.name)
        if each is None or (file.size is not None and each.size != file.size):
            raise BadReply("bad_response")
        return _open(each)


@dataclass(slots=True)
class OnDisk:
    """A file that is open; it is read from its beginning, which costs little here."""

    stream: IO[bytes]
    lines: bool
    start: int = 0
    etag: str = ""

    def cut(self, *, number: int = 0) -> Iterator[Line]:
        """Yield its records. Raises BadReply for what cannot be unpacked, is too large or is no record."""
        if self.lines:
            return cut(self._chunks(), number=number)
        return self._resources()

    def _chunks(self) -> Iterator[bytes]:
        read = 0
        while True:
            try:
                chunk = self.stream.read(_CHUNK)
            except EOFError:
                raise BadReply("truncated") from None  # it will be as short tomorrow
            except (OSError, zlib.error, zipfile.BadZipFile):
                raise BadReply("bad_response") from None
            if not chunk:
                return
            read += len(chunk)
            if read > _MAX_BYTES:
                raise BadReply("too_large")
            yield chunk

    def _resources(self) -> Iterator[Line]:
        """Read a JSON document: a Bundle entry by entry, or one resource. It has to fit into memory."""
        body = bytearray()
        for chunk in self._chunks():
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise BadReply("too_large")
        raw = bytes(body)
        if resource_type_of(raw) != "Bundle":
            raw = raw.strip()
            yield Line(
                raw=raw if len(raw) <= MAX_RESOURCE_BYTES else raw[:KEPT_BYTES],
                end=1,
                number=1,
                size=len(raw),
            )
            return
        for number, entry in enumerate(read_page(raw, base_url="").entries, start=1):
            yield Line(raw=entry.raw or b"null", end=number, number=number, size=len(entry.raw or b"null"))


def _of(path: Path, *, within: Path) -> Iterator[Found]:
    name = path.relative_to(within).as_posix()
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (OSError, zipfile.BadZipFile):
            raise NothingToRead(f"{path.name} is no archive that could be read.") from None
        if len(members) > _MAX_MEMBERS:
            raise NothingToRead(f"{path.name} holds more files than an export has.")
        for member in members:
            if not member.is_dir() and _is_record(member.filename):
                yield Found(path, member.filename, f"{name}!{member.filename}"[-300:], member.file_size)
    elif _is_record(path.name):
        yield Found(path, "", name[-300:], path.stat().st_size)


def _is_record(name: str) -> bool:
    plain = name.lower().removesuffix(".gz")
    return plain.endswith((*_LINES, ".json")) and plain.rpartition("/")[2] not in _NOT_RECORDS


@contextmanager
def _open(found: Found) -> Iterator[OnDisk]:
    plain = (found.member or found.path.name).lower()
    lines = plain.removesuffix(".gz").endswith(_LINES)
    try:
        if found.member:
            with zipfile.ZipFile(found.path) as archive, archive.open(found.member) as inner:
                yield from _unpacked(inner, packed=plain.endswith(".gz"), lines=lines)
        else:
            with found.path.open("rb") as inner:
                yield from _unpacked(inner, packed=plain.endswith(".gz"), lines=lines)
    except (OSError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        # Gone, broken, or locked with a password.
        raise BadReply("bad_response") from None


def _unpacked(inner: IO[bytes], *, packed: bool, lines: bool) -> Iterator[OnDisk]:
    if packed:
        with gzip.open(inner) as stream:
            yield OnDisk(stream, lines)  # type: ignore[arg-type]
    else:
        yield OnDisk(inner, lines)
