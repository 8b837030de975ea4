"""Where a portal's own page starts us (SMART EHR launch): who is it for, and then the same way as any journey."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from connectors.errors import Denied, PortalError
from phr.accounts import access
from phr.accounts.access import Role, Sight
from phr.sources.flows.launch import Launched, LaunchRefused, launched, only
from phr.sources.registrations import BadRegistration, NotRegistered
from phr.web.forms import PersonForm
from phr.web.gate import SignedInRequest, ask_again, signed_in
from phr.web.journeys import leave
from phr.web.outcomes import BEGIN_FAILED, BEGIN_IMPOSSIBLE, BEGIN_REFUSED, LAUNCHES
from phr.web.policy import may_leave

NEW = "new"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def launch(request: SignedInRequest, slug: str) -> HttpResponse:
    """Ask whose record it is, and go back to the portal for its consent.

    Signing in, or proving it again, comes back to this address with all that it carries. A portal that is not in
    the directory is asked nothing at all.
    """
    given = request.POST if request.method == "POST" else request.GET
    try:
        there = launched(slug=slug, iss=only(given.getlist("iss")), value=only(given.getlist("launch")))
    except LaunchRefused as refused:
        outcome = LAUNCHES[refused.code]
        context = {"outcome": outcome, "section": "sources"}
        return render(request, "connect/outcome.html", context, status=outcome.status)
    ask_again(request)
    now = timezone.now()
    people = [sight for sight in access.people_of(user=request.user, now=now) if sight.may(Role.CAREGIVER)]
    if request.method != "POST":
        return _page(request, there, people)
    chosen = request.POST.get("person", "")
    form = PersonForm(request.POST, use_required_attribute=False) if chosen == NEW else None
    if form is not None and form.is_valid():
        sight = access.create_person(user=request.user, **form.cleaned_data)
    elif form is not None or not chosen:
        return _page(request, there, people, form=form, status=400)
    else:
        sight = _sight(request, chosen)
    return _left(request, there, people, sight=sight)


def _left(request: SignedInRequest, there: Launched, people: list[Sight], *, sight: Sight) -> HttpResponse:
    try:
        return leave(
            request,
            sight=sight,
            portal_id=there.portal.pk,
            portal_name=there.portal.name,
            launched=there,
        )
    except Denied:
        fault = BEGIN_REFUSED
    except PortalError:
        fault = BEGIN_FAILED
    except (NotRegistered, BadRegistration):
        fault = BEGIN_IMPOSSIBLE
    return _page(request, there, people, chosen=sight.person_id, fault=str(fault), status=502)


def _sight(request: SignedInRequest, chosen: str) -> Sight:
    try:
        return access.person_for(
            user=request.user, person_id=UUID(chosen), needs=Role.CAREGIVER, now=timezone.now()
        )
    except (ValueError, access.NotVisible):
        raise Http404 from None


def _page(
    request: SignedInRequest,
    there: Launched,
    people: list[Sight],
    *,
    form: PersonForm | None = None,
    chosen: UUID | None = None,
    fault: str = "",
    status: int = 200,
) -> HttpResponse:
    # Of several nobody is chosen: the wrong record would fill with somebody else's chart.
    only = people[0].person_id if len(people) == 1 else None
    context = {
        "portal": there.portal,
        "people": people,
        "chosen": chosen or (None if form is not None else only),
        # Asked for with a new record alone, which a browser cannot know.
        "form": form or PersonForm(use_required_attribute=False),
        "new": form is not None or not people,
        "iss": there.iss,
        "launch": there.value,
        "fault": fault,
        "unsaid": status == 400 and form is None,
        "section": "sources",
    }
    return may_leave(render(request, "connect/launch.html", context, status=status))
