"""Our key pairs for clients that sign: which one signs, which are published, and how one follows another.

A rotation has three moments. A new key is published and signs nothing, until every portal has read our list anew;
then it signs, and the old one loses its private half; then, once nothing that the old one signed can still be
alive, it leaves the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from connectors.smart.keys import ALGORITHMS, KeyPair, SigningAlgorithm, generate_key_pair, public_jwk
from phr.core.crypto import seal, unseal
from phr.core.ids import uuid7
from phr.sources.models import SigningKey

# What we tell those who read the list; some keep it for a day whatever they are told.
JWKS_MAX_AGE: Final = timedelta(hours=1)
PUBLISHED_BEFORE: Final = timedelta(hours=24)
# An assertion lives for four minutes by our clock; an hour covers clocks that differ and workers that paused.
PUBLISHED_AFTER: Final = timedelta(hours=1)

__all__ = [
    "ALGORITHMS",
    "Rotation",
    "current",
    "jwks_url",
    "public_key",
    "published",
    "replace_at_once",
    "require",
    "rotate",
]

Step = Literal["made", "published", "waiting", "rotated", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What one call of `rotate` did, and when the next step is due (None: nothing is under way)."""

    step: Step
    key_id: str
    """Of the key that this step was about: the new one."""
    due_at: datetime | None = None
    """For "published" and "waiting": when the new key may sign. For "rotated": when the old one leaves the list."""


def jwks_url() -> str:
    """Return the address of our list of public keys, as it is registered at vendors."""
    return f"{settings.PHR_BASE_URL.rstrip('/')}/.well-known/jwks.json"


def published(*, now: datetime) -> dict[str, Any]:
    """Return our public keys as a JWK Set: those that sign, will sign, or signed lately."""
    keys = [
        row.public_jwk
        for row in SigningKey.objects.order_by("created_at", "kid")
        if row.retired_at is None or now - row.retired_at < PUBLISHED_AFTER
    ]
    return {"keys": keys}


def current(*, algorithm: SigningAlgorithm) -> KeyPair | None:
    """Return the pair that signs now, or None where none was made. Raises KeyringError."""
    row = SigningKey.objects.filter(algorithm=algorithm, state=SigningKey.State.CURRENT).first()
    if row is None:
        return None
    private_key = unseal(row, "private_key")
    assert private_key is not None
    return KeyPair(private_key=private_key, algorithm=algorithm, key_id=row.kid)


def public_key(*, algorithm: SigningAlgorithm) -> dict[str, Any] | None:
    """Return the public half of the key that signs now, for a vendor that wants it uploaded; None without one."""
    row = SigningKey.objects.filter(algorithm=algorithm, state=SigningKey.State.CURRENT).first()
    return None if row is None else dict(row.public_jwk)


def require(*, algorithm: SigningAlgorithm, now: datetime) -> KeyPair:
    """Return the pair that signs now, and make it where there is none yet."""
    found = current(algorithm=algorithm)
    if found is not None:
        return found
    try:
        with transaction.atomic():
            _make(algorithm=algorithm, state=SigningKey.State.CURRENT, now=now)
    except IntegrityError:
        pass  # somebody made it in the same moment
    found = current(algorithm=algorithm)
    assert found is not None
    return found


def rotate(*, algorithm: SigningAlgorithm, now: datetime) -> Rotation:
    """Do the step of a rotation that is due; to be called again when the answer says so."""
    with transaction.atomic():
        SigningKey.objects.filter(retired_at__lte=now - PUBLISHED_AFTER).delete()
        rows = {
            row.state: row
            for row in SigningKey.objects.select_for_update().filter(algorithm=algorithm, retired_at=None)
        }
        old, new = rows.get(SigningKey.State.CURRENT), rows.get(SigningKey.State.NEXT)
        if old is None:
            made = _make(algorithm=algorithm, state=SigningKey.State.CURRENT, now=now)
            return Rotation(step="made", key_id=made.kid)
        if new is None:
            made = _make(algorithm=algorithm, state=SigningKey.State.NEXT, now=now)
            return Rotation(step="published", key_id=made.kid, due_at=now + PUBLISHED_BEFORE)
        due_at = new.created_at + PUBLISHED_BEFORE
        if now < due_at:
            return Rotation(step="waiting", key_id=new.kid, due_at=due_at)
        old.state, old.private_key, old.retired_at = SigningKey.State.RETIRED, None, now
        old.save()
        new.state = SigningKey.State.CURRENT
        new.save()
    return Rotation(step="rotated", key_id=new.kid, due_at=now + PUBLISHED_AFTER)


def replace_at_once(*, algorithm: SigningAlgorithm, now: datetime) -> Rotation:
    """Drop every key of this kind from the list and let a new one sign: for a key that somebody else may hold.

    Portals that still keep the old list refuse us until they read it anew.
    """
    with transaction.atomic():
        SigningKey.objects.filter(algorithm=algorithm).delete()
        made = _make(algorithm=algorithm, state=SigningKey.State.CURRENT, now=now)
    return Rotation(step="replaced", key_id=made.kid)


def _make(*, algorithm: SigningAlgorithm, state: SigningKey.State, now: datetime) -> SigningKey:
    pair = generate_key_pair(algorithm=algorithm)
    row = SigningKey(
        id=uuid7(),
        kid=pair.key_id,
        algorithm=algorithm,
        public_jwk=public_jwk(pair=pair),
        state=state,
        created_at=now,
    )
    row.private_key = seal(row, "private_key", pair.private_key)
    row.save(force_insert=True)
    return row
