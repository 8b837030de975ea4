"""Where the record comes from: cards, one source's history, what was set aside, sync and disconnect."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from phr.accounts.access import Role
from phr.core.network import egress
from phr.sources.flows.disconnect import disconnect as end_source
from phr.sync import queries, requests, tasks
from phr.sync.models import Run
from phr.sync.shapes import SourceCard, SourceDetail
from phr.web.gate import PersonRequest, person_view
from phr.web.policy import may_leave

ENDED: Final = {
    "export": gettext_lazy(
        "%(name)s is disconnected: nothing more is added from there. What came stays in the record."
    ),
    "revoked": gettext_lazy(
        "%(name)s is disconnected, and the portal has withdrawn the access. What it sent stays in the record."
    ),
    "not_offered": gettext_lazy(
        "%(name)s is disconnected and the access erased here. The portal cannot be told; you can "
        "end it on its own "
        "page of connected apps. What it sent stays in the record."
    ),
    "failed": gettext_lazy(
        "%(name)s is disconnected and the access erased here. The portal could not be reached to "
        "withdraw it; you can "
        "do that on its own page of connected apps. What it sent stays in the record."
    ),
}


@require_safe
@person_view()
def sources(request: PersonRequest) -> HttpResponse:
    """Show every source as a card."""
    cards = queries.source_cards(sight=request.sight, now=timezone.now())
    context = {
        "cards": cards,
        "needing": sum(card.state in {"reconnect", "failed"} for card in cards),
        "section": "sources",
    }
    return may_leave(render(request, "sources/page.html", context))


@require_safe
@person_view()
def source(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Show one source; a page that polls gets the card alone."""
    found = _detail(request, source_id)
    if request.htmx:
        context = {"card": found.card, "detail": "detail" in request.GET}
        return render(request, "sources/_card.html", context)
    return may_leave(render(request, "sources/detail.html", {"source": found, "section": "sources"}))


@require_POST
@person_view(needs=Role.CAREGIVER)
def sync(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Ask for a run now."""
    card = _detail(request, source_id).card
    if not card.can_sync:
        messages.error(request, _("%(name)s has to be connected again first.") % {"name": card.name})
        return redirect("sources", request.sight.person_id)
    requests.request(sight=request.sight, source_id=source_id, trigger=Run.Trigger.PERSON, now=timezone.now())
    tasks.ring_for(source_id=source_id)
    messages.info(request, _("%(name)s is being asked for what is new.") % {"name": card.name})
    return redirect("sources", request.sight.person_id)


@require_http_methods(["GET", "HEAD", "POST"])
@person_view(needs=Role.CAREGIVER, opened=False, step_up=True)
def disconnect(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Ask first; then end the source's grant, at the portal too where it offers that."""
    with request.sight.open():
        card: SourceCard = _detail(request, source_id).card
    if request.method != "POST":
        return render(request, "sources/disconnect.html", {"card": card, "section": "sources"})
    ended = end_source(sight=request.sight, source_id=source_id, egress=egress(), now=timezone.now())
    with request.sight.open():
        requests.withdraw(source_id=source_id)
    how = "export" if card.kind == "export" else ended.revoked
    messages.success(request, ENDED[how] % {"name": card.name})
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
    found: SourceDetail | None = queries.source_detail(
        sight=request.sight, source_id=source_id, now=timezone.now()
    )
    if found is None:
        raise Http404
    return found
