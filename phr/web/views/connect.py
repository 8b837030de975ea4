"""From the directory to a portal's consent page, and what happens on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from phr.accounts.access import Role
from phr.sources import flows, portals
from phr.sources.shapes import PortalChoice
from phr.web.gate import PersonRequest, SignedInRequest, person_view, signed_in
from phr.web.words import asks

TEXT_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a journey to a portal ended, when it did not end well."""

    title: Promise | str
    happened: Promise | str
    to_do: Promise | str
    status: int = 200
    icon: str = "exclamation-triangle"


OUTCOMES: Final = {
    "denied": Outcome(
        gettext_lazy("The portal was not connected"),
        gettext_lazy("On the portal's page the access was declined, or the page was closed before it was given."),
        gettext_lazy("If that was meant, there is nothing to do. Otherwise try again and press Allow there."),
        icon="hand-raised",
    ),
    "expired": Outcome(
        gettext_lazy("That took too long"),
        gettext_lazy("Ten minutes went by between leaving for the portal and coming back, so the journey is over."),
        gettext_lazy("Try again; the portal often remembers that you signed in."),
        status=410,
        icon="clock",
    ),
    "used": Outcome(
        gettext_lazy("This was done already"),
        gettext_lazy("The address you came back with works once, and it was used before."),
        gettext_lazy("Look at the sources: the portal may be connected. If it is not, try again."),
        status=410,
        icon="arrow-uturn-left",
    ),
    "not_yours": Outcome(
        gettext_lazy("This journey was not begun here"),
        gettext_lazy(
            "The address belongs to another sign-in, another browser, or to nobody. No request was sent to the portal."
        ),
        gettext_lazy("Begin at the sources page in this browser. If somebody sent you this link, do not use it."),
        status=403,
        icon="shield-exclamation",
    ),
    "other_patient": Outcome(
        gettext_lazy("That is another person's chart"),
        gettext_lazy(
            "The portal gave access to a different patient than the one this source belongs to, so nothing was joined."
        ),
        gettext_lazy("Reconnect and choose the same patient, or connect the other chart into that person's record."),
        status=409,
        icon="users",
    ),
    "failed": Outcome(
        gettext_lazy("The portal did not finish"),
        gettext_lazy("It sent you back, but then answered with an error or with something that is no answer."),
        gettext_lazy("Try again in a few minutes. If it stays, the portal is at fault or is not registered rightly."),
        status=502,
        icon="signal-slash",
    ),
}
BEGIN_FAILED: Final = gettext_lazy(
    "The portal does not answer, or not as it should, so you were not sent there. Try again in a few minutes."
)


@require_safe
@person_view(needs=Role.CAREGIVER)
def search(request: PersonRequest) -> HttpResponse:
    """Search the directory by name, place or brand; the page or, for typing, the list alone."""
    text = request.GET.get("q", "").replace("\x00", "")[:TEXT_MAX].strip()
    context = {
        "portals": portals.search(sight=request.sight, text=text),
        "q": text,
        "section": "sources",
    }
    return render(request, "connect/_portals.html" if request.htmx else "connect/search.html", context)


@require_safe
@person_view(needs=Role.CAREGIVER)
@reauthentication_required
def portal(request: PersonRequest, portal_id: int) -> HttpResponse:
    """Say what this portal will be asked for, before anybody is sent there."""
    return _portal_page(request, _choice(request, portal_id))


@require_POST
@person_view(needs=Role.CAREGIVER, opened=False)
@reauthentication_required
def begin(request: PersonRequest, portal_id: int) -> HttpResponse:
    """Begin a journey: the browser goes to the portal's own sign-in page."""
    with request.sight.open():
        chosen = _choice(request, portal_id)
    if not chosen.connectable:
        return _portal_page(request, chosen, status=409)
    try:
        address = flows.begin(
            sight=request.sight,
            portal_id=portal_id,
            session_key=_session_key(request),
            now=timezone.now(),
        )
    except flows.ConnectFailed:
        return _portal_page(request, chosen, fault=str(BEGIN_FAILED), status=502)
    return redirect(address)


@require_POST
@person_view(needs=Role.CAREGIVER, opened=False)
@reauthentication_required
def reconnect(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Begin a journey that renews a source's access; another patient's chart is refused at its end."""
    try:
        address = flows.reconnect(
            sight=request.sight,
            source_id=source_id,
            session_key=_session_key(request),
            now=timezone.now(),
        )
    except flows.ConnectFailed:
        messages.error(request, str(BEGIN_FAILED))
        return redirect("sources", request.sight.person_id)
    return redirect(address)


@require_safe
@signed_in
def callback(request: SignedInRequest, slug: str) -> HttpResponse:
    """Take back whoever returns from a portal; the state decides whose journey it was."""
    try:
        finished = flows.finish(
            user=request.user,
            slug=slug,
            session_key=_session_key(request),
            parameters=request.GET,
            now=timezone.now(),
        )
    except flows.ConnectFailed as ended:
        outcome = OUTCOMES.get(ended.code, OUTCOMES["failed"])
        return render(
            request, "connect/outcome.html", {"outcome": outcome, "section": "sources"}, status=outcome.status
        )
    messages.success(
        request,
        _("%(name)s is connected. Its records are being fetched; this page shows how far it is.")
        % {"name": finished.name},
    )
    return redirect("sources", finished.person_id)


def _choice(request: PersonRequest, portal_id: int) -> PortalChoice:
    found = portals.choice(sight=request.sight, portal_id=portal_id)
    if found is None:
        raise Http404
    return found


def _portal_page(
    request: PersonRequest, chosen: PortalChoice, *, fault: str = "", status: int = 200
) -> HttpResponse:
    context = {"portal": chosen, "asks": asks(chosen.resource_types), "fault": fault, "section": "sources"}
    return render(request, "connect/portal.html", context, status=status)


def _session_key(request: HttpRequest) -> str:
    if not request.session.session_key:
        request.session.save()
    key = request.session.session_key
    assert key is not None
    return key
