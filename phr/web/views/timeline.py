"""The timeline, and the pages behind its lines."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from phr.accounts.models import User
from phr.sync.queries import completeness
from phr.timeline import queries
from phr.timeline.queries.shapes import FactMoved
from phr.web.compare import compare
from phr.web.forms import read_filters
from phr.web.gate import PersonRequest, person_view
from phr.web.links import by_day, links_for


@require_safe
@person_view()
def timeline(request: PersonRequest) -> HttpResponse:
    """Show everything, newest first; ``part=rows`` gives the next rows alone, for appending."""
    filters, faults = read_filters(request.GET)
    page = replace(
        queries.timeline_page(sight=request.sight, filters=filters),
        missing=completeness(sight=request.sight, now=timezone.now()),
    )
    part = request.GET.get("part") == "rows" and bool(request.htmx)
    if not part:
        _remember(request)
    shown = request.GET.get("shown", "")
    context = {
        "page": page,
        "days": by_day(page.years),
        "links": links_for(page=page, path=reverse("timeline", args=[request.sight.person_id])),
        "filters": page.filters,
        "faults": faults,
        "has_sources": bool(page.sources),
        "shown": int(shown) if shown.isascii() and shown.isdigit() and len(shown) <= _YEAR_DIGITS else None,
        "added": sum(len(year.rows) for year in page.years),
        "section": "timeline",
    }
    return render(request, "timeline/_appended.html" if part else "timeline/page.html", context)


@require_safe
@person_view()
def fact(request: PersonRequest, fact_id: UUID) -> HttpResponse:
    """Show one fact: who says so, where they differ, why they are one, and the raw resources."""
    found = queries.fact_detail(sight=request.sight, fact_id=fact_id)
    if found is None:
        raise Http404
    if isinstance(found, FactMoved):
        return redirect("fact", request.sight.person_id, found.fact_id, permanent=False)
    return render(
        request, "facts/page.html", {"fact": found, "rows": compare(found.members), "section": "timeline"}
    )


@require_safe
@person_view()
def visit(request: PersonRequest, visit_id: UUID) -> HttpResponse:
    """Show one visit and all that belongs to it."""
    found = queries.visit_detail(sight=request.sight, visit_id=visit_id)
    if found is None:
        raise Http404
    if isinstance(found, FactMoved):
        return redirect("visit", request.sight.person_id, found.fact_id, permanent=False)
    return render(request, "visits/page.html", {"visit": found, "section": "timeline"})


_YEAR_DIGITS = 4


def _remember(request: PersonRequest) -> None:
    """The start page opens here next time; a page that was already the last one writes nothing."""
    user, person_id = request.user, request.sight.person_id
    if user.last_person_id != person_id:
        User.objects.filter(pk=user.pk).update(last_person_id=person_id)
