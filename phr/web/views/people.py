"""Whose records this account keeps."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from phr.accounts import access
from phr.accounts.access import Role
from phr.web.context import PersonHead
from phr.web.forms import PersonForm
from phr.web.gate import SignedInRequest, signed_in


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """One person of the list, and what the reader is to their record."""

    person: PersonHead
    role_text: str


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def people(request: SignedInRequest) -> HttpResponse:
    """List them; begin another one."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sight = access.create_person(
            user=request.user, name=form.cleaned_data["name"], birth_date=form.cleaned_data["birth_date"]
        )
        return redirect("connect", sight.person_id)
    entries = [
        PersonEntry(
            person=PersonHead(id=sight.person_id, name=sight.name, birth_date=sight.birth_date),
            role_text=str(Role(sight.role).label),
        )
        for sight in access.people_of(user=request.user, now=timezone.now())
    ]
    status = 422 if form.is_bound else 200
    return render(
        request, "people/page.html", {"people": entries, "form": form, "section": "people"}, status=status
    )
