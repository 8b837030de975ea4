"""A portal that names other addresses than those people are connected to: what was shown is what is agreed to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from django.core import signing

from connectors.smart.server import PINNED, Change, DiscoveryChanged, Server, changes

_SALT: Final = "phr.sources.moves"
# Seconds: a page that asks is read and answered, or asked for anew.
_LASTS: Final = 3600


class Moved(DiscoveryChanged):
    """The portal moved, and nobody agreed to this yet; ``accepts`` is what whoever is shown it agrees with."""

    def __init__(self, found: tuple[Change, ...], *, accepts: str) -> None:
        super().__init__(found)
        self.accepts = accepts


def require_known(*, pinned: Iterable[Server], found: Server, portal_id: int, accepted: str) -> None:
    """Raise Moved where the portal differs from any of ``pinned``, and ``accepted`` is not for just these addresses.

    A discovery document may change between the page that shows it and the answer to that page.
    """
    differing = dict.fromkeys(change for before in pinned for change in changes(pinned=before, found=found))
    digest = _digest(found, portal_id=portal_id)
    if differing and not _agreed(accepted, digest=digest):
        raise Moved(tuple(differing), accepts=signing.dumps(digest, salt=_SALT))


def _digest(found: Server, *, portal_id: int) -> str:
    # Whole, with the queries that no page shows.
    told = json.dumps([portal_id, *(getattr(found, name) for name in PINNED)])
    return hashlib.sha256(told.encode()).hexdigest()


def _agreed(accepted: str, *, digest: str) -> bool:
    try:
        return bool(signing.loads(accepted, salt=_SALT, max_age=_LASTS) == digest)
    except signing.BadSignature:
        return False
