"""The operator's exports: connections, how far each is, and whose record the patients in them become."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from phr.accounts import desk as desks
from phr.accounts.desk import Desk
from phr.exchange import connections, patients, queries, tasks
from phr.exchange.models import ExportedPatient, SystemConnection
from phr.web.gate import SignedInRequest, operator_view

_STATES: Final = tuple(ExportedPatient.State.values)
_TEXT_MAX: Final = 100


@require_safe
@operator_view()
def exports(request: SignedInRequest) -> HttpResponse:
    """List the connections."""
    desk = desks.desk_of(user=request.user)
    with desk.open():
        cards = queries.cards(now=timezone.now())
    return render(request, "exports/page.html", {"cards": cards, "section": "operate"})


@require_safe
@operator_view()
def connection(request: SignedInRequest, connection_id: UUID) -> HttpResponse:
    """Show one connection with its patients; a page that polls gets the card alone."""
    desk = desks.desk_of(user=request.user)
    state, text = _asked(request.GET)
    with desk.open():
        if request.htmx:
            card = queries.connection_card(connection_id=connection_id, now=timezone.now())
            if card is None:
                raise Http404
            return render(request, "exports/_card.html", {"card": card, "detail": True})
        page = queries.connection_page(
            desk=desk, connection_id=connection_id, state=state, text=text, now=timezone.now()
        )
    if page is None:
        raise Http404
    context = {
        "page": page,
        "states": [(each, ExportedPatient.State(each).label) for each in _STATES],
        "state": state,
        "text": text,
        "section": "operate",
    }
    return render(request, "exports/connection.html", context)


@require_POST
@operator_view()
def ask(request: SignedInRequest, connection_id: UUID) -> HttpResponse:
    """Ask for an export: of what changed since the last, or of everything."""
    desk = desks.desk_of(user=request.user)
    found = SystemConnection.objects.filter(pk=connection_id, kind=SystemConnection.Kind.PORTAL).first()
    if found is None:
        raise Http404
    since = None if "whole" in request.POST else found.since
    connections.request(desk=desk, connection=found, since=since, now=timezone.now())
    tasks.ring_for_export(connection_id=found.pk)
    messages.info(request, _("%(name)s is asked for an export.") % {"name": found.name})
    return redirect("exports_connection", connection_id)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_view(step_up=True)
def patient(request: SignedInRequest, patient_id: UUID) -> HttpResponse:
    """Show a patient and whom they may be; say whose record it is."""
    desk = desks.desk_of(user=request.user)
    doubts: tuple[str, ...] = ()
    chosen = ""
    if request.method == "POST":
        chosen = request.POST.get("person", "")
        try:
            mapped = _map(desk, patient_id, request.POST)
        except patients.Doubtful as error:
            doubts = error.sentences
        except patients.NotThere as error:
            messages.error(request, str(error))
        else:
            tasks.ring_for_export(connection_id=mapped.connection_id)
            messages.success(request, _("Mapped. What waited moves into the record now."))
            return redirect("exports_connection", mapped.connection_id)
    with desk.open():
        page = queries.patient_page(desk=desk, patient_id=patient_id, text=_asked(request.GET)[1])
    if page is None:
        raise Http404
    context = {
        "page": page,
        "doubts": doubts,
        "chosen": chosen,
        "text": _asked(request.GET)[1],
        "section": "operate",
    }
    return render(request, "exports/patient.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@operator_view(step_up=True)
def undo(request: SignedInRequest, patient_id: UUID) -> HttpResponse:
    """Take a mapping back, want an ignored patient again, or keep nothing of one."""
    desk = desks.desk_of(user=request.user)
    try:
        match request.POST.get("what", ""):
            case "unmap":
                found = patients.unmap_patient(desk=desk, patient_id=patient_id, now=timezone.now())
                messages.success(request, _("Taken back. The chart left the record and waits again."))
            case "ignore":
                found = patients.ignore_patient(desk=desk, patient_id=patient_id)
                messages.success(request, _("Nothing of this patient is kept."))
            case "want":
                found = patients.want_patient(desk=desk, patient_id=patient_id)
                messages.success(
                    request, _("Waits again. What was left out comes with the next whole export.")
                )
            case _:
                raise Http404
    except patients.NotThere as error:
        messages.error(request, str(error))
        return redirect("exports_patient", patient_id)
    return redirect("exports_connection", found.connection_id)


def _map(desk: Desk, patient_id: UUID, given: QueryDict) -> ExportedPatient:
    try:
        person_id = UUID(given.get("person", ""))
    except ValueError:
        raise patients.NotThere(_("Choose whose record it becomes.")) from None
    return patients.map_patient(
        desk=desk, patient_id=patient_id, person_id=person_id, sure="sure" in given, now=timezone.now()
    )


def _asked(params: QueryDict) -> tuple[str, str]:
    """Return which patients the address asks for: their state, and what their name holds."""
    state = params.get("state", "")
    text = params.get("q", "").replace("\x00", "").encode("utf-8", "ignore").decode()[:_TEXT_MAX]
    return state if state in _STATES else ExportedPatient.State.WAITING, text
