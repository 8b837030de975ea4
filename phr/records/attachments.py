"""Bytes that resources point at: fetched separately, kept sealed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime

from phr.accounts.access import Sight
from phr.core import crypto
from phr.records.models import Attachment


def missing(*, sight: Sight, source_id: uuid.UUID, urls: Iterable[str]) -> list[str]:
    """Return those of the URLs (as the resources spell them) whose bytes are not stored yet, sorted."""
    wanted = set(urls)
    held = Attachment.objects.filter(
        person_id=sight.person_id, source_id=source_id, url__in=wanted, state=Attachment.State.STORED
    ).values_list("url", flat=True)
    return sorted(wanted.difference(held))


def refused(*, sight: Sight, source_id: uuid.UUID) -> dict[str, str]:
    """Return why each file that the portal never gave is not here, by its URL."""
    rows = Attachment.objects.filter(person_id=sight.person_id, source_id=source_id).exclude(
        state=Attachment.State.STORED
    )
    return dict(rows.values_list("url", "reason"))


def asked_since(*, sight: Sight, source_id: uuid.UUID, since: datetime) -> int:
    """Return how many files of a source were asked for since then, given or not."""
    return Attachment.objects.filter(
        person_id=sight.person_id, source_id=source_id, fetched_at__gt=since
    ).count()


def keep(
    *, sight: Sight, source_id: uuid.UUID, url: str, content_type: str, body: bytes, now: datetime
) -> None:
    """Store what was fetched; bytes that replaced others at the same address replace ours."""
    row = _row(sight=sight, source_id=source_id, url=url)
    row.content_type, row.size, row.digest = content_type[:200], len(body), hashlib.sha256(body).digest()
    row.body = crypto.seal(row, "body", body)
    row.state, row.reason, row.fetched_at = Attachment.State.STORED, "", now
    row.save()


def refuse(
    *, sight: Sight, source_id: uuid.UUID, url: str, state: Attachment.State, reason: str, now: datetime
) -> None:
    """Record that the bytes were not to be had; what an earlier fetch stored is left alone."""
    row = _row(sight=sight, source_id=source_id, url=url)
    if row.state != Attachment.State.STORED:
        row.state, row.reason, row.fetched_at = state, reason, now
        row.save()


def _row(*, sight: Sight, source_id: uuid.UUID, url: str) -> Attachment:
    found = Attachment.objects.filter(person_id=sight.person_id, source_id=source_id, url=url).first()
    return found or Attachment(
        person_id=sight.person_id, source_id=source_id, url=url, state=Attachment.State.FAILED
    )
