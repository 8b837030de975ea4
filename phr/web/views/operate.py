"""Where an operator begins: what there is to look after, in numbers, and the way to each of it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from phr.accounts import desk as desks
from phr.exchange import queries as exports
from phr.sources import operating
from phr.web.gate import SignedInRequest, operator_view


@require_safe
@operator_view()
def operate(request: SignedInRequest) -> HttpResponse:
    """Show the numbers."""
    waiting = exports.counts(desk=desks.desk_of(user=request.user))
    context = {"counts": operating.counts(), "exports": waiting, "section": "operate"}
    return render(request, "operate/page.html", context)
