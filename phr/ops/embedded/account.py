"""As root, the embedded servers run as somebody unprivileged: Postgres refuses root, and is right.

Nothing of the machine is changed for it: no account is added, no parent folder gets another mode. Where that
account cannot reach the data or the programs (a repository under a home of mode 700), they go to a folder
of their own under ``ELSEWHERE`` and a pointer file in the data folder remembers where.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phr.ops.embedded.errors import EmbeddedError

ELSEWHERE = Path("/var/lib/phr-embedded")
POINTER = "LOCATION"
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server runs as; ``switch`` is whether we must become that account first."""

    uid: int
    gid: int
    name: str
    switch: bool

    def popen_options(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess`` that make the child run as this account."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make a file or folder this account's own (a no-op unless we are root)."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this account may pass every parent folder of ``path``."""
        return all(self._may(folder, 0o1) for folder in path.absolute().parents)

    def runs(self, program: Path) -> bool:
        """Whether this account may start ``program``."""
        return self.reaches(program) and self._may(program, 0o5)

    def _may(self, path: Path, bits: int) -> bool:
        if not self.switch:
            return True
        try:
            state = path.stat()
        except FileNotFoundError:
            return True  # ours to make
        shift = 6 if state.st_uid == self.uid else 3 if state.st_gid == self.gid else 0
        return (state.st_mode >> shift) & bits == bits


def choose(data_dir: Path) -> Account:
    """Return who the servers of ``data_dir`` run as: ourselves; as root the data's owner, sudo's user, or
    nobody.

    Raises EmbeddedError when we are root and the machine has no unprivileged account.
    """
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        return Account(me.pw_uid, me.pw_gid, me.pw_name, switch=False)
    owner = data_dir.stat().st_uid if data_dir.is_dir() else 0
    for uid in (owner, int(os.environ.get("SUDO_UID", "0") or 0)):
        if uid:
            try:
                entry = pwd.getpwuid(uid)
            except KeyError:
                return Account(uid, uid, str(uid), switch=True)
            return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, switch=True)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise EmbeddedError(
            "Postgres does not run as root, and this machine has no account `nobody` to run it as: "
            "start as an ordinary user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, switch=True)


def home(data_dir: Path) -> tuple[Path, Account]:
    """Return where the server's files really are, made and owned rightly, and who it runs as.

    ``data_dir`` itself, or the folder its pointer file names. Raises EmbeddedError when neither can be had.
    """
    data_dir = data_dir.absolute()
    pointer = data_dir / POINTER
    place = Path(pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else data_dir
    account = choose(place)
    if place == data_dir and not account.reaches(data_dir):
        place = _elsewhere(data_dir)
        if data_dir.is_dir() and any(data_dir.iterdir()):
            raise EmbeddedError(
                f"{data_dir} is out of reach for the account {account.name} that the server runs as: "
                f"move it to {place}, or let others pass its parent folders (chmod o+x)."
            )
        _make(data_dir, 0o700)
        pointer.write_text(f"{place}\n", encoding="utf-8")
    if place != data_dir:
        _make(place.parent, 0o755)
    _make(place, 0o700)
    if not os.access(place, os.W_OK | os.X_OK):
        raise EmbeddedError(f"{place} belongs to another user: start as that user, or set PHR_DATA_DIR.")
    account.own(place)
    return place, account


def reachable(program: Path, folders: tuple[Path, ...], account: Account) -> Path:
    """Return a path of ``program`` that ``account`` may start: itself, or that of a copy of ``folders``.

    ``folders`` have one common parent and keep their places under it, since libraries are found relatively.
    """
    if account.runs(program):
        return program
    top = Path(os.path.commonpath(folders))
    top = top.parent if top in folders else top
    # One copy for all programs of an installation, another when it was installed anew.
    mark = "".join(f"{folder}\n{folder.stat().st_mtime_ns}\n" for folder in folders)
    copy = ELSEWHERE / f"programs-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    if not copy.is_dir():
        _make(ELSEWHERE, 0o755)
        partial = Path(tempfile.mkdtemp(dir=ELSEWHERE, prefix="partial-"))
        for folder in folders:
            shutil.copytree(folder, partial / folder.relative_to(top), symlinks=True, dirs_exist_ok=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o755 if path.is_dir() else 0o444))
        try:
            partial.rename(copy)
        except OSError:  # somebody else was quicker, with the same
            shutil.rmtree(partial, ignore_errors=True)
    return copy / program.relative_to(top)


def forget(data_dir: Path) -> None:
    """Remove a server's files wherever they are, and the pointer; for tests and for starting afresh."""
    pointer = data_dir / POINTER
    if pointer.is_file():
        place = Path(pointer.read_text(encoding="utf-8").strip())
        if place.parent == ELSEWHERE:
            shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


def _elsewhere(data_dir: Path) -> Path:
    return ELSEWHERE / hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]


def _make(folder: Path, mode: int) -> None:
    """Make a folder and its parents; what exists keeps its mode."""
    if folder.is_dir():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode)
        folder.chmod(mode)  # whatever the umask says
    except OSError as error:
        raise EmbeddedError(
            f"{folder} cannot be made ({error.strerror}): set PHR_DATA_DIR to a folder of yours."
        ) from None
