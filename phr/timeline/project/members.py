"""Event rows as merging sees them."""

from __future__ import annotations

import uuid

from phr.timeline.events import Event
from phr.timeline.merge import Member, Origin, block_hash, member_of

text_key = block_hash


def member(
    *, source_id: uuid.UUID, base_url: str, patient: str, resource_type: str, fhir_id: str, event: Event
) -> Member:
    """Return the member of an event; its key is unique among all of a person's."""
    return member_of(
        key=f"{source_id}|{resource_type}|{fhir_id}|{event.ordinal}",
        origin=Origin(source_id=str(source_id), base_url=base_url, patient=patient),
        event=event,
    )
