"""What every response carries, errors and files too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from phr.web.views.errors import error_page

Respond = Callable[[HttpRequest], HttpResponseBase]

# Nothing but our own files. img-src takes data: for the QR code of the second sign-in step, which allauth draws so.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action {form_action}; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), usb=(), browsing-topics=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)


def security_headers(get_response: Respond) -> Respond:
    """Add the content policy and its companions to every response."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code == 405 and isinstance(response, HttpResponse) and not response.content:
            allow = response.headers.get("Allow", "")
            response = error_page(request, status=405)
            response["Allow"] = allow
        form_action = getattr(response, "form_action", "'self'")
        headers = {
            "Content-Security-Policy": POLICY.format(form_action=form_action),
            "Permissions-Policy": PERMISSIONS,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        # Whatever is not a file of the program may hold health data: no cache, shared or not, keeps it.
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return respond
