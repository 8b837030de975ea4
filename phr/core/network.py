"""The process's one egress, with what the operator allowed."""

from functools import cache

from django.conf import settings

from connectors.egress import Egress
from connectors.smart.documents import DocumentCache


@cache
def egress() -> Egress:
    """Return the egress of this process; it is safe to share between threads, and not between processes.

    It lives as long as the process: nobody closes it.
    """
    return Egress(allow=settings.PHR_EGRESS_ALLOW)


@cache
def documents() -> DocumentCache:
    """Return what servers said of themselves to this process, for as long as their headers let it be kept."""
    return DocumentCache()
