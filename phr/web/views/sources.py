"""Where the record comes from: cards, one source's history, what was set aside, sync and disconnect."""

from __future__ import annotations

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from phr.accounts.access import Role
from phr.sources import flows
from phr.sync import queries, requests
from phr.sync.shapes import SourceCard, SourceDetail
from phr.web.gate import PersonRequest, person_view


@require_safe
@person_view()
def sources(request: PersonRequest) -> HttpResponse:
    """Show every source as a card."""
    cards = queries.source_cards(sight=request.sight)
    context = {
        "cards": cards,
        "needing": sum(card.state in {"reconnect", "failed"} for card in cards),
        "section": "sources",
    }
    return render(request, "sources/page.html", context)


@require_safe
@person_view()
def source(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Show one source; a page that polls gets the card alone."""
    found = _detail(request, source_id)
    if request.htmx:
        return render(request, "sources/_card.html", {"card": found.card})
    return render(request, "sources/detail.html", {"source": found, "section": "sources"})


@require_POST
@person_view(needs=Role.CAREGIVER)
def sync(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Ask for a run now."""
    card = _detail(request, source_id).card
    requests.ask(sight=request.sight, source_id=source_id, now=timezone.now())
    messages.info(request, _("%(name)s is being asked for what is new.") % {"name": card.name})
    return redirect("sources", request.sight.person_id)


@require_http_methods(["GET", "HEAD", "POST"])
@person_view(needs=Role.CAREGIVER, opened=False)
@reauthentication_required
def disconnect(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Ask first; then end the source's grant, at the portal too where it offers that."""
    with request.sight.open():
        card: SourceCard = _detail(request, source_id).card
    if request.method != "POST":
        return render(request, "sources/disconnect.html", {"card": card, "section": "sources"})
    flows.disconnect(sight=request.sight, source_id=source_id, now=timezone.now())
    messages.success(
        request,
        _("%(name)s is disconnected. What it sent stays in the record.") % {"name": card.name},
    )
    return redirect("sources", request.sight.person_id)


@require_safe
@person_view()
def quarantine(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Show what could not be stored, and why."""
    page = queries.quarantine_page(sight=request.sight, source_id=source_id)
    if page is None:
        raise Http404
    return render(
        request, "sources/quarantine.html", {"page": page, "source_id": source_id, "section": "sources"}
    )


def _detail(request: PersonRequest, source_id: UUID) -> SourceDetail:
    found: SourceDetail | None = queries.source_detail(sight=request.sight, source_id=source_id)
    if found is None:
        raise Http404
    return found
