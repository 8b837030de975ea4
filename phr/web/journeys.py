"""Off to a portal and back: what every view does that sends somebody there, or takes somebody back."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from phr.accounts import access
from phr.accounts.access import Role, Sight
from phr.core.network import documents, egress
from phr.sources.flows import begin as flow
from phr.sources.flows import confirm
from phr.sources.flows.launch import Launched
from phr.sources.flows.moves import Moved
from phr.sources.flows.outcomes import ConnectRefused, Finished, Unconfirmed
from phr.sync import requests, tasks
from phr.sync.labels import type_label
from phr.sync.models import Run
from phr.web.gate import SignedInRequest
from phr.web.outcomes import OUTCOMES, SAME
from phr.web.policy import may_leave, may_post_to

# As many kinds of records as a sentence can name.
_NAMED = 6


def leave(
    request: SignedInRequest,
    *,
    sight: Sight,
    portal_id: int,
    portal_name: str,
    launched: Launched | None = None,
    as_staff: bool = False,
    reconnects: UUID | None = None,
    brand_id: int | None = None,
) -> HttpResponse:
    """Begin a journey and send the browser on; the Sight is not open.

    Where the portal has moved its sign-in since this person was there, they are asked first. Raises what
    `flows.begin.begin` raises, but for that.
    """
    now = timezone.now()
    request.sight = sight  # type: ignore[attr-defined]
    confirm.give_back_unconfirmed(sight=sight, egress=egress(), now=now)
    try:
        begun = flow.begin(
            sight=sight,
            portal_id=portal_id,
            session_key=session_key(request),
            launched=launched,
            as_staff=as_staff,
            reconnects=reconnects,
            brand_id=brand_id,
            accepts=request.POST.get("accept_changes", ""),
            egress=egress(),
            cache=documents(),
            now=now,
        )
    except Moved as changed:
        return _moved_page(request, changed, portal_name=portal_name)
    if not begun.comes_back:
        return redirect("connect_waiting", sight.person_id, begun.attempt_id)
    if begun.request.method == "GET":
        return redirect(begun.request.url)
    context = {"there": begun.request, "portal_name": portal_name, "section": "sources"}
    return may_post_to(render(request, "connect/leaving.html", context), url=begun.request.url)


def arrived(request: SignedInRequest, result: Finished | Unconfirmed) -> HttpResponse:
    """Go on after a journey that ended well: to the sources, or to whoever must say whose chart it is."""
    if isinstance(result, Unconfirmed):
        return redirect("connect_confirm", result.person_id, result.attempt_id)
    now = timezone.now()
    sight = access.person_for(user=request.user, person_id=result.person_id, needs=Role.CAREGIVER, now=now)
    with sight.open():
        requests.request(sight=sight, source_id=result.source_id, trigger=Run.Trigger.CONNECT, now=now)
        tasks.ring_for(source_id=result.source_id)
    messages.success(
        request, _("The portal is connected. Its records are being fetched; this page shows how far it is.")
    )
    withheld = (*result.difference.missing, *result.difference.reduced)
    if withheld:
        messages.warning(
            request,
            _("It did not allow everything that was asked for. Missing, or there in part: %(types)s.")
            % {"types": in_words(withheld)},
        )
    return redirect("sources", result.person_id)


def in_words(types: tuple[str, ...]) -> str:
    """Say what FHIR types are to a patient, at most a handful of them."""
    named = list(
        dict.fromkeys(
            _("some kinds of records") if name == "*" else type_label(name, "search") for name in types
        )
    )
    if len(named) <= _NAMED:
        return ", ".join(named)
    return _("%(types)s and %(n)s more") % {
        "types": ", ".join(named[: _NAMED - 1]),
        "n": len(named) - _NAMED + 1,
    }


def refused_page(request: SignedInRequest, refused: ConnectRefused) -> HttpResponse:
    """Say how a journey ended, in the record that it was meant for where it was this user's own."""
    outcome = OUTCOMES[SAME.get(refused.code, refused.code)]
    if refused.person_id is not None:
        try:
            sight = access.person_for(user=request.user, person_id=refused.person_id, now=timezone.now())
        except access.NotVisible:
            pass
        else:
            request.sight = sight  # type: ignore[attr-defined]
    context = {"outcome": outcome, "portal_id": refused.portal_id, "section": "sources"}
    return render(request, "connect/outcome.html", context, status=outcome.status)


def session_key(request: HttpRequest) -> str:
    """Return the key of the browser's session, which a journey is bound to."""
    if not request.session.session_key:
        request.session.save()
    key: str | None = request.session.session_key
    assert key is not None
    return key


def _moved_page(request: SignedInRequest, changed: Moved, *, portal_name: str) -> HttpResponse:
    """Ask whether to follow a portal to another address; the same form is sent again with what was shown."""
    words: Mapping[str, str] = {
        "authorization_endpoint": _("Where you sign in"),
        "token_endpoint": _("Where this server proves itself"),
        "issuer": _("Who vouches for who you are"),
    }
    context = {
        "portal_name": portal_name,
        "changes": [(words[each.field], each) for each in changed.changes if each.field in words],
        "others": [each for each in changed.changes if each.field not in words],
        "accepts": changed.accepts,
        "sent": [
            (name, value)
            for name, value in request.POST.items()
            if name not in {"csrfmiddlewaretoken", "accept_changes"}
        ],
        "section": "sources",
    }
    return may_leave(render(request, "connect/moved.html", context, status=409))
