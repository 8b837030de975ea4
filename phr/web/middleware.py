"""What every response carries, errors and files too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from phr.web.policy import HEADER, STRICT
from phr.web.views.errors import error_page

Respond = Callable[[HttpRequest], HttpResponseBase]

HEADERS: Final = {
    HEADER: STRICT,
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=(), browsing-topics=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors; here, because Django's own middleware misses 405, 400 and files.
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def security_headers(get_response: Respond) -> Respond:
    """Add the content policy and its companions to every response."""
    static = urlsplit(settings.STATIC_URL).path

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code == 405 and isinstance(response, HttpResponse) and not response.content:
            allowed = response.headers.get("Allow", "")
            response = error_page(request, status=405)
            response.headers["Allow"] = allowed
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # Whatever is not a file of the program may hold health data: no cache, shared or not, keeps it. What is
        # for everybody says so itself.
        shared = response.headers.get("Cache-Control", "").startswith("public")
        if not request.path.startswith(static) and not shared:
            response.headers["Cache-Control"] = "no-store"
        return response

    return respond
