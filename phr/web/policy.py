"""The content security policy: nothing but our own files, on every page."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse

# img-src takes data: for the QR code of the second sign-in step, which allauth draws so.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action {form_action}; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
STRICT: Final = _POLICY.format(form_action="'self'")
HEADER: Final = "Content-Security-Policy"


def may_leave(response: HttpResponse) -> HttpResponse:
    """Let the forms of this page end at a portal.

    Chromium holds form-action against the redirect that answers a form, too, and a portal's authorization
    endpoint is known only once it was discovered. So the pages with a Connect or Reconnect button, and no
    others, let a form lead to any https address, and to the plain http ones that the operator allows by name.
    """
    plain = (
        f"http://{f'[{host}]' if ':' in host else host}:{port}"
        for host, port in sorted(settings.PHR_EGRESS_ALLOW)
    )
    response.headers[HEADER] = _POLICY.format(form_action=" ".join(["'self'", "https:", *plain]))
    return response


def may_post_to(response: HttpResponse, *, url: str) -> HttpResponse:
    """Let a form of this page go to one other origin: that of a portal that wants its request by POST."""
    parts = urlsplit(url)
    response.headers[HEADER] = _POLICY.format(form_action=f"'self' {parts.scheme}://{parts.netloc}")
    return response
