from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded server cannot be used; the message is one sentence that says why and what to do."""
