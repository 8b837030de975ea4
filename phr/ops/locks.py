"""Advisory locks that the kernel frees when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self


class Lock:
    """One ``flock`` on a file; the file stays, only the lock comes and goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False, wait: bool = False) -> bool:
        """Take it; False when somebody else has it and we do not ``wait``."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(self._descriptor, mode)
        except BlockingIOError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give it back; not holding it is no error."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def sign(self, text: str) -> None:
        """Write who holds it."""
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def signed(self) -> str:
        """Return what the holder (or the last one) wrote."""
        with suppress(OSError):
            return self._path.read_text(encoding="utf-8")
        return ""

    def is_free(self) -> bool:
        """Whether nobody holds it exclusively at this moment; asks without keeping it."""
        if not self._path.exists():
            return True
        free = self.take(shared=True)
        if free:
            self.release()
        return free

    def __enter__(self) -> Self:
        self.take(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
