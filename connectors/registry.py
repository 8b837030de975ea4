"""All vendor profiles by id: ours, and those in the operator's own folder."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from connectors.errors import ProfileError
from connectors.profile import Profile, load_profile

PROFILES: Final = Path(__file__).parent / "profiles"


def load_registry(extra: Path | None = None) -> Mapping[str, Profile]:
    """Load every `*.toml` of our own folder and then of `extra`, in the order of their ids.

    A profile in `extra` takes the place of ours with the same id, so that an operator can mend a quirk
    without waiting for a release. Raises `ProfileError` for the first file that is not right, and when
    `extra` is no folder.
    """
    found = {path.stem: path for path in sorted(PROFILES.glob("*.toml"))}
    if extra is not None:
        if not extra.is_dir():
            raise ProfileError(file=extra, key="", reason="is not a folder of vendor profiles")
        found |= {path.stem: path for path in sorted(extra.glob("*.toml"))}
    return MappingProxyType({name: load_profile(found[name]) for name in sorted(found)})
