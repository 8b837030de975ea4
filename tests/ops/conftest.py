from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from phr.ops.embedded import account


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that an unprivileged account may pass, as root's own temporary folders are not."""
    with tempfile.TemporaryDirectory(prefix="phr-up-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder / "var"
        account.forget(folder / "var" / "postgres")
