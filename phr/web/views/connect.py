"""From the directory to a portal's consent page, and what happens on the way back."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from connectors.errors import Denied, PortalError
from phr.accounts.access import Role
from phr.core.network import documents, egress
from phr.sources import asking, directory, portals
from phr.sources.flows import confirm as confirming
from phr.sources.flows import pasted
from phr.sources.flows.begin import UnknownPortal
from phr.sources.flows.finish import finish
from phr.sources.flows.outcomes import ConnectRefused
from phr.sources.registrations import BadRegistration, NotRegistered
from phr.sources.shapes import PortalChoice
from phr.web.gate import PersonRequest, SignedInRequest, person_view, signed_in
from phr.web.journeys import arrived, leave, refused_page, session_key
from phr.web.outcomes import BEGIN_FAILED, BEGIN_IMPOSSIBLE, BEGIN_REFUSED, PASTED_WRONG
from phr.web.policy import may_leave, may_post_to
from phr.web.words import asks

# A name is shorter; an address may be pasted in place of one.
TEXT_MAX: Final = 500


@require_safe
@person_view(needs=Role.CAREGIVER)
def search(request: PersonRequest) -> HttpResponse:
    """Search the directory by name, place or brand; the page or, for typing, the list alone."""
    return _search_page(request, request.GET.get("q", ""))


@require_POST
@person_view(needs=Role.CAREGIVER)
def address(request: PersonRequest) -> HttpResponse:
    """Take an address in place of a name: the portal there, vouched for by nobody."""
    text = request.POST.get("address", "")
    try:
        there = portals.typed_portal(url=text[:TEXT_MAX])
    except portals.BadAddress as error:
        return _search_page(request, text, fault=str(error), status=400)
    return redirect("connect_portal", request.sight.person_id, there.pk)


@require_safe
@person_view(needs=Role.CAREGIVER, step_up=True)
def portal(request: PersonRequest, portal_id: int) -> HttpResponse:
    """Say what this portal will be asked for, before anybody is sent there."""
    return _portal_page(request, _choice(request, portal_id))


@require_POST
@person_view(needs=Role.CAREGIVER, opened=False, step_up=True)
def begin(request: PersonRequest, portal_id: int) -> HttpResponse:
    """Begin a journey: the browser goes to the portal's own sign-in page."""
    with request.sight.open():
        chosen = _choice(request, portal_id)
    as_staff = "as_staff" in request.POST
    if not (chosen.for_staff if as_staff else chosen.connectable):
        return _portal_page(request, chosen, status=409)
    try:
        return leave(
            request,
            sight=request.sight,
            portal_id=portal_id,
            portal_name=chosen.name,
            as_staff=as_staff,
            brand_id=_number(request.POST.get("brand", "")),
        )
    except UnknownPortal:
        raise Http404 from None
    except Denied:
        return _portal_page(request, chosen, fault=str(BEGIN_REFUSED), ask=True, status=502)
    except PortalError:
        return _portal_page(request, chosen, fault=str(BEGIN_FAILED), status=502)
    except (NotRegistered, BadRegistration):
        return _portal_page(request, chosen, fault=str(BEGIN_IMPOSSIBLE), ask=True, status=409)


@require_POST
@person_view(needs=Role.CAREGIVER, opened=False, step_up=True)
def reconnect(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Begin a journey that renews a source's access; another patient's chart is refused at its end."""
    with request.sight.open():
        portal_id = directory.portal_of(source_id=source_id)
        name = "" if portal_id is None else _choice(request, portal_id).name
    if portal_id is None:
        raise Http404
    try:
        return leave(
            request, sight=request.sight, portal_id=portal_id, portal_name=name, reconnects=source_id
        )
    except PortalError:
        messages.error(request, str(BEGIN_FAILED))
    except (NotRegistered, BadRegistration):
        messages.error(request, str(BEGIN_IMPOSSIBLE))
    return redirect("sources", request.sight.person_id)


@require_GET  # and not HEAD: it uses the journey up
@signed_in
def callback(request: SignedInRequest, slug: str) -> HttpResponse:
    """Take back whoever returns from a portal; the state decides whose journey it was."""
    try:
        result = finish(
            user=request.user,
            session_key=session_key(request),
            slug=slug,
            params=pasted.read_answer(query=request.META.get("QUERY_STRING", "")),
            egress=egress(),
            cache=documents(),
            now=timezone.now(),
        )
    except ConnectRefused as refused:
        return refused_page(request, refused)
    return arrived(request, result)


@require_http_methods(["GET", "HEAD", "POST"])
@person_view(needs=Role.CAREGIVER, opened=False)
def waiting(request: PersonRequest, attempt_id: UUID) -> HttpResponse:
    """Say how a journey comes back that no browser is sent back from; and take the address that is pasted."""
    now, key, fault = timezone.now(), session_key(request), ""
    try:
        with request.sight.open():
            there = pasted.waiting(sight=request.sight, attempt_id=attempt_id, session_key=key, now=now)
    except ConnectRefused as refused:
        if refused.code == "state_unknown":
            raise Http404 from None
        return refused_page(request, refused)
    try:
        if request.method == "POST":
            result = pasted.finish_pasted(
                user=request.user,
                session_key=key,
                there=there,
                text=request.POST.get("address", ""),
                egress=egress(),
                cache=documents(),
                now=now,
            )
            return arrived(request, result)
    except ConnectRefused as refused:
        if refused.code != "not_an_answer":
            return refused_page(request, refused)
        fault = PASTED_WRONG % {"address": there.redirect_uri}
    context = {"there": there, "fault": fault, "section": "sources"}
    page = render(request, "connect/waiting.html", context, status=400 if fault else 200)
    return may_post_to(page, url=there.request.url) if there.request.method == "POST" else page


@require_http_methods(["GET", "HEAD", "POST"])
@person_view(needs=Role.CAREGIVER, opened=False)
def confirm(request: PersonRequest, attempt_id: UUID) -> HttpResponse:
    """Show a portal's patient beside the person of the record, and connect or decline as somebody says."""
    now, key = timezone.now(), session_key(request)
    try:
        with request.sight.open():
            shown = confirming.candidate(sight=request.sight, attempt_id=attempt_id, session_key=key, now=now)
    except ConnectRefused:
        raise Http404 from None
    if shown is None:
        confirming.give_back_unconfirmed(sight=request.sight, egress=egress(), now=now)
        return refused_page(request, ConnectRefused("not_waiting", person_id=request.sight.person_id))
    decision = request.POST.get("decision")
    if decision == "no":
        confirming.decline(
            sight=request.sight, attempt_id=attempt_id, session_key=key, egress=egress(), now=now
        )
        return refused_page(
            request,
            ConnectRefused("not_confirmed", person_id=request.sight.person_id, portal_id=shown.portal_id),
        )
    looked = "looked_twice" in request.POST
    if decision == "yes" and (looked or not shown.needs_a_second_look):
        try:
            finished = confirming.confirm(
                sight=request.sight, attempt_id=attempt_id, session_key=key, looked_twice=looked, now=now
            )
        except ConnectRefused as refused:
            return refused_page(request, refused)
        return arrived(request, finished)
    context = {"shown": shown, "unsaid": request.method == "POST", "section": "sources"}
    return render(request, "connect/confirm.html", context, status=400 if request.method == "POST" else 200)


def _search_page(request: PersonRequest, text: str, *, fault: str = "", status: int = 200) -> HttpResponse:
    text = text.replace("\x00", "")[:TEXT_MAX].strip()
    context = {
        "found": directory.search(sight=request.sight, text=text),
        "q": text,
        "fault": fault,
        "section": "sources",
    }
    template = "connect/_portals.html" if request.htmx else "connect/search.html"
    return render(request, template, context, status=status)


def _choice(request: PersonRequest, portal_id: int) -> PortalChoice:
    brand = _number(request.POST.get("brand", "") or request.GET.get("brand", ""))
    found = directory.choice(sight=request.sight, portal_id=portal_id, brand_id=brand)
    if found is None:
        raise Http404
    return found


def _portal_page(
    request: PersonRequest, chosen: PortalChoice, *, fault: str = "", ask: bool = False, status: int = 200
) -> HttpResponse:
    with request.sight.open():
        journey = pasted.open_journey(
            sight=request.sight,
            portal_id=chosen.id,
            session_key=session_key(request),
            now=timezone.now(),
        )
    # Whoever runs this server can mend these; that the portal starts apps alone, nobody here can.
    ask = ask or chosen.lack not in {"", "only_from_there"}
    context = {
        "portal": chosen,
        "asks": asks(chosen.resource_types),
        "request_text": asking.request_text(portal_id=chosen.id) if ask else "",
        "journey": journey,
        "fault": fault,
        "brand": chosen.brand_id or "",
        "section": "sources",
    }
    return may_leave(render(request, "connect/portal.html", context, status=status))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
