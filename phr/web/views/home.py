"""The start page, the account page, and the switch of colours."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from phr.accounts import access
from phr.accounts.models import User
from phr.web.context import THEME_COOKIE
from phr.web.forms import PersonForm, ThemeForm
from phr.web.gate import SignedInRequest, signed_in


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Open the person last looked at; welcome whoever is not that far."""
    user = request.user
    if not isinstance(user, User):
        return render(request, "home/welcome.html")
    people = access.people_of(user=user, now=timezone.now())
    if not people:
        return render(request, "home/first_run.html", {"form": PersonForm()})
    last = next((sight for sight in people if sight.person_id == user.last_person_id), None)
    if last is None and len(people) > 1:
        return redirect("people")
    return redirect("timeline", (last or people[0]).person_id)


@require_safe
@signed_in
def account(request: SignedInRequest) -> HttpResponse:
    """List what a user can change about signing in."""
    return render(request, "home/account.html", {"section": "account"})


@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Remember light or dark in a cookie, and go back."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    back: str = form.cleaned_data["next"]
    if not (back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)):
        back = "/"
    # Not redirect(): it reads a word without a slash as the name of a view.
    response = HttpResponseRedirect(back)
    response.set_cookie(
        THEME_COOKIE,
        form.cleaned_data["theme"],
        max_age=timedelta(days=365),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response
