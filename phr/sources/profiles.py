"""The vendor profiles of this process: ours and those of PHR_PROFILES_DIR, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.conf import settings

from connectors.profile import Profile
from connectors.registry import load_registry


class UnknownProfile(Exception):  # noqa: N818 - what the caller meets
    """No profile has this id: it was misspelt, or the operator's folder of profiles changed."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(f"There is no vendor profile {profile_id}.")
        self.profile_id = profile_id


def all_profiles() -> Mapping[str, Profile]:
    """Return every profile by its id; raises ProfileError for a file that is not right."""
    return _load(settings.PHR_PROFILES_DIR)


def profile_of(profile_id: str) -> Profile:
    """Return one profile; raises UnknownProfile."""
    try:
        return all_profiles()[profile_id]
    except KeyError:
        raise UnknownProfile(profile_id) from None


@cache
def _load(folder: Path | None) -> Mapping[str, Profile]:
    return load_registry(folder)
