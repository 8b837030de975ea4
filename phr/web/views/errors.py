"""A page for each way in which a request can fail: what happened, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """What an error page says."""

    status: int
    title: Promise | str
    sentence: Promise | str
    icon: str


PAGES: Final = {
    400: ErrorWords(
        400,
        _("That address makes no sense here"),
        _(
            "A part of it is missing or broken. Go back and follow the link again, or begin at the "
            "start page."
        ),
        "question-mark-circle",
    ),
    403: ErrorWords(
        403,
        _("That is not allowed"),
        _("Your account may not do this. If it should, ask whoever runs this server."),
        "no-symbol",
    ),
    404: ErrorWords(
        404,
        _("There is nothing here"),
        _(
            "The page does not exist, or it is part of a record that your account does not open. If somebody "
            "shared the record with you, the time they gave may be over."
        ),
        "magnifying-glass",
    ),
    405: ErrorWords(
        405,
        _("This cannot be opened as a page"),
        _("The address is there for a button to use. Go back and press the button again."),
        "hand-raised",
    ),
    500: ErrorWords(
        500,
        _("Something broke here"),
        _(
            "The fault is on this server, not with you, and it was written down. The record itself "
            "is untouched. "
            "Try again in a minute; if it stays, tell whoever runs this server."
        ),
        "wrench-screwdriver",
    ),
}
CSRF: Final = ErrorWords(
    403,
    _("This form is too old"),
    _(
        "It was opened before you last signed in, or the browser keeps no cookies for this site, so "
        "nothing was "
        "done. Go back, load the page again, and send the form once more."
    ),
    "clock",
)


def error_page(request: HttpRequest, *, status: int, words: ErrorWords | None = None) -> HttpResponse:
    """Render the page of a status."""
    return render(request, "errors/error.html", {"error": words or PAGES[status]}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    del exception
    return error_page(request, status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    del exception
    return error_page(request, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    del exception
    return error_page(request, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Render without asking the database, which may be what broke."""
    return error_page(request, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say it in words; the reason is for a log, not for a patient."""
    del reason
    return error_page(request, status=403, words=CSRF)
