"""The way from an address to a person's record: sign-in, Sight, and only then the view."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

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


class SignedInRequest(HttpRequest):
    """A request whose user is known."""

    user: User
    htmx: HtmxDetails


class PersonRequest(SignedInRequest):
    """A request that passed the gate."""

    sight: Sight


def signed_in(
    view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Send strangers to the sign-in page, and back here afterwards."""

    @wraps(view)
    def gated(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if isinstance(request.user, User):
            return view(_as(SignedInRequest, request), *args, **kwargs)
        if getattr(request, "htmx", False):
            # A partial that followed the redirect would put the sign-in form inside a card.
            return HttpResponseClientRefresh()
        return redirect_to_login(request.get_full_path())

    return gated


def person_view(
    *, needs: Role = Role.VIEWER, opened: bool = True
) -> Callable[
    [Callable[Concatenate[PersonRequest, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, UUID, P], HttpResponseBase],
]:
    """Let a view see one person's record, as far as its user may.

    A stranger, a lesser role and an expired access all get 404: whether there is such a person is not said.
    ``opened``: the view runs within the Sight's transaction. A view that talks to a portal takes it unopened and
    opens it around its own reads and writes, so that no request is sent inside a transaction.
    """

    def decorate(
        view: Callable[Concatenate[PersonRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, UUID, P], HttpResponseBase]:
        @wraps(view)
        def gated(
            request: SignedInRequest, person_id: UUID, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            seen = _as(PersonRequest, request)
            try:
                seen.sight = access.person_for(
                    user=request.user, person_id=person_id, needs=needs, now=timezone.now()
                )
            except access.NotVisible:
                raise Http404 from None
            if not opened:
                return view(seen, *args, **kwargs)
            with seen.sight.open():
                return view(seen, *args, **kwargs)

        return signed_in(gated)

    return decorate


R = ParamSpec("R")


def _as(kind: type, request: HttpRequest) -> HttpRequest:
    """Say what a request has become; Django hands one object through all of them."""
    del kind
    return request
