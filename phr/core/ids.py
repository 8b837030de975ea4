"""Identifiers that we give."""

import uuid

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562): ordered by time, so that new rows stand together in an index."""
    return uuid_utils.compat.uuid7()
