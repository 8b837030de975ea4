"""From the directory to a portal's consent page, and what happens on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST, require_safe

from connectors.errors import PortalError
from phr.accounts import access
from phr.accounts.access import Role
from phr.core.network import egress
from phr.sources import directory
from phr.sources.flows import begin as flow
from phr.sources.flows.finish import finish
from phr.sources.flows.outcomes import ConnectRefused
from phr.sources.registrations import NotRegistered
from phr.sources.shapes import PortalChoice
from phr.sync import requests, tasks
from phr.sync.models import Run
from phr.web.gate import PersonRequest, SignedInRequest, person_view, signed_in
from phr.web.policy import may_leave
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


# Several codes of the flow are one thing to whoever reads about it.
SAME: Final = {
    "state_expired": "expired",
    "state_used": "used",
    "state_unknown": "not_yours",
    "other_session": "not_yours",
    "other_portal": "not_yours",
    "issuer_mismatch": "not_yours",
    "portal_error": "failed",
}
OUTCOMES: Final = {
    "denied": Outcome(
        gettext_lazy("The portal was not connected"),
        gettext_lazy(
            "On the portal's page the access was declined, or the page was closed before it was given."
        ),
        gettext_lazy("If that was meant, there is nothing to do. Otherwise try again and press Allow there."),
        icon="hand-raised",
    ),
    "expired": Outcome(
        gettext_lazy("That took too long"),
        gettext_lazy(
            "Ten minutes went by between leaving for the portal and coming back, so the journey is over."
        ),
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
            "The address belongs to another sign-in, another browser, or to nobody. No request was "
            "sent to the portal."
        ),
        gettext_lazy(
            "Begin at the sources page in this browser. If somebody sent you this link, do not use it."
        ),
        status=403,
        icon="shield-exclamation",
    ),
    "other_patient": Outcome(
        gettext_lazy("That is another person's chart"),
        gettext_lazy(
            "The portal gave access to a different patient than the one this source belongs to, so "
            "nothing was joined."
        ),
        gettext_lazy(
            "Reconnect and choose the same patient, or connect the other chart into that person's record."
        ),
        status=409,
        icon="users",
    ),
    "no_patient": Outcome(
        gettext_lazy("The portal named no patient"),
        gettext_lazy(
            "It gave access, but did not say to whose chart, so nothing could be fetched. The "
            "access was given back."
        ),
        gettext_lazy(
            "Try again, and choose a patient if the portal asks. If it does not, the portal has to "
            "be set up for patients."
        ),
        status=502,
        icon="user-circle",
    ),
    "failed": Outcome(
        gettext_lazy("The portal did not finish"),
        gettext_lazy(
            "It sent you back, but then answered with an error or with something that is no answer."
        ),
        gettext_lazy(
            "Try again in a few minutes. If it stays, the portal is at fault or is not registered rightly."
        ),
        status=502,
        icon="signal-slash",
    ),
}
BEGIN_FAILED: Final = gettext_lazy(
    "The portal does not answer, or not as it should, so you were not sent there. Try again in a few minutes."
)
BEGIN_IMPOSSIBLE: Final = gettext_lazy(
    "This server is not registered there, so nobody can be sent there yet."
)


@require_safe
@person_view(needs=Role.CAREGIVER)
def search(request: PersonRequest) -> HttpResponse:
    """Search the directory by name, place or brand; the page or, for typing, the list alone."""
    text = request.GET.get("q", "").replace("\x00", "")[:TEXT_MAX].strip()
    context = {"portals": directory.search(sight=request.sight, text=text), "q": text, "section": "sources"}
    return render(request, "connect/_portals.html" if request.htmx else "connect/search.html", context)


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
    if not chosen.connectable:
        return _portal_page(request, chosen, status=409)
    try:
        return redirect(_leave(request, portal_id=portal_id))
    except PortalError:
        return _portal_page(request, chosen, fault=str(BEGIN_FAILED), status=502)
    except NotRegistered:
        return _portal_page(request, chosen, fault=str(BEGIN_IMPOSSIBLE), status=409)


@require_POST
@person_view(needs=Role.CAREGIVER, opened=False, step_up=True)
def reconnect(request: PersonRequest, source_id: UUID) -> HttpResponse:
    """Begin a journey that renews a source's access; another patient's chart is refused at its end."""
    with request.sight.open():
        portal_id = directory.portal_of(source_id=source_id)
    if portal_id is None:
        raise Http404
    try:
        return redirect(_leave(request, portal_id=portal_id, reconnects=source_id))
    except PortalError:
        messages.error(request, str(BEGIN_FAILED))
    except NotRegistered:
        messages.error(request, str(BEGIN_IMPOSSIBLE))
    return redirect("sources", request.sight.person_id)


@require_GET  # and not HEAD: it uses the journey up
@signed_in
def callback(request: SignedInRequest, slug: str) -> HttpResponse:
    """Take back whoever returns from a portal; the state decides whose journey it was."""
    now = timezone.now()
    try:
        finished = finish(
            user=request.user,
            session_key=_session_key(request),
            slug=slug,
            params=request.GET.dict(),
            egress=egress(),
            now=now,
        )
    except ConnectRefused as refused:
        return _refused_page(request, refused)
    sight = access.person_for(user=request.user, person_id=finished.person_id, needs=Role.CAREGIVER, now=now)
    with sight.open():
        requests.request(sight=sight, source_id=finished.source_id, trigger=Run.Trigger.CONNECT, now=now)
        tasks.ring_for(source_id=finished.source_id)
    messages.success(
        request, _("The portal is connected. Its records are being fetched; this page shows how far it is.")
    )
    return redirect("sources", finished.person_id)


def _refused_page(request: SignedInRequest, refused: ConnectRefused) -> HttpResponse:
    outcome = OUTCOMES[SAME.get(refused.code, refused.code)]
    if refused.person_id is not None:
        # The journey was this user's own: the page then stands in the record that it was meant for.
        try:
            sight = access.person_for(user=request.user, person_id=refused.person_id, now=timezone.now())
        except access.NotVisible:
            pass
        else:
            request.sight = sight  # type: ignore[attr-defined]
    context = {"outcome": outcome, "portal_id": refused.portal_id, "section": "sources"}
    return render(request, "connect/outcome.html", context, status=outcome.status)


def _leave(request: PersonRequest, *, portal_id: int, reconnects: UUID | None = None) -> str:
    return flow.begin(
        sight=request.sight,
        portal_id=portal_id,
        session_key=_session_key(request),
        reconnects=reconnects,
        egress=egress(),
        now=timezone.now(),
    )


def _choice(request: PersonRequest, portal_id: int) -> PortalChoice:
    found = directory.choice(sight=request.sight, portal_id=portal_id)
    if found is None:
        raise Http404
    return found


def _portal_page(
    request: PersonRequest, chosen: PortalChoice, *, fault: str = "", status: int = 200
) -> HttpResponse:
    context = {"portal": chosen, "asks": asks(chosen.resource_types), "fault": fault, "section": "sources"}
    return may_leave(render(request, "connect/portal.html", context, status=status))


def _session_key(request: HttpRequest) -> str:
    if not request.session.session_key:
        request.session.save()
    key: str | None = request.session.session_key
    assert key is not None
    return key
