"""The inspector: every question that we asked a portal, and what the token there says."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from phr.accounts.access import Role
from phr.sources.inspector import inspect
from phr.web.gate import PersonRequest, person_view


@require_safe
@person_view(needs=Role.CAREGIVER)
def calls(request: PersonRequest, source_id: UUID | None = None) -> HttpResponse:
    """Show the calls to one source's portal, or those made while connecting, a page at a time."""
    asked = request.GET.get("before", "")
    found = inspect(
        sight=request.sight,
        source_id=source_id,
        only_failed=request.GET.get("only") == "failed",
        # Nineteen digits are no number of a row.
        before=int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None,
    )
    if found is None:
        raise Http404
    context = {"page": found, "source_id": source_id, "section": "sources"}
    return render(request, "sources/calls.html", context)
