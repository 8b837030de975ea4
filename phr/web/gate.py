"""The way from an address to a person's record: sign-in, Sight, and only then the view."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import time
from typing import Any, Concatenate, Final, ParamSpec, cast
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from phr.accounts import access
from phr.accounts.access import Role, Sight
from phr.accounts.models import User

P = ParamSpec("P")
Gated = Callable[..., HttpResponseBase]


class SignedInRequest(HttpRequest):
    """A request whose user is known."""

    user: User
    htmx: HtmxDetails


class PersonRequest(SignedInRequest):
    """A request that passed the gate."""

    sight: Sight


# Who proved this lately, at the sign-in or since, is not asked again.
STEP_UP_SECONDS: Final = 300


def signed_in(view: Callable[Concatenate[SignedInRequest, P], HttpResponseBase]) -> Gated:
    """Send strangers to the sign-in page, and back here afterwards."""

    @wraps(view)
    def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if isinstance(request.user, User):
            return view(cast("SignedInRequest", request), *args, **kwargs)
        if getattr(request, "htmx", False):
            # A partial that followed the redirect would put the sign-in form inside a card.
            return HttpResponseClientRefresh()
        return redirect_to_login(request.get_full_path())

    return gated


def person_view(
    *, needs: Role = Role.VIEWER, opened: bool = True, step_up: bool = False
) -> Callable[[Callable[Concatenate[PersonRequest, P], HttpResponse]], Gated]:
    """Let a view see one person's record, as far as its user may.

    A stranger, a lesser role and an expired access all get 404: whether there is such a person is not said.
    ``opened``: the view runs within the Sight's transaction. A view that talks to a portal takes it
    unopened and opens it around its own reads and writes, so that no request is sent inside a transaction.
    ``step_up``: whoever signed in a while ago proves it again first.
    """

    def decorate(view: Callable[Concatenate[PersonRequest, P], HttpResponse]) -> Gated:
        @wraps(view)
        def gated(request: SignedInRequest, person_id: UUID, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                sight = access.person_for(
                    user=request.user, person_id=person_id, needs=needs, now=timezone.now()
                )
            except access.NotVisible:
                raise Http404 from None
            if step_up:
                ask_again(request)
            seen = cast("PersonRequest", request)
            seen.sight = sight
            if not opened:
                return view(seen, *args, **kwargs)
            with sight.open():
                return view(seen, *args, **kwargs)

        return signed_in(gated)

    return decorate


def operator_view(
    *, step_up: bool = False
) -> Callable[[Callable[Concatenate[SignedInRequest, P], HttpResponseBase]], Gated]:
    """Let a view be seen by those who run this server; to everybody else there is no such page.

    It opens no record: what operators see holds nothing of anybody's health. ``step_up``: as for `person_view`.
    """

    def decorate(view: Callable[Concatenate[SignedInRequest, P], HttpResponseBase]) -> Gated:
        @wraps(view)
        def gated(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_staff:
                raise Http404
            if step_up:
                ask_again(request)
            return view(request, *args, **kwargs)

        return signed_in(gated)

    return decorate


def ask_again(request: SignedInRequest) -> None:
    """Send whoever proved who they are too long ago to do it again; allauth then goes on with this request.

    allauth's own decorator counts later proofs alone, and would ask for the password twice in a row after a sign-in.
    """
    records = get_authentication_records(request, request.user)
    # Whoever signed up just now chose the password just now.
    proved = [record["at"] for record in records] + [request.user.date_joined.timestamp()]
    if time() - max(proved) >= STEP_UP_SECONDS:
        raise ReauthenticationRequired
