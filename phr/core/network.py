"""The process's one egress, with what the operator allowed."""

from functools import cache

from django.conf import settings

from connectors.egress import Egress


@cache
def egress() -> Egress:
    """Return the egress of this process; it is safe to share between threads, and not between processes.

    It lives as long as the process: nobody closes it.
    """
    return Egress(allow=settings.PHR_EGRESS_ALLOW)
